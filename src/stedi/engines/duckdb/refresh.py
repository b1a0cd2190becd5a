"""Running a verdict query: every candidate row is promoted, counted out, or a repeat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta

import duckdb

from stedi.contract import load_tables
from stedi.contract.sql import translate
from stedi.engines.base import Refreshed, RefreshTask
from stedi.engines.duckdb.session import make_views, name, rows_between, storage_errors
from stedi.engines.duckdb.writing import write
from stedi.lake.durable import remove_files
from stedi.lake.model import DataFile, Source

DUPLICATE = "exact duplicate"
ROWS_A_SLICE = 4_000_000
ROWS_OF_A_LARGE_DAY = 200_000

Connection = duckdb.DuckDBPyConnection


def refresh(connection: Connection, task: RefreshTask) -> Refreshed:
    """Make a table anew, slice by slice of days if it is partitioned by day."""
    make_views(connection, task.sources)
    excluded: Counter[str] = Counter()
    files: list[DataFile] = []
    try:
        with storage_errors(task.target.location):
            for days in _slices(connection, task) if task.target.day_column else [None]:
                if days:
                    _narrow(connection, task, *days)
                excluded.update(_run(connection, task, files, days))
    except BaseException:
        remove_files(file.path for file in files)
        raise
    rows_out = sum(file.rows for file in files)
    rows_in = excluded.pop("", 0) + sum(excluded.values())
    excluded += Counter({DUPLICATE: rows_in - rows_out - sum(excluded.values())})
    staged = Source(task.table.name, task.target.fields, files)
    candidates = task.sources[task.table.candidates].rows
    paths = [file.path for file in files]
    return Refreshed(paths, candidates, rows_in, rows_out, dict(excluded), staged)


def _run(
    connection: Connection,
    task: RefreshTask,
    files: list[DataFile],
    days: tuple[date, date] | None,
) -> dict[str, int]:
    query = translate(task.table.query, "duckdb")
    params = {key: value for key, value in task.params.items() if f"${key}" in query}
    counted = connection.execute(
        f"SELECT coalesce(excluded, ''), count(*) FROM ({query}) GROUP BY 1", params
    ).fetchall()
    columns = ", ".join(name(column.name) for column in task.table.columns)
    promoted = f"SELECT DISTINCT {columns} FROM ({query}) WHERE excluded IS NULL"
    by_day = days is not None and days[1] - days[0] > timedelta(days=1)
    if dict(counted).get(""):
        files += write(connection, promoted, task.target, params, by_day)
    return dict(counted)


def _slices(connection: Connection, task: RefreshTask) -> Iterator[tuple[date, date]]:
    """Ranges of days with a bounded number of candidate rows; a large day stands alone."""
    time = load_tables()[task.table.candidates].time
    days = connection.execute(
        f"SELECT CAST({name(time)} AS DATE), count(*) FROM {name(task.table.candidates)} "
        "GROUP BY 1 ORDER BY 1"
    ).fetchall()
    start, rows = None, 0
    for position, (day, count) in enumerate(days):
        start = start or day
        rows += count
        following = days[position + 1][1] if position + 1 < len(days) else 0
        alone = max(count, following) >= ROWS_OF_A_LARGE_DAY
        if alone or rows + following > ROWS_A_SLICE or position + 1 == len(days):
            yield start, day + timedelta(days=1)
            start, rows = None, 0


def _narrow(connection: Connection, task: RefreshTask, start: date, end: date) -> None:
    for source in task.sources.values():
        time = load_tables()[source.name].time
        if time:
            select = rows_between(source, time, start, end)
            connection.execute(f"CREATE OR REPLACE TEMP VIEW {name(source.name)} AS {select}")
