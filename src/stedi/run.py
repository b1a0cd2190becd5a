"""One run: land what is new, refresh what it changes, write down what happened."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime

from stedi.contract import load_tables
from stedi.engines.arrow import fold
from stedi.engines.base import Engine, Params
from stedi.inflight import told
from stedi.jobs import Job
from stedi.lake.home import open_home
from stedi.lake.keys import hmac_pads
from stedi.lake.naming import lake_errors
from stedi.lake.store import Store
from stedi.landing import ledger
from stedi.landing.find import Delivery
from stedi.landing.keepout import reason
from stedi.landing.land import FeedCount, Landing
from stedi.outcome import RunResult, Watch
from stedi.refresh.record import Row, last_recorded, published_after, record
from stedi.refresh.tables import Refresh, refresh_tables
from stedi.refresh.upstream import behind
from stedi.settled import settle


def new_run() -> str:
    """A run's name: its start in UTC, sortable, and four random digits."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ") + "-" + secrets.token_hex(2)


def params_of(store: Store) -> Params:
    """Query parameters of the lake's policy; the pads are secret."""
    return {"consent": store.home.consent, **hmac_pads(store.home.key())}


def run_lake(
    store: Store,
    engine: Engine,
    delivery: Delivery | None,
    watch: Watch | None = None,
    consent: str | None = None,
    now_ms: int | None = None,
    full: bool = False,
    job: Job | None = None,
) -> RunResult:
    """One run over a locked lake in which no forgetting is pending; without a delivery none lands.

    Policy and tables are read anew: another run may have changed them since they were opened.
    `consent` changes the policy first. `full` makes every table anew, whether or not anything
    changed. `job` restricts the run to its part.
    """
    with lake_errors(store.home.root):
        store.forget()
        store.home = open_home(store.home.root)
        if consent and consent != store.home.consent:
            store.home = store.home.with_consent(consent)
        run = new_run()
        with told(store.home, run, watch or Watch()) as heard:
            result = _run(store, engine, delivery, heard, now_ms, full, job, run)
        if job is None:
            settle(store.home, delivery)
        return result


def _run(
    store: Store,
    engine: Engine,
    delivery: Delivery | None,
    watch: Watch,
    now_ms: int | None,
    full: bool,
    job: Job | None,
    run: str,
) -> RunResult:
    store.home.clear_scratch()
    prepare(store, engine)
    catch_up(store, engine)
    last = last_recorded(store)
    counts: Mapping[str, FeedCount] = {}
    if delivery is not None:
        landing = Landing(store, engine, run, watch.landing, now_ms)
        counts = landing.run(delivery)
    refreshed = _refresh(store, engine, run, watch, full, job)
    landed = [_landing_row(store, engine, run, *entry) for entry in counts.items()]
    record(store, run, [*filter(None, landed), *published_after(store, last)])
    if landed or refreshed:
        fold(store.table("files"))
        fold(store.table("runs"))
    return RunResult(run, counts, refreshed, delivery.ignored if delivery else [])


def _refresh(
    store: Store, engine: Engine, run: str, watch: Watch, full: bool, job: Job | None
) -> list[Refresh]:
    params = params_of(store)
    if job is None:
        return refresh_tables(store, engine, params, run, watch.refreshed, full)
    only = [job.table] if job.table else []
    for table in only:
        for late in behind(store, table, params):
            watch.noted(
                f"{late.name} is older than what it is made from; run job {late.job[0]} first"
            )
    return refresh_tables(store, engine, params, run, watch.refreshed, full, only=only)


def catch_up(store: Store, engine: Engine) -> None:
    """Record what a killed run did but did not live to write down."""
    last = last_recorded(store)
    counts: dict[tuple[str, str], FeedCount] = {}
    for entry in ledger.entries(store).values():
        if entry.run > last:
            count = counts.setdefault((entry.run, entry.feed), FeedCount())
            count.files += 1
            count.lines += entry.lines
            count.landed += entry.landed
            count.quarantined += entry.quarantined
            count.forgotten += entry.forgotten
    landed = [_landing_row(store, engine, r, feed, count) for (r, feed), count in counts.items()]
    rows = [*filter(None, landed), *published_after(store, last)]
    record(store, max((str(row["run"]) for row in rows), default=""), rows)


def prepare(store: Store, engine: Engine) -> None:
    """Make what is missing: zones, the tables that no query makes; sweep what a kill left."""
    store.prepare()
    for table in load_tables().values():
        if not table.query:
            store.table(table.name).ensure()
    ledger.sweep(store)
    ledger.retire(store, engine)


def _landing_row(store: Store, engine: Engine, run: str, feed: str, count: FeedCount) -> Row | None:
    if not count.files:
        return None
    table = store.table(ledger.landing_table(feed))
    return {
        "run": run,
        "table": table.contract.full_name,
        "engine": engine.name,
        "published": datetime.now(UTC),
        "seconds": count.seconds,
        "source": feed,
        "rows_in": count.lines,
        "rows_out": count.landed,
        "excluded": json.dumps(left_out(count)),
        "snapshot": table.source_id,
    }


def left_out(count: FeedCount) -> dict[str, int]:
    """Delivered lines of a feed that were not landed, by reason."""
    quarantined = {"quarantined": count.quarantined} if count.quarantined else {}
    return {**quarantined, **reason(count.forgotten)}
