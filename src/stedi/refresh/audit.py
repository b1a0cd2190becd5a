"""The declared checks, over what is about to be published or what is."""

from __future__ import annotations

from dataclasses import replace

from stedi.contract import Table, refresh_order
from stedi.engines.base import Engine, Finding, Params, Refreshed
from stedi.errors import CheckFailed
from stedi.lake.model import Source
from stedi.lake.store import Store


def audit(
    store: Store, engine: Engine, table: Table, params: Params, result: Refreshed
) -> list[Finding]:
    """The checks of staged rows; CheckFailed if one of severity `fail` finds rows.

    Of a part of a table, how fresh it is says nothing: that is left to `stedi check`.
    """
    if result.extent is not None and table.time:
        table = replace(table, checks=tuple(c for c in table.checks if c.kind != "fresh"))
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
    return [f for f in findings if not f.passed]


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
