"""The record of runs: ops.runs, one row for each table a run touched."""

from __future__ import annotations

from datetime import datetime

from stedi.contract import refresh_order
from stedi.engines.arrow import write_rows
from stedi.lake.store import Store, StoredTable
from stedi.refresh.bookmark import RUN, account_of


def record(store: Store, run: str, rows: list[dict[str, object]]) -> None:
    """Append rows to ops.runs in one commit."""
    if rows:
        table = store.table("runs")
        table.publish([write_rows(rows, table.target())], {RUN: run})


def published_rows(store: Store, since: str) -> list[dict[str, object]]:
    """Rows of the promoted tables' current versions published by runs after `since`."""
    rows = []
    for contract in refresh_order():
        table = store.table(contract.name)
        account = account_of(store, contract)
        if account and account.run > since:
            rows.append(account.row(*_version(table)))
    return rows


def _version(table: StoredTable) -> tuple[int, datetime]:
    latest = table.snapshots()[-1]
    return latest.id, latest.at


def catch_up(store: Store) -> None:
    """Record what a killed run published but did not live to write down."""
    last = store.table("runs").summary.get(RUN, "")
    rows = published_rows(store, last)
    if rows:
        record(store, max(str(row["run"]) for row in rows), rows)
