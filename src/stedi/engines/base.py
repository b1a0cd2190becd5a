"""The port between the product and whatever computes: land, refresh, query."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from stedi.contract import Check, Table
from stedi.feeds.inspect import Inspected
from stedi.feeds.raw import RawFile
from stedi.lake.durable import remove_files
from stedi.lake.model import DataFile, Query, Source, Target

if TYPE_CHECKING:
    import pyarrow as pa

Params = Mapping[str, str]
MISFIT = "its account did not fit its rows"  # why a table is made anew as a whole


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
    """Delivered lines of one file; how many went to quarantine, how many were kept out.

    Kept out are the lines of people who were forgotten.
    """

    lines: int
    quarantined: int
    forgotten: int = 0


@dataclass(frozen=True)
class Landed:
    """Files written but not yet published, and the count of every delivered file by path."""

    files: Sequence[str]
    quarantine_files: Sequence[str]
    rows: int
    counts: Mapping[str, Counted]

    def discard(self) -> None:
        """Remove what was written: it will not be published."""
        remove_files((*self.files, *self.quarantine_files))


@dataclass(frozen=True)
class KeepOutTask:
    """Staged files of a landing table or of quarantine, and who must not be in them.

    People and devices are known by keyed fingerprints; `params` are the pads of their key.
    """

    table: Table
    source: Source
    target: Target
    fingerprints: Sequence[str]
    params: Params


@dataclass(frozen=True)
class KeptOut:
    """Staged files to remove, those in their place, rows kept out by delivered file."""

    removed: Sequence[str] = ()
    added: Sequence[str] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Base:
    """What a published version was made from (by bare name), and the version itself."""

    sources: Mapping[str, Source]
    published: Source


@dataclass(frozen=True)
class Erased:
    """People and devices whose rows, and no others, have just been taken out of landing."""

    people: Sequence[str]
    devices: Sequence[str]


@dataclass(frozen=True)
class RefreshTask:
    """One table to make anew from its sources and roots (by bare name).

    With a `base` only what has changed since then need be made anew, without one everything.
    """

    table: Table
    sources: Mapping[str, Source]
    target: Target
    params: Params
    base: Base | None = None
    erased: Erased | None = None


@dataclass(frozen=True)
class Tally:
    """Candidate rows, rows promoted, rows excluded by reason."""

    rows_in: int = 0
    rows_out: int = 0
    excluded: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Tally) -> Tally:
        return self._with(other, 1)

    def __sub__(self, other: Tally) -> Tally:
        return self._with(other, -1)

    def _with(self, other: Tally, sign: int) -> Tally:
        reasons = {**self.excluded, **other.excluded}
        counts = {r: self.excluded.get(r, 0) + sign * other.excluded.get(r, 0) for r in reasons}
        return Tally(
            self.rows_in + sign * other.rows_in,
            self.rows_out + sign * other.rows_out,
            {reason: count for reason, count in counts.items() if count},
        )


@dataclass(frozen=True)
class Extent:
    """How much of a table was made anew: so many days, and people on every day."""

    days: int
    people: int


@dataclass(frozen=True)
class Refreshed:
    """New files, not yet published, those they replace, and what became of the candidate rows.

    `staged` are the rows that were judged and promoted, `carried` the files that hold rows which
    stay as they were. `removed` None: all files of the published version. `tally` counts the
    candidates judged and `before` what the published version made of the same part; None: all.
    `candidates` is the number of rows that the candidate table holds, counted from its files.
    `extent` tells how much was judged; None: everything, and `why`. `same`: the published
    version holds these very rows, nothing was written.
    """

    staged: Source
    candidates: int
    tally: Tally
    before: Tally | None = None
    carried: Sequence[DataFile] = ()
    removed: Sequence[str] | None = None
    extent: Extent | None = None
    why: str = ""
    same: bool = False

    @property
    def nothing_new(self) -> bool:
        """Whether the published version holds the same rows in the same files."""
        gone = self.removed is None or len(self.removed) > 0
        return self.same or not (self.files or gone)

    @property
    def files(self) -> list[str]:
        """Every file that was written."""
        return [] if self.same else [file.path for file in (*self.staged.files, *self.carried)]


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
    round_bytes: int  # delivered bytes to land in one round

    def inspect(self, files: Sequence[RawFile], table: Table) -> list[Inspected]:
        """A first look at delivered files, in their order; StorageError if one has vanished."""

    def land(self, task: LandTask) -> Landed:
        """Read delivered files; Widen if the landing table lacks a column they need."""

    def refresh(self, task: RefreshTask) -> Refreshed:
        """Run a verdict query and write what it promotes: all, or what changed since a base."""

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

    def without_rows(
        self, source: Source, target: Target, where: str
    ) -> tuple[list[str], list[str], int]:
        """Take out the rows for which a condition holds, in the engine's own SQL.

        Returns the files to remove, those, newly written, in their place, and the rows gone.
        """

    def keep_out(self, task: KeepOutTask) -> KeptOut:
        """Take rows of forgotten people out of staged files."""

    def rewrite(self, source: Source, target: Target) -> list[str]:
        """Write a table's rows again, each column cast to the target's type."""

    def close(self) -> None:
        """Let go of threads, memory and scratch files."""
