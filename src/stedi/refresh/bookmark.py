"""What a published table remembers of how it was made, in its snapshot's summary.

    stedi.run         the run that published it
    stedi.bookmark    fingerprint of query, policy and key, and the source snapshots it has seen
    stedi.account     candidate rows, promoted rows, excluded rows by reason
    stedi.version     the version whose rows it holds, where a commit changed none

The summary travels in the commit, so that the data and what is said of it cannot come apart.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from stedi.contract import Table, load_tables, refresh_order
from stedi.contract.roots import ancestors, recipe, roots
from stedi.engines.base import Base, Params
from stedi.lake.store import Store

RUN = "stedi.run"
BOOKMARK = "stedi.bookmark"
ACCOUNT = "stedi.account"


@dataclass(frozen=True)
class Account:
    """Every candidate row of one published table: in = out + excluded, by reason."""

    table: str
    source: str
    rows_in: int
    rows_out: int
    excluded: Mapping[str, int]
    seconds: float
    engine: str
    run: str
    scope: str = ""

    @property
    def balanced(self) -> bool:
        """Whether every row in is a row out or excluded with a reason."""
        counts = self.rows_out, *self.excluded.values()
        return self.rows_in == sum(counts) and min(counts) >= 0

    def row(self, snapshot: int, published: datetime) -> dict[str, object]:
        """The same as a row of ops.runs."""
        values = asdict(self) | {"excluded": json.dumps(dict(self.excluded), sort_keys=True)}
        return values | {"snapshot": snapshot, "published": published}


def bookmark(store: Store, table: Table, params: Params) -> str:
    """What the table would be made from now, as canonical JSON."""
    seen = {name: store.table(name).version for name in made_from(table)}
    return json.dumps(_made_by(table, params) | {"sources": seen}, sort_keys=True)


def made_from(table: Table) -> list[str]:
    """The tables whose versions a bookmark remembers: those it reads, and its roots."""
    return sorted({*table.sources, *roots(table)})


def _made_by(table: Table, params: Params) -> dict[str, Any]:
    """Fingerprints of the queries that lead to a table, and of the parameters they name."""
    queries = [table.query, *(load_tables()[name].query for name in ancestors(table))]
    used = {k: v for k, v in params.items() if any(f":{k}" in query for query in queries)}
    policy = hashlib.sha256(json.dumps(used, sort_keys=True).encode()).hexdigest()[:16]
    return {"query": recipe(table), "policy": policy}


def base_of(store: Store, table: Table, params: Params) -> tuple[Base | None, str]:
    """What the published version was made from; or None, and why all must be made anew."""
    stored = store.table(table.name)
    raw = stored.summary.get(BOOKMARK)
    if raw is None:
        return None, "made for the first time" if not stored.source_id else "changed elsewhere"
    remembered = json.loads(raw)
    now = _made_by(table, params)
    seen = remembered.get("sources", {})
    if remembered.get("query") != now["query"] or seen.keys() != set(made_from(table)):
        return None, "its query or one above it changed"
    if remembered.get("policy") != now["policy"]:
        return None, "the policy or the key changed"
    found = {name: store.table(name).at(version) for name, version in seen.items()}
    kept = {name: source for name, source in found.items() if source is not None}
    if len(kept) < len(found):
        return None, "a version it was made from has expired"
    return Base(kept, stored.source()), ""


def needed(store: Store) -> dict[str, set[int]]:
    """Snapshots, by table, that the next run compares with: those that bookmarks remember."""
    keep: dict[str, set[int]] = {}
    for table in refresh_order():
        raw = store.table(table.name).summary.get(BOOKMARK)
        for name, seen in (json.loads(raw)["sources"] if raw else {}).items():
            found = [s.id for s in store.table(name).snapshots() if s.version == seen]
            keep.setdefault(name, set()).update(found[-1:])
    return keep


def account_of(store: Store, table: Table) -> Account | None:
    """The account of the current version; None before the first publication."""
    raw = store.table(table.name).summary.get(ACCOUNT)
    return Account(**json.loads(raw)) if raw else None
