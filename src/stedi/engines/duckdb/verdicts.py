"""Running a verdict query: every candidate row is promoted, counted out, or a repeat.

One pass over the candidates makes a temporary table of the distinct promoted rows with how
often each came, and one row a reason for the others; files are then copied from it, or rows
only counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb

from stedi.contract import Table
from stedi.contract.sql import translate, used
from stedi.engines.base import Params, Tally
from stedi.engines.duckdb.session import name, on_days
from stedi.engines.duckdb.writing import write
from stedi.lake.model import DataFile, Target

DUPLICATE = "exact duplicate"
ROWS_A_SLICE = 4_000_000
ROWS_OF_A_SMALL_DAY = 20_000
EPOCH = date(1970, 1, 1)
DAY_MICROS = 86_400_000_000  # counting by CAST to DATE asks the time zone of every row
PROMOTED = "SELECT * FROM verdicts WHERE excluded = ''"

Connection = duckdb.DuckDBPyConnection


@dataclass(frozen=True)
class Slice:
    """Days of a table in order, and whether they are small enough to share a COPY."""

    days: tuple[date, ...]
    small: bool


def judge(connection: Connection, table: Table, params: Params) -> Counter[str]:
    """Fill the table of verdicts; candidate rows by reason, "" for the promoted ones."""
    query = translate(table.query, "duckdb")
    columns = ", ".join(
        f"CASE WHEN excluded IS NULL THEN {name(c.name)} END AS {name(c.name)}"
        for c in table.columns
    )
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE verdicts AS SELECT {columns}, "
        f"coalesce(excluded, '') AS excluded, count(*) AS times FROM ({query}) GROUP BY ALL",
        used(params, query),
    )
    counted = "SELECT excluded, CAST(sum(times) AS BIGINT) FROM verdicts GROUP BY 1"
    return Counter(dict(connection.execute(counted).fetchall()))


def promoted(connection: Connection) -> int:
    """Distinct promoted rows among the verdicts."""
    found = connection.execute(f"SELECT count(*) FROM ({PROMOTED})").fetchone()
    return int(found[0]) if found else 0


def tally(counts: Counter[str], rows_out: int) -> Tally:
    """Counts of candidate rows by reason, the repeats among the promoted ones told apart."""
    excluded = {reason: count for reason, count in counts.items() if reason and count}
    if repeats := counts[""] - rows_out:
        excluded[DUPLICATE] = repeats
    return Tally(sum(counts.values()), rows_out, excluded)


def copy(connection: Connection, target: Target, part: Slice | None = None) -> list[DataFile]:
    """Write the promoted rows, one day a file if they are of a slice of days."""
    if part is None:
        return write(connection, PROMOTED, target)
    if part.small:
        select = f"{PROMOTED} AND {on_days(target.day_column, part.days)}"
        return write(connection, select, target, by_day=True)
    days = ((day, f"{PROMOTED} AND {on_days(target.day_column, [day])}") for day in part.days)
    return [file for _, select in days for file in write(connection, select, target)]


def days_of(connection: Connection, select: str, time: str) -> list[tuple[date, int]]:
    """The UTC days of a SELECT's rows in order, with the rows of each."""
    counts = connection.execute(
        f"SELECT epoch_us({name(time)}) // {DAY_MICROS}, count(*) FROM ({select}) "
        "GROUP BY 1 ORDER BY 1"
    ).fetchall()
    return [(EPOCH + timedelta(days=number), rows) for number, rows in counts]


def slices(counted: Sequence[tuple[date, int]]) -> Iterator[Slice]:
    """Days in order, a bounded number of rows at a time."""
    days: list[date] = []
    rows = 0
    for day, count in counted:
        if days and rows + count > ROWS_A_SLICE:
            yield Slice(tuple(days), rows < ROWS_OF_A_SMALL_DAY * len(days))
            days, rows = [], 0
        days.append(day)
        rows += count
    if days:
        yield Slice(tuple(days), rows < ROWS_OF_A_SMALL_DAY * len(days))
