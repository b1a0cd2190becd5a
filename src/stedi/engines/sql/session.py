"""What making a table anew asks of an engine: a SQL session over files, and writing a table.

The SQL that is composed here is what DuckDB and Spark (in ANSI mode, with identifiers in double
quotation marks) both understand; the few things they spell differently are told by the session.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from stedi.contract import Table
from stedi.engines.base import Params, Tally
from stedi.lake.model import DataFile, Source, Target

if TYPE_CHECKING:
    import pyarrow as pa

DUPLICATE = "exact duplicate"
PROMOTED = "SELECT * FROM verdicts WHERE excluded = ''"
EPOCH = date(1970, 1, 1)
ROWS_OF_A_SMALL_DAY = 20_000


@dataclass(frozen=True)
class Slice:
    """Days of a table in order, and whether they are small enough to be written together."""

    days: tuple[date, ...]
    small: bool


@dataclass(frozen=True)
class Judged:
    """What became of candidate rows: by reason ("" for the promoted), promoted but for repeats."""

    counts: Counter[str]
    rows_out: int
    files: Sequence[DataFile] = field(default=())

    @property
    def tally(self) -> Tally:
        """The same counts, the repeats among the promoted rows told apart."""
        excluded = {reason: count for reason, count in self.counts.items() if reason and count}
        if repeats := self.counts[""] - self.rows_out:
            excluded[DUPLICATE] = repeats
        return Tally(sum(self.counts.values()), self.rows_out, excluded)


class Session(Protocol):
    """One engine's SQL session: temporary tables and views by name, files in and out."""

    instant: str  # the type of an instant, before a literal of one
    rows_a_slice: int | None  # rows to judge at a time; None: any number

    def literal(self, text: str) -> str:
        """A SQL text literal."""

    def day(self, column: str) -> str:
        """An expression: the UTC day of an instant, as days since 1970-01-01."""

    def house(self, sql: str) -> str:
        """A SELECT of the house, written in Spark SQL, as this engine has it."""

    def rows_of(self, source: Source) -> str:
        """A SELECT of a source's rows, columns found by field id whatever the files say."""

    def rows(self, sql: str, params: Params | None = None) -> list[tuple[Any, ...]]:
        """The rows of a query that has few; of `params` those that it names."""

    def arrow(self, sql: str, params: Params | None = None) -> pa.Table:
        """The same as an Arrow table."""

    def hold(self, table: str, select: str, params: Params | None = None) -> None:
        """Keep the rows of a SELECT as a temporary table."""

    def hold_values(self, table: str, columns: Mapping[str, Sequence[str]]) -> None:
        """Keep values as a temporary table of text columns of equal length."""

    def show(self, view: str, select: str) -> None:
        """Give a SELECT a name."""

    def drop(self, *tables: str) -> None:
        """Let go of temporary tables, if they are there."""

    def judge(
        self, table: Table, params: Params, target: Target | None, part: Slice | None = None
    ) -> Judged:
        """Run a verdict query over the views that stand; write what it promotes to a target.

        `part` tells the days of the candidates if they are known. Without a target the verdicts
        can be asked for until the next call (see PROMOTED).
        """

    def write(self, select: str, target: Target) -> list[DataFile]:
        """Write the rows of a SELECT, all of one day if the table has days, as new files."""


def name(text: str) -> str:
    """A SQL identifier."""
    return '"' + text.replace('"', '""') + '"'


def rows_on(session: Session, source: Source, time: str, days: Sequence[date]) -> str:
    """The rows of a source whose event time falls on one of the days (in order, UTC)."""
    kept = source.on(days)
    if all(file.within(days) for file in kept.files):
        return session.rows_of(kept)
    return f"SELECT * FROM ({session.rows_of(kept)}) WHERE {on_days(session, time, days)}"


def on_days(session: Session, time: str, days: Sequence[date]) -> str:
    """A condition: the event time falls on one of the UTC days, which are in order."""
    column, kind = name(time), session.instant
    return (
        "("
        + " OR ".join(
            f"({column} >= {kind} '{start} 00:00:00+00' AND {column} < {kind} '{end} 00:00:00+00')"
            for start, end in stretches(days)
        )
        + ")"
    )


def stretches(days: Sequence[date]) -> Iterator[tuple[date, date]]:
    """Days in order as [start, end) of days that follow each other."""
    one = timedelta(days=1)
    start = end = days[0]
    for day in days:
        if day > end:
            yield start, end
            start = day
        end = day + one
    yield start, end


def days_of(session: Session, select: str, time: str) -> list[tuple[date, int]]:
    """The UTC days of a SELECT's rows in order, with the rows of each."""
    counts = session.rows(
        f"SELECT {session.day(name(time))} AS day, count(*) FROM ({select}) GROUP BY 1 ORDER BY 1"
    )
    return [(EPOCH + timedelta(days=number), rows) for number, rows in counts]


def slices(counted: Sequence[tuple[date, int]], most: int | None) -> Iterator[Slice]:
    """Days in order, a bounded number of rows at a time."""
    days: list[date] = []
    rows = 0
    for day, count in counted:
        if days and most is not None and rows + count > most:
            yield Slice(tuple(days), rows < ROWS_OF_A_SMALL_DAY * len(days))
            days, rows = [], 0
        days.append(day)
        rows += count
    if days:
        yield Slice(tuple(days), rows < ROWS_OF_A_SMALL_DAY * len(days))
