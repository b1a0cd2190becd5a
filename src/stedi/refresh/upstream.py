"""One table refreshed by itself, when tables above it may be older than what they are made from.

What changed in a table of readings that a query reads is told by its roots (`contract/roots.py`),
not by comparing its versions. That is right only while it has seen the same versions of them.
If it has not, the table below is made of what is published all the same, but with a provisional
bookmark: once everything above is up to date it is made anew in full.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from stedi.contract import Table, load_tables, refresh_order
from stedi.contract.roots import ancestors
from stedi.engines.base import Base, Params
from stedi.lake.store import Store
from stedi.refresh.bookmark import BOOKMARK, base_of, bookmark

_BEHIND, _DIRECT = "behind", "read"  # of a provisional bookmark; its "sources" are empty


def behind(store: Store, table: Table, params: Params) -> list[Table]:
    """The tables above it whose published version is older than what it is made from, in order."""
    above = ancestors(table)
    return [t for t in refresh_order() if t.name in above and not is_current(store, t, params)]


def is_current(store: Store, table: Table, params: Params) -> bool:
    """Whether the published version was made from what is published of the tables it reads."""
    return _remembered(store, table) == wanted(store, table, params)


def wanted(store: Store, table: Table, params: Params) -> str:
    """The bookmark of a version made now; provisional if readings that it reads are behind.

    If they are, and nothing it reads has another version, it is the bookmark that stands.
    """
    exact = bookmark(store, table, params)
    late = [t.name for t in _readings(table) if not is_current(store, t, params)]
    if not late:
        return exact
    now, before = json.loads(exact), json.loads(_remembered(store, table) or "{}")
    if _read(table, now) == _read(table, before):
        return _remembered(store, table)
    read = {_DIRECT: _read(table, now), _BEHIND: late, "sources": {}}
    return json.dumps(now | read, sort_keys=True)


def base(store: Store, table: Table, params: Params) -> tuple[Base | None, str]:
    """What the published version was made from; or None, and why all must be made anew."""
    late = json.loads(_remembered(store, table) or "{}").get(_BEHIND)
    if late:
        return None, f"made when {', '.join(late)} was older than what it is made from"
    return base_of(store, table, params)


def _remembered(store: Store, table: Table) -> str:
    return store.table(table.name).summary.get(BOOKMARK, "")


def _read(table: Table, made: Mapping[str, Any]) -> dict[str, str | None]:
    """What a bookmark says of query and policy, and of the versions that the query read."""
    versions = made.get(_DIRECT) or made.get("sources", {})
    how = {key: made.get(key) for key in ("query", "policy")}
    return how | {name: versions.get(name) for name in table.sources}


def _readings(table: Table) -> Iterator[Table]:
    """The tables of readings that its query reads between it and its roots."""
    for name in table.sources:
        source = load_tables()[name]
        if source.time and source.query:
            yield source
