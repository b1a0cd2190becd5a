"""What the lake and the engines tell each other: plain data, no library types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime


@dataclass(frozen=True)
class DataFile:
    """One Parquet file of a table: absolute path, rows, bytes, first and last UTC day in it.

    The days are those of the table's event-time column; None where it has none.
    """

    path: str
    rows: int
    bytes: int
    first: date | None = None
    last: date | None = None

    def touches(self, start: date, end: date) -> bool:
        """Whether the file may hold rows of a day in [start, end)."""
        if self.first is None or self.last is None:
            return True
        return self.first < end and self.last >= start


@dataclass(frozen=True)
class Field:
    """One column as stored: its Iceberg field id, name and type (a contract's type name)."""

    id: int
    name: str
    type: str


@dataclass(frozen=True)
class Source:
    """A readable version of a table: its columns and the files that hold its rows.

    `where` is a condition in SQL on the rows that count; empty: all.
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

    def between(self, start: date, end: date) -> Source:
        """The same table, restricted to the files that may hold days in [start, end)."""
        kept = [file for file in self.files if file.touches(start, end)]
        return Source(self.name, self.fields, kept, self.snapshot)


@dataclass(frozen=True)
class Query:
    """SQL of the user or the house in the engine's own dialect, over named sources."""

    sql: str
    sources: Mapping[str, Source]
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """Where an engine writes: folder for new files, columns, and the day column if partitioned."""

    name: str
    location: str
    fields: Sequence[Field]
    day_column: str = ""


@dataclass(frozen=True)
class Snapshot:
    """One version of a table as the catalog remembers it."""

    id: int
    at: datetime
    operation: str
    rows: int
    summary: Mapping[str, str] = field(default_factory=dict)
