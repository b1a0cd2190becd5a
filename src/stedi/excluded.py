"""When the rows that a table excluded for one reason were recorded: their number by day."""

from __future__ import annotations

from datetime import date
from typing import Any

from stedi.account import quarantine
from stedi.contract import Table
from stedi.contract.sql import translate, used
from stedi.engines.base import Engine, Params
from stedi.engines.sql.session import name
from stedi.lake.model import Query
from stedi.lake.store import Store
from stedi.landing import ledger

DUPLICATE = "exact duplicate"
QUARANTINED = "quarantined: "
Days = list[tuple[date | None, int]]


def by_day(store: Store, engine: Engine, params: Params, table: Table, reason: str) -> Days:
    """Rows that the table excludes for `reason`, a word of its account, by UTC day, in order.

    The day is that of the reading, of a customer's record its last update, of what was not
    landed the run. Judged anew by the table's own query: costs what a refresh of it costs.
    """
    if table.feed:
        return _not_landed(store, engine, table, reason)
    verdicts = translate(table.query, "duckdb")
    day = f"CAST(date_trunc('day', {name(table.time or 'lastupdatedate')}) AS DATE)"
    columns = ", ".join(name(column.name) for column in table.columns)
    counted = f"SELECT {day} AS day, count(*) AS n FROM ({verdicts}) WHERE excluded = $reason"
    if reason == DUPLICATE:
        repeats = (
            f"SELECT {columns}, count(*) - 1 AS more FROM ({verdicts}) "
            f"WHERE excluded IS NULL GROUP BY ALL HAVING count(*) > 1"
        )
        counted = f"SELECT {day} AS day, CAST(sum(more) AS BIGINT) AS n FROM ({repeats})"
    sources = {source: store.table(source).source() for source in table.sources}
    sql = f"{counted} GROUP BY 1 ORDER BY 1"
    return _days(engine, Query(sql, sources, used({**params, "reason": reason}, sql)))


def _not_landed(store: Store, engine: Engine, table: Table, reason: str) -> Days:
    """Delivered lines that were not landed, by the day of the run that found them."""
    if not reason.startswith(QUARANTINED):
        kept = [e for e in ledger.entries(store).values() if e.feed == table.feed and e.forgotten]
        return _added((_run_day(entry.run), entry.forgotten) for entry in kept)
    query = Query(
        "SELECT CAST(strptime(left(run, 8), '%Y%m%d') AS DATE) AS day, count(*) AS n "
        "FROM quarantine WHERE feed = $feed AND split_part(reason, ':', 1) = $reason "
        "GROUP BY 1 ORDER BY 1",
        {"quarantine": quarantine(store)},
        {"feed": table.feed, "reason": reason.removeprefix(QUARANTINED)},
    )
    return _days(engine, query)


def _days(engine: Engine, query: Query) -> Days:
    return [(row["day"], row["n"]) for row in engine.query(query).read_all().to_pylist()]


def _run_day(run: str) -> date:
    return date.fromisoformat(f"{run[:4]}-{run[4:6]}-{run[6:8]}")


def _added(counts: Any) -> Days:
    total: dict[date | None, int] = {}
    for day, number in counts:
        total[day] = total.get(day, 0) + number
    return sorted(total.items(), key=lambda pair: str(pair[0]))
