"""The record of runs: ops.runs, one row for each table a run touched."""

from __future__ import annotations

from stedi.contract import refresh_order
from stedi.engines.arrow import write_rows
from stedi.lake.store import Store
from stedi.refresh.bookmark import RUN, account_of

Row = dict[str, object]


def record(store: Store, run: str, rows: list[Row]) -> None:
    """Append rows to ops.runs in one commit; `run` is the last run they are of."""
    if rows:
        table = store.table("runs")
        table.publish([write_rows(rows, table.target())], {RUN: run})


def last_recorded(store: Store) -> str:
    """The last run that ops.runs tells of; empty before the first."""
    return store.table("runs").summary.get(RUN, "")


def published_after(store: Store, run: str) -> list[Row]:
    """Rows of the promoted tables whose current version is of a run later than `run`."""
    rows: list[Row] = []
    for contract in refresh_order():
        account = account_of(store, contract)
        if account and account.run > run:
            latest = store.table(contract.name).snapshots()[-1]
            rows.append(account.row(latest.id, latest.at))
    return rows
