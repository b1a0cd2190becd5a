"""What a run would do, and why, without doing it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from stedi.contract import Table, refresh_order
from stedi.contract.roots import ancestors
from stedi.engines.base import Params
from stedi.lake.store import Store
from stedi.landing import ledger
from stedi.landing.find import find
from stedi.places import Place
from stedi.refresh.bookmark import BOOKMARK, bookmark
from stedi.refresh.upstream import base


@dataclass(frozen=True)
class Step:
    """One thing a run would do: land files of a feed, or refresh a table, and why."""

    action: str
    what: str
    why: str


def plan(store: Store, params: Params, landing: Place | None, full: bool = False) -> list[Step]:
    """The steps of a run from here, in order; empty if there is nothing to do.

    Files are told by path, size and time; one that was only touched is found out when it is
    read. Which days and people are touched is known once the files are.
    """
    fresh = _fresh(store, landing) if landing is not None else {}
    steps = [Step("land", feed, why) for feed, why in fresh.items()]
    gains = {ledger.landing_table(feed) for feed in fresh}
    for table in refresh_order():
        if why := "asked for" if full else _why(store, table, params, gains):
            steps.append(Step("refresh", table.full_name, why))
    return steps


def _fresh(store: Store, landing: Place) -> dict[str, str]:
    known = ledger.entries(store)
    told = {}
    for feed, files in find(landing).feeds.items():
        new = [raw for raw in files if raw.path not in known]
        old = [raw for raw in files if raw.path in known and not known[raw.path].same_stat(raw)]
        size = sum(raw.size for raw in (*new, *old))
        if new or old:
            told[feed] = f"{len(new):,} new and {len(old):,} changed files, {size:,} bytes"
    return told


def _why(store: Store, table: Table, params: Params, gains: set[str]) -> str:
    stored = store.table(table.name)
    if stored.summary.get(BOOKMARK) == bookmark(store, table, params):
        come = sorted(gains & ancestors(table))
        return f"the days and people touched by what lands in {', '.join(come)}" if come else ""
    known, why = base(store, table, params)
    if known is None:
        return f"all of it: {why}"
    seen: Mapping[str, str] = json.loads(stored.summary[BOOKMARK])["sources"]
    changed = [name for name, version in seen.items() if store.table(name).version != version]
    return f"the days and people touched by changes of {', '.join(changed)}"
