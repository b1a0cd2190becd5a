"""`stedi maintain`, over a locked lake; and the strict form of it that forgetting needs.

Each step leaves a whole lake behind: small files are put together in one commit a table, old
versions leave the metadata in another, and only what no metadata names is removed, when no
reader is at work. What a kill leaves to do is found again the next time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from stedi.contract import load_tables
from stedi.engines.base import Engine
from stedi.lake import upkeep as lake
from stedi.lake.home import open_home
from stedi.lake.model import DataFile
from stedi.lake.naming import lake_errors
from stedi.lake.readers import alone, reading
from stedi.lake.store import Store
from stedi.landing import ledger
from stedi.maintain.compact import compact, groups
from stedi.maintain.visits import note
from stedi.places import Place
from stedi.refresh.bookmark import needed

READERS_WAIT = 3.0  # seconds


@dataclass(frozen=True)
class TableUpkeep:
    """What upkeep did to one table, or would do: small files put together, into how many;
    versions expired; files removed and their bytes."""

    table: str
    compacted: int
    into: int
    expired: int
    removed: int
    freed: int


@dataclass(frozen=True)
class Upkeep:
    """What upkeep did to every table; `left` files wait because a reader was at work."""

    tables: list[TableUpkeep]
    left: int = 0


@dataclass(frozen=True)
class _Plan:
    """One table's share of the work."""

    together: list[list[DataFile]]
    versions: list[int]
    garbage: Mapping[Place, int]

    def done(self, name: str, removed: bool) -> TableUpkeep:
        return TableUpkeep(
            table=load_tables()[name].full_name,
            compacted=sum(map(len, self.together)),
            into=len(self.together),
            expired=len(self.versions),
            removed=len(self.garbage) if removed else 0,
            freed=sum(self.garbage.values()) if removed else 0,
        )


def maintain(store: Store, engine: Engine, readers_wait: float = READERS_WAIT) -> Upkeep:
    """Put small files together, expire old versions, remove what nobody names.

    The caller holds the lake's lock. Removal waits `readers_wait` seconds for readers and is
    left for the next time if they are still at work.
    """
    with lake_errors(store.home.root):
        _reopen(store)
        store.home.clear_scratch()
        ledger.sweep(store)
        ledger.retire(store, engine)
        together = {name: _compact(store, engine, name) for name in load_tables()}
        versions = _expirable(store)
        for name, gone in versions.items():
            lake.expire(store.table(name), gone)
        plans = {
            name: _Plan(together[name], gone, lake.garbage(store.table(name)))
            for name, gone in versions.items()
        }
        removed = _remove(store, {n: p.garbage for n, p in plans.items()}, readers_wait)
        lake.tidy_catalog(store.home)
        note(store)
        return _summary(plans, removed)


def plan(store: Store) -> Upkeep:
    """What `maintain` would do now; changes nothing and needs no lock.

    Beside a run, the files which that run is writing look like files that nobody names.
    """
    with lake_errors(store.home.root), reading(store.home):
        _reopen(store)
        plans = {
            name: _Plan(groups(store, name), gone, lake.garbage(store.table(name), gone))
            for name, gone in _expirable(store).items()
        }
        return _summary(plans, removed=True)


def expire_all(store: Store, tables: Collection[str] | None = None, wait: float = 60.0) -> Upkeep:
    """Leave nothing of the past: only current versions, and only files that they consist of.

    For `tables` (bare names; default all). Older metadata goes too, and the catalog is written
    anew. Waits up to `wait` seconds for readers, then goes ahead: what they have not read by
    then fails for them. The caller holds the lake's lock; may be repeated after a kill.
    LakeBusyError if another process keeps the catalog's log from being emptied.
    """
    names = list(load_tables()) if tables is None else list(tables)
    with lake_errors(store.home.root):
        store.forget()
        store.home.clear_scratch()
        plans = {}
        for name in names:
            table = store.table(name)
            gone = lake.superseded(table)
            lake.expire(table, gone, log_kept=0)
            plans[name] = _Plan([], gone, lake.garbage(table, log_kept=0))
        _remove(store, {n: p.garbage for n, p in plans.items()}, wait, anyway=True)
        lake.scrub_catalog(store.home, wait)
        return _summary(plans, removed=True)


def _reopen(store: Store) -> None:
    """Read policy and tables anew: another process may have changed them."""
    store.forget()
    store.home = open_home(store.home.root)


def _compact(store: Store, engine: Engine, name: str) -> list[list[DataFile]]:
    together = groups(store, name)
    if together:
        compact(store.table(name), engine, together)
    return together


def _expirable(store: Store) -> dict[str, list[int]]:
    """The versions that the policy lets go and no bookmark needs, by table."""
    kept = needed(store)
    now = datetime.now(UTC)
    policy = store.home.maintain
    return {
        name: lake.expirable(store.table(name), policy, kept.get(name, ()), now)
        for name in load_tables()
    }


def _remove(
    store: Store, garbage: Mapping[str, Mapping[Place, int]], wait: float, anyway: bool = False
) -> bool:
    """Remove files once no reader is at work; whether they are gone."""
    if not any(garbage.values()):
        return True
    with alone(store.home, wait) as undisturbed:
        if undisturbed or anyway:
            store.home.confirm()  # a run that took the lake over may have made these files
            for name, files in garbage.items():
                lake.remove(store.table(name), files)
        return undisturbed or anyway


def _summary(plans: Mapping[str, _Plan], removed: bool) -> Upkeep:
    left = 0 if removed else sum(len(plan.garbage) for plan in plans.values())
    return Upkeep([plan.done(name, removed) for name, plan in plans.items()], left)
