"""Running a verdict query: every candidate row is promoted, counted out, or a repeat.

One pass over the candidates makes a temporary table of the distinct promoted rows with how
often each came, and one row a reason for the others; the files are then copied from it. Large
tables go slice by slice of days, so that memory is bounded whatever the table's size.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb

from stedi.contract import load_tables
from stedi.contract.sql import translate, used
from stedi.engines.base import Refreshed, RefreshTask
from stedi.engines.duckdb.session import make_views, name, on_days, rows_between, storage_errors
from stedi.engines.duckdb.writing import write
from stedi.lake.durable import remove_files
from stedi.lake.model import DataFile, Source

DUPLICATE = "exact duplicate"
ROWS_A_SLICE = 4_000_000
ROWS_OF_A_SMALL_DAY = 20_000
EPOCH = date(1970, 1, 1)
DAY_MICROS = 86_400_000_000  # counting by CAST to DATE asks the time zone of every row

Connection = duckdb.DuckDBPyConnection


@dataclass(frozen=True)
class _Slice:
    """Consecutive days of a table, and whether they are small enough to share a COPY."""

    days: tuple[date, ...]
    small: bool

    @property
    def start(self) -> date:
        return self.days[0]

    @property
    def end(self) -> date:
        return self.days[-1] + timedelta(days=1)


def refresh(connection: Connection, task: RefreshTask) -> Refreshed:
    """Make a table anew, slice by slice of days if it is partitioned by day."""
    make_views(connection, task.sources)
    excluded: Counter[str] = Counter()
    files: list[DataFile] = []
    try:
        with storage_errors(task.target.location):
            for part in _slices(connection, task) if task.target.day_column else [None]:
                if part:
                    _narrow(connection, task, part)
                excluded.update(_judge(connection, task))
                files += _copy(connection, task, part)
    except BaseException:
        remove_files(file.path for file in files)
        raise
    finally:
        connection.execute("DROP TABLE IF EXISTS verdicts")
    return _refreshed(task, excluded, files)


def _refreshed(task: RefreshTask, counts: Counter[str], files: list[DataFile]) -> Refreshed:
    rows_out = sum(file.rows for file in files)
    rows_in = sum(counts.values())
    excluded = {reason: count for reason, count in counts.items() if reason and count}
    repeats = counts[""] - rows_out
    if repeats:
        excluded[DUPLICATE] = repeats
    return Refreshed(
        files=[file.path for file in files],
        candidates=task.sources[task.table.candidates].rows,
        rows_in=rows_in,
        rows_out=rows_out,
        excluded=excluded,
        staged=Source(task.table.name, task.target.fields, files),
    )


def _judge(connection: Connection, task: RefreshTask) -> dict[str, int]:
    """Fill the table of verdicts; candidate rows by reason, "" for the promoted ones."""
    query = translate(task.table.query, "duckdb")
    params = used(task.params, query)
    columns = ", ".join(
        f"CASE WHEN excluded IS NULL THEN {name(c.name)} END AS {name(c.name)}"
        for c in task.table.columns
    )
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE verdicts AS SELECT {columns}, "
        f"coalesce(excluded, '') AS excluded, count(*) AS times FROM ({query}) GROUP BY ALL",
        params,
    )
    counted = "SELECT excluded, CAST(sum(times) AS BIGINT) FROM verdicts GROUP BY 1"
    return dict(connection.execute(counted).fetchall())


def _copy(connection: Connection, task: RefreshTask, part: _Slice | None) -> list[DataFile]:
    promoted = "SELECT * FROM verdicts WHERE excluded = ''"
    if part is None or part.small:
        return write(connection, promoted, task.target, by_day=part is not None)
    column = task.target.day_column
    return [
        file
        for day in part.days
        for file in write(
            connection,
            f"{promoted} AND {on_days(column, day, day + timedelta(days=1))}",
            task.target,
        )
    ]


def _slices(connection: Connection, task: RefreshTask) -> Iterator[_Slice]:
    """The days of the candidates in order, a bounded number of rows at a time."""
    time = load_tables()[task.table.candidates].time
    counts = connection.execute(
        f"SELECT epoch_us({name(time)}) // {DAY_MICROS}, count(*) "
        f"FROM {name(task.table.candidates)} GROUP BY 1 ORDER BY 1"
    ).fetchall()
    days: list[date] = []
    rows = 0
    for number, count in counts:
        day = EPOCH + timedelta(days=number)
        if days and rows + count > ROWS_A_SLICE:
            yield _Slice(tuple(days), rows < ROWS_OF_A_SMALL_DAY * len(days))
            days, rows = [], 0
        days.append(day)
        rows += count
    if days:
        yield _Slice(tuple(days), rows < ROWS_OF_A_SMALL_DAY * len(days))


def _narrow(connection: Connection, task: RefreshTask, part: _Slice) -> None:
    """Let the views of tables with an event time show the days of a slice only."""
    for source in task.sources.values():
        time = load_tables()[source.name].time
        if time:
            select = rows_between(source, time, part.start, part.end)
            connection.execute(f"CREATE OR REPLACE TEMP VIEW {name(source.name)} AS {select}")
