"""One run: land what is new, refresh what it changes, write down what happened."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from stedi.contract import load_tables
from stedi.engines.base import Engine, Params
from stedi.lake.home import hmac_pads
from stedi.lake.store import Store
from stedi.landing.find import find
from stedi.landing.land import FeedCount, Landing
from stedi.landing.ledger import landing_table
from stedi.refresh.record import catch_up, published_rows, record
from stedi.refresh.tables import Refresh, refresh_tables


@dataclass(frozen=True)
class Progress:
    """One step of a run: what it works on, and totals so far (`of_bytes` 0: not known)."""

    stage: str
    files: int = 0
    rows: int = 0
    bytes: int = 0
    of_bytes: int = 0


@dataclass(frozen=True)
class RunResult:
    """What a run did: landed lines by feed, refreshed tables, files it left alone."""

    run: str
    landed: Mapping[str, FeedCount]
    refreshed: list[Refresh]
    ignored: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether anything was landed or refreshed."""
        return bool(self.landed or self.refreshed)


def new_run() -> str:
    """A run's name: its start in UTC, sortable, and four random digits."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ") + "-" + secrets.token_hex(2)


def params_of(store: Store) -> Params:
    """Query parameters of the lake's policy; the pads are secret."""
    return {"consent": store.home.consent, **hmac_pads(store.home.key())}


def run_lake(
    store: Store,
    engine: Engine,
    landing: Path | None,
    progress: Callable[[Progress], None] = lambda step: None,
    now_ms: int | None = None,
) -> RunResult:
    """One run over a locked lake; `landing` None refreshes without landing."""
    run = new_run()
    delivery = find(landing) if landing is not None else None
    _prepare(store)
    catch_up(store)
    counts: Mapping[str, FeedCount] = {}
    if delivery is not None:
        heard = _Landing(progress, sum(f.size for fs in delivery.feeds.values() for f in fs))
        counts = Landing(store, engine, run, heard, now_ms).run(delivery)
    refreshed = refresh_tables(
        store, engine, params_of(store), run, lambda t, rows: progress(Progress(t, rows=rows))
    )
    record(
        store, run, [*_landing_rows(store, engine, run, counts), *published_rows(store, run[:-1])]
    )
    return RunResult(run, counts, refreshed, delivery.ignored if delivery else [])


class _Landing:
    """Adds up what landing reports."""

    def __init__(self, progress: Callable[[Progress], None], size: int) -> None:
        self._progress = progress
        self._of = size
        self._files = self._bytes = self._rows = 0

    def __call__(self, files: int, size: int, rows: int) -> None:
        self._files += files
        self._bytes += size
        self._rows += rows
        self._progress(Progress("landing", self._files, self._rows, self._bytes, self._of))


def _prepare(store: Store) -> None:
    store.prepare()
    for table in load_tables().values():
        if not table.query:
            store.table(table.name).ensure()


def _landing_rows(
    store: Store, engine: Engine, run: str, counts: Mapping[str, FeedCount]
) -> list[dict[str, object]]:
    return [
        {
            "run": run,
            "table": f"landing.{landing_table(feed)}",
            "engine": engine.name,
            "published": datetime.now(UTC),
            "seconds": count.seconds,
            "source": feed,
            "rows_in": count.lines,
            "rows_out": count.landed,
            "excluded": f'{{"quarantined": {count.quarantined}}}' if count.quarantined else "{}",
            "snapshot": store.table(landing_table(feed)).source_id,
        }
        for feed, count in counts.items()
        if count.files
    ]
