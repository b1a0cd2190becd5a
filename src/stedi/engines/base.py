"""The port between the product and whatever computes: land, refresh, query."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from stedi.contract import Check, Table
from stedi.feeds.inspect import Inspected
from stedi.lake.model import Query, Source, Target

if TYPE_CHECKING:
    import pyarrow as pa

Params = Mapping[str, str]


class Widen(Exception):
    """Unannounced fields that the landing table cannot hold yet: name -> column type."""

    def __init__(self, types: Mapping[str, str]) -> None:
        super().__init__(dict(types))
        self.types = dict(types)


@dataclass(frozen=True)
class LandTask:
    """Delivered files of one feed to land together; `now_ms` is the clock in epoch ms."""

    table: Table
    files: Sequence[Inspected]
    target: Target
    quarantine: Target
    run: str
    batch: int
    now_ms: int
    progress: Callable[[int], None] = lambda rows: None


@dataclass(frozen=True)
class Counted:
    """Delivered lines of one file, and how many of these went to quarantine."""

    lines: int
    quarantined: int


@dataclass(frozen=True)
class Landed:
    """Files written but not yet published, and the count of every delivered file by path."""

    files: Sequence[str]
    quarantine_files: Sequence[str]
    rows: int
    counts: Mapping[str, Counted]


@dataclass(frozen=True)
class RefreshTask:
    """One table to make anew from its sources (by bare name)."""

    table: Table
    sources: Mapping[str, Source]
    target: Target
    params: Params


@dataclass(frozen=True)
class Refreshed:
    """A table's new files, not yet published, and what became of every candidate row.

    `candidates` is the number of rows that the candidate table holds, counted from its files.
    """

    files: Sequence[str]
    candidates: int
    rows_in: int
    rows_out: int
    excluded: Mapping[str, int]
    staged: Source


@dataclass(frozen=True)
class Finding:
    """The outcome of one check: how many rows break it, and one of them as words."""

    check: Check
    table: str
    broken: int
    example: str = ""

    @property
    def passed(self) -> bool:
        """Whether no row breaks the check."""
        return self.broken == 0


class Engine(Protocol):
    """Computes; never touches the catalog. Files it writes count only once published."""

    name: str

    def land(self, task: LandTask) -> Landed:
        """Read delivered files; Widen if the landing table lacks a column they need."""

    def refresh(self, task: RefreshTask) -> Refreshed:
        """Run a verdict query and write what it promotes."""

    def check(self, table: Table, sources: Mapping[str, Source], params: Params) -> list[Finding]:
        """Run the declared checks of a table over its (staged or published) rows."""

    def query(self, query: Query) -> pa.RecordBatchReader:
        """Stream the result of a query."""

    def without(
        self, source: Source, target: Target, column: str, values: Sequence[str]
    ) -> tuple[list[str], list[str]]:
        """Take out the rows that have one of `values` in a text column.

        Returns the files to remove and those, newly written, to add in their place.
        """

    def rewrite(self, source: Source, target: Target) -> list[str]:
        """Write a table's rows again, each column cast to the target's type."""

    def close(self) -> None:
        """Let go of threads, memory and scratch files."""
