"""Write, audit, publish: one promoted table at a time, in dependency order."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from stedi.contract import Table, refresh_order
from stedi.engines.base import Engine, Finding, Params, Refreshed, RefreshTask
from stedi.errors import CheckFailed, StediError
from stedi.lake.durable import remove_files
from stedi.lake.model import Source
from stedi.lake.store import Store
from stedi.refresh.bookmark import ACCOUNT, BOOKMARK, RUN, Account, bookmark


@dataclass(frozen=True)
class Refresh:
    """One refreshed table: its account, the warnings of its checks."""

    account: Account
    warnings: list[Finding]


def refresh_tables(
    store: Store,
    engine: Engine,
    params: Params,
    run: str,
    progress: Callable[[str, int], None] = lambda table, rows: None,
) -> list[Refresh]:
    """Refresh every promoted table whose sources, query or policy changed."""
    done = []
    for table in refresh_order():
        wanted = bookmark(store, table, params)
        if store.table(table.name).summary.get(BOOKMARK) != wanted:
            done.append(_refresh(store, engine, table, params, run, wanted))
            progress(table.full_name, done[-1].account.rows_out)
    return done


def _refresh(
    store: Store, engine: Engine, table: Table, params: Params, run: str, seen: str
) -> Refresh:
    started = time.monotonic()
    stored = store.table(table.name)
    stored.ensure()
    sources = {name: store.table(name).source() for name in table.sources}
    result = engine.refresh(RefreshTask(table, sources, stored.target(), params))
    try:
        findings = _audit(store, engine, table, params, result)
        account = _account(table, result, engine.name, run, time.monotonic() - started)
        summary = {RUN: run, BOOKMARK: seen, ACCOUNT: json.dumps(asdict(account))}
        stored.publish(result.files, summary, removed=None)
    except StediError:
        remove_files(result.files)
        raise
    return Refresh(account, [f for f in findings if not f.passed])


def _account(table: Table, result: Refreshed, engine: str, run: str, seconds: float) -> Account:
    account = Account(
        table=table.full_name,
        source=table.candidates,
        rows_in=result.rows_in,
        rows_out=result.rows_out,
        excluded=dict(result.excluded),
        seconds=round(seconds, 4),
        engine=engine,
        run=run,
    )
    if not account.balanced or result.rows_in != result.candidates:
        raise CheckFailed(
            f"{table.full_name}: {result.candidates} rows in {table.candidates}, "
            f"{account.rows_in} judged, {account.rows_out} out, "
            f"{sum(account.excluded.values())} excluded; the account does not balance, "
            "so the previous version stays; check query.sql for a join that repeats rows"
        )
    return account


def _audit(
    store: Store, engine: Engine, table: Table, params: Params, result: Refreshed
) -> list[Finding]:
    findings = check_table(store, engine, table, params, result.staged)
    failed = [f for f in findings if not f.passed and f.check.severity == "fail"]
    if failed:
        raise CheckFailed(
            "; ".join(
                f"{f.table}: check {f.check.name!r} found {f.broken} rows"
                + (f", such as {f.example}" if f.example else "")
                for f in failed
            )
            + "; nothing was published, the previous version stays"
        )
    return findings


def check_table(
    store: Store, engine: Engine, table: Table, params: Params, staged: Source | None = None
) -> list[Finding]:
    """The declared checks of a table, over its staged rows or its published ones."""
    text = " ".join(check.sql for check in table.checks)
    named = {t.name for t in refresh_order() if t.name in text} | {table.name}
    sources = {name: store.table(name).source() for name in named}
    if staged is not None:
        sources[table.name] = staged
    return engine.check(table, sources, params)


def check_all(store: Store, engine: Engine, params: Params) -> list[Finding]:
    """The declared checks of every promoted table that has been published."""
    tables = [t for t in refresh_order() if store.table(t.name).summary]
    return [f for table in tables for f in check_table(store, engine, table, params)]
