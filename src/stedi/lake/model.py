"""What the lake and the engines tell each other: plain data, no library types."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

VERSION = "stedi.version"


def local(address: str) -> str:
    """A file's path on this machine, however an engine wrote its address."""
    return "/" + address[5:].lstrip("/") if address.startswith("file:") else address


@dataclass(frozen=True)
class DataFile:
    """One Parquet file of a table: absolute path, rows, bytes, first and last UTC day in it.

    The days are those of the table's event-time column; None where it has none. `bucket` is
    that of the people in it, None if the file may hold any.
    """

    path: str
    rows: int
    bytes: int
    first: date | None = None
    last: date | None = None
    bucket: int | None = None

    def touches(self, days: Sequence[date]) -> bool:
        """Whether the file may hold rows of one of the days, which are in order."""
        if self.first is None or self.last is None:
            return True
        position = bisect_left(days, self.first)
        return position < len(days) and days[position] <= self.last

    def within(self, days: Sequence[date]) -> bool:
        """Whether all its rows are of days that are listed (in order), as far as is known."""
        if self.first is None or self.last is None:
            return False
        length = (self.last - self.first).days + 1
        start = bisect_left(days, self.first)
        part = days[start : start + length]
        return len(part) == length and (part[0], part[-1]) == (self.first, self.last)


@dataclass(frozen=True)
class Field:
    """One column as stored: its Iceberg field id, name and type (a contract's type name)."""

    id: int
    name: str
    type: str


@dataclass(frozen=True)
class Source:
    """A readable version of a table: its columns and the files that hold its rows.

    `snapshot` is the one that holds just these files, if there is one. `where` is a condition
    in SQL on the rows that count; empty: all.
    """

    name: str
    fields: Sequence[Field]
    files: Sequence[DataFile]
    snapshot: int | None = None
    where: str = ""

    @property
    def rows(self) -> int:
        """Rows in all files."""
        return sum(file.rows for file in self.files)

    def on(self, days: Sequence[date]) -> Source:
        """The same table, restricted to the files that may hold one of the days, in order."""
        return self.of([file for file in self.files if file.touches(days)])

    def of(self, files: Sequence[DataFile]) -> Source:
        """The same table, restricted to some of its files."""
        return replace(
            self, files=files, snapshot=self.snapshot if len(files) == len(self.files) else None
        )


@dataclass(frozen=True)
class Query:
    """SQL of the user or the house in the engine's own dialect, over named sources."""

    sql: str
    sources: Mapping[str, Source]
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """Where an engine writes: folder for new files, columns, and how the table is partitioned.

    That is by the day of `day_column`, if there is one, and then, if there are `buckets`, by
    the bucket of `bucket_column` (as Iceberg's transform counts them).
    """

    name: str
    location: str
    fields: Sequence[Field]
    day_column: str = ""
    bucket_column: str = ""
    buckets: int = 0


@dataclass(frozen=True)
class Snapshot:
    """One version of a table as the catalog remembers it."""

    id: int
    at: datetime
    operation: str
    rows: int
    summary: Mapping[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """The version whose rows it holds: its own id unless it changed none."""
        return self.summary.get(VERSION, str(self.id))
