"""The readings of one subject of the training table: who there is, when, and the curves.

A span is two moments in milliseconds since 1970 (UTC), both in it. Curves hold at most as many
points as asked for: where there are more readings, each point is the least or the greatest of
those between two moments, so that no peak is lost. Where feeds were made by `stedi simulate` and
still lie beside their truth, the true steps are known as well.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from stedi.engines.base import Engine
from stedi.lake.model import Query, Source
from stedi.people import pseudonym

TABLE = "machine_learning_curated"
DAY = 86_400_000
PAUSE = 300_000  # milliseconds
SERIES = ("x", "y", "z", "magnitude", "distance")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_READINGS = (
    f"SELECT epoch_ms(timestamp) AS t, x, y, z, sqrt(x * x + y * y + z * z) AS magnitude, "
    f"distancefromobject AS distance FROM {TABLE} WHERE subject_id = $subject"
)


@dataclass(frozen=True)
class Span:
    """From one moment to another, in milliseconds since 1970."""

    since: int
    until: int


@dataclass(frozen=True)
class Recording:
    """Readings of a subject without a pause longer than PAUSE, from the first to the last."""

    readings: int
    span: Span


@dataclass(frozen=True)
class Curves:
    """Values by column: `t` and those of SERIES; `readings` is how many they stand for.

    `figures` are least, mean and greatest of each of SERIES over all of these. `every` is 0, or
    the milliseconds of which two points are the least and the greatest values.
    """

    columns: Mapping[str, Sequence[Any]]
    readings: int
    span: Span | None
    figures: Mapping[str, Sequence[float | None]]
    every: int = 0


def subjects(engine: Engine, source: Source, most: int) -> list[dict[str, Any]]:
    """Subjects with their readings and days, those with most readings first."""
    sql = (
        f"SELECT subject_id, CAST(sum(n) AS BIGINT) AS readings, count(*) AS days "
        f"FROM (SELECT subject_id, epoch_ms(timestamp) // {DAY} AS day, count(*) AS n "
        f"FROM {TABLE} GROUP BY 1, 2) AS d GROUP BY 1 ORDER BY readings DESC, 1 LIMIT {most}"
    )
    return _rows(engine, sql, source, {})


def recordings(engine: Engine, source: Source, subject: str) -> list[Recording]:
    """The recordings of a subject in order; none: there is no such subject."""
    sql = (
        f"WITH r AS (SELECT t, lag(t) OVER (ORDER BY t) AS earlier FROM ({_READINGS}) AS a), "
        f"s AS (SELECT t, count(*) FILTER (WHERE t - earlier > {PAUSE}) "
        f"OVER (ORDER BY t ROWS UNBOUNDED PRECEDING) AS number FROM r) "
        f"SELECT count(*) AS n, min(t) AS a, max(t) AS b FROM s GROUP BY number ORDER BY number"
    )
    rows = _rows(engine, sql, source, {"subject": subject})
    return [Recording(row["n"], Span(row["a"], row["b"])) for row in rows]


def curves(
    engine: Engine,
    source: Source,
    subject: str,
    known: Sequence[Recording],
    span: Span,
    points: int,
) -> Curves:
    """The readings of a subject within a span, by at most `points` points; reads its days alone.

    `known` are the subject's recordings.
    """
    shown = [common for one in known if (common := _common(one.span, span))]
    if not shown:
        return Curves({name: [] for name in ("t", *SERIES)}, 0, None, {})
    part, params = source.on(_days(shown)), {"subject": subject}
    within = f"{_READINGS} AND timestamp >= {_moment(span.since)} AND timestamp < "
    within += _moment(span.until + 1)
    total = _rows(engine, _summary(within), part, params)[0]
    if total["n"] == 0:
        return Curves({name: [] for name in ("t", *SERIES)}, 0, None, {})
    found = Span(total["a"], total["b"])
    every = 0
    sql = f"{within} ORDER BY ALL"
    if total["n"] > points:
        every = _every(shown, points // 2)
        sql = _least_and_greatest(within, found.since, every)
    columns = _table(engine, sql, part, params).to_pydict()
    figures = {n: [total[f"{n}_{which}"] for which in ("min", "avg", "max")] for n in SERIES}
    return Curves(columns, total["n"], found, figures, every)


def _common(one: Span, other: Span) -> Span | None:
    """What both spans hold."""
    since, until = max(one.since, other.since), min(one.until, other.until)
    return Span(since, until) if since <= until else None


def _days(spans: Sequence[Span]) -> list[date]:
    """The UTC days of some spans, in order."""
    numbers = {n for one in spans for n in range(one.since // DAY, one.until // DAY + 1)}
    return [(_EPOCH + timedelta(days=number)).date() for number in sorted(numbers)]


def _every(recorded: Sequence[Span], parts: int) -> int:
    """The length in milliseconds of which at most `parts` hold readings, pauses left out.

    Each recording may begin and end within a part.
    """
    spare = parts - 2 * len(recorded)
    if spare < parts // 2:
        return -(-(recorded[-1].until - recorded[0].since + 1) // parts)
    return max(1, -(-sum(one.until - one.since + 1 for one in recorded) // spare))


def _summary(rows: str) -> str:
    figures = ", ".join(f"{f}({n}) AS {n}_{f}" for n in SERIES for f in ("min", "avg", "max"))
    return f"SELECT count(*) AS n, min(t) AS a, max(t) AS b, {figures} FROM ({rows}) AS r"


def _least_and_greatest(rows: str, start: int, every: int) -> str:
    """Two points for every `every` milliseconds that hold readings, one where they hold one."""
    ends = ", ".join(f"{f}({n}) AS {n}_{f}" for n in ("t", *SERIES) for f in ("min", "max"))
    parts = f"SELECT count(*) AS n, {ends} FROM ({rows}) AS r GROUP BY (t - {start}) // {every}"
    chosen = [", ".join(f"{n}_{f} AS {n}" for n in ("t", *SERIES)) for f in ("min", "max")]
    return (
        f"WITH parts AS ({parts}) SELECT {chosen[0]} FROM parts "
        f"UNION ALL SELECT {chosen[1]} FROM parts WHERE n > 1 ORDER BY t"
    )


def _moment(ms: int) -> str:
    return f"TIMESTAMPTZ '{(_EPOCH + timedelta(milliseconds=ms)).isoformat()}'"


def _table(engine: Engine, sql: str, source: Source, params: Mapping[str, str]) -> pa.Table:
    return engine.query(Query(sql, {source.name: source}, params)).read_all()


def _rows(
    engine: Engine, sql: str, source: Source, params: Mapping[str, str]
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _table(engine, sql, source, params).to_pylist()
    return found


@dataclass(frozen=True)
class Truth:
    """Where the true steps of simulated people lie, and behind which subject each person is.

    Addresses stay in here: what is told is when somebody stepped.
    """

    folders: Sequence[Path]
    people: Mapping[str, str]

    def steps(self, subject: str, span: Span) -> list[int] | None:
        """The true steps of a subject within a span, in order; None where no truth is known."""
        person = self.people.get(subject)
        if person is None:
            return None
        found = [_stepped(folder, person) for folder in self.folders]
        steps = sorted(time for times in found for time in times)
        return steps[bisect_left(steps, span.since) : bisect_right(steps, span.until)]


def truth(engine: Engine, delivered: Source, key: bytes) -> Truth:
    """What is known of the feeds in `delivered` (ops.files); `key` is that of the pseudonyms."""
    folders = [folder for folder in _beside(engine, delivered) if _finished(folder)]
    people = {pseudonym(key, person): person for folder in folders for person in _people(folder)}
    return Truth(folders, people)


def _beside(engine: Engine, delivered: Source) -> list[Path]:
    """The folders `truth` beside those of the delivered files."""
    sql = "SELECT DISTINCT regexp_replace(file, '/[^/]*/[^/]*$', '') AS root FROM files ORDER BY 1"
    roots = [row["root"] for row in _rows(engine, sql, delivered, {})]
    return [Path(root) / "truth" for root in roots if root.startswith("/")]


def _finished(folder: Path) -> bool:
    """Whether a simulation ended there: it writes `expected.json` last."""
    names = ("expected.json", "people.parquet", "steps.parquet")
    try:
        return all((folder / name).is_file() for name in names)
    except OSError:
        return False


def _people(folder: Path) -> list[str]:
    try:
        found = ds.dataset(folder / "people.parquet").to_table(["person"])
    except (OSError, pa.ArrowException):
        return []
    return [str(person) for person in found["person"].to_pylist()]


def _stepped(folder: Path, person: str) -> list[int]:
    """When a person stepped, in milliseconds since 1970."""
    try:
        steps = ds.dataset(folder / "steps.parquet")
        found = steps.to_table(["time"], filter=ds.field("person") == person)
    except (OSError, pa.ArrowException):
        return []
    times = pc.cast(found["time"], pa.timestamp("ms", tz="UTC")).cast(pa.int64())
    return [int(time) for time in times.to_pylist()]
