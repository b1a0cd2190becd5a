"""What tests of several folders share: feeds written by hand, lakes read back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from stedi.contract import Table, load_tables
from stedi.engines.arrow import write_rows
from stedi.engines.base import Engine, Landed, LandTask, Widen
from stedi.feeds.inspect import inspect
from stedi.feeds.judge import Judge, widen
from stedi.feeds.raw import RawFile
from stedi.lake.model import DataFile, Field, Source, Target
from stedi.lake.schema import contract_fields

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOW_MS = 1_780_000_000_000  # 2026-05-28, the clock of tests that land without a lake
ENGINES = ["duckdb", "spark"]
FEEDS = {table.feed: table for table in load_tables().values() if table.feed}
SERIAL = "2f7b0a4e-31c2-4c5c-9d3e-0a1b2c3d4e5f"
T0 = 1_770_000_000_000  # 2026-02-02T02:40:00Z
Row = dict[str, Any]

WELL_FORMED: dict[str, Row] = {
    "customer": {
        "customerName": "Ada Byron",
        "email": "ada@test.com",
        "phone": "8015551212",
        "birthDay": "1390-01-01",
        "serialNumber": SERIAL,
        "registrationDate": T0 - 10_000,
        "lastUpdateDate": T0 - 9_000,
        "shareWithResearchAsOfDate": T0 - 8_000,
        "shareWithPublicAsOfDate": T0 - 7_000,
        "shareWithFriendsAsOfDate": T0 - 6_000,
    },
    "accelerometer": {"user": "ada@test.com", "timestamp": T0, "x": 1.0, "y": -0.5, "z": 9.81},
    "step_trainer": {"sensorReadingTime": T0, "serialNumber": SERIAL, "distanceFromObject": 250},
}


def record(feed: str, *without: str, **changes: Any) -> Row:
    """A well-formed record of a feed, some fields changed or added, some left out."""
    return {k: v for k, v in (WELL_FORMED[feed] | changes).items() if k not in without}


def line(feed: str, *without: str, **changes: Any) -> bytes:
    """The same as one line of JSON."""
    return json.dumps(record(feed, *without, **changes)).encode()


def deliver(landing: Path, feed: str, name: str, lines: Iterable[Row | bytes]) -> Path:
    """Write one delivered file; records become JSON, bytes stand as they are."""
    path = landing / feed / name
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = (one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines)
    path.write_bytes(b"".join(text + b"\n" for text in texts))
    return path


def moment(ms: float) -> datetime:
    """Epoch milliseconds as a UTC time."""
    return EPOCH + timedelta(milliseconds=ms)


def millis(at: datetime) -> int:
    """A UTC time as epoch milliseconds."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def rows_of(lake: Any, table: str, as_of: str | None = None, *leaving: str) -> list[Row]:
    """A table's rows in a fixed order, without the columns in `leaving`."""
    found = lake.table(table, as_of).to_arrow().to_pylist()
    return ordered({k: v for k, v in row.items() if k not in leaving} for row in found)


def ordered(rows: Iterable[Row]) -> list[Row]:
    """Rows in an order that depends on nothing but their values."""
    return sorted(rows, key=lambda row: repr(sorted(row.items())))


PROMOTED = tuple(table.name for table in load_tables().values() if table.query)
LANDING = tuple(table.name for table in FEEDS.values())


def tables_of(lake: Any) -> dict[str, list[Row]]:
    """All rows of the promoted tables."""
    return {name: rows_of(lake, name) for name in PROMOTED}


def snapshots_of(lake: Any) -> dict[str, int | None]:
    """The current snapshot of every table."""
    return {name: lake.store.table(name).source_id for name in load_tables()}


def stored(table: Table, rows: Sequence[Row], folder: Path) -> Source:
    """Rows as a table without a catalog."""
    fields = contract_fields(table)
    if not rows:
        return Source(table.name, fields, [])
    target = Target(table.name, str(folder / table.name), fields, table.day_column)
    path = write_rows(rows, target)
    return Source(table.name, fields, [DataFile(path, len(rows), Path(path).stat().st_size)])


def read_source(source: Source) -> list[Row]:
    """The rows of a table without a catalog."""
    return [row for file in source.files for row in _read(file.path)]


# ---------------------------------------------------------------- one file, one feed


@dataclass(frozen=True)
class Outcome:
    """What became of one delivered file: landed rows, column types, quarantined lines."""

    rows: list[Row]
    types: Mapping[str, str]
    quarantined: list[tuple[int, str, str]]
    lines: int


@dataclass
class Landings:
    """Lands single files through an engine's port, without a catalog, in folders of its own."""

    engine: Engine
    root: Path
    _number: Iterator[int] = field(default_factory=count)

    def __call__(self, feed: str, content: bytes, name: str = "f.json") -> Outcome:
        folder = self.root / str(next(self._number))
        folder.mkdir(parents=True)
        (folder / name).write_bytes(content)
        return self.land(FEEDS[feed], folder, folder / name)

    def land(self, table: Table, folder: Path, file: Path) -> Outcome:
        stat = file.stat()
        entry = inspect(RawFile(str(file), stat.st_size, stat.st_mtime_ns), table)
        task = LandTask(
            table=table,
            files=[entry],
            target=Target(table.name, str(folder / "data"), contract_fields(table)),
            quarantine=Target(
                "quarantine",
                str(folder / "bad"),
                contract_fields(load_tables()["quarantine"]),
            ),
            run="run",
            batch=1,
            now_ms=NOW_MS,
        )
        task, landed = self._widening(task)
        return _outcome(task, landed, str(file))

    def _widening(self, task: LandTask) -> tuple[LandTask, Landed]:
        while True:
            try:
                return task, self.engine.land(task)
            except Widen as wider:
                task = replace(task, target=_widened(task.target, wider.types))


def _widened(target: Target, types: Mapping[str, str]) -> Target:
    known = {f.name: f for f in target.fields}
    for name, kind in types.items():
        number = known[name].id if name in known else len(known) + 1
        known[name] = Field(number, name, kind)
    return replace(target, fields=list(known.values()))


def _outcome(task: LandTask, landed: Landed, file: str) -> Outcome:
    rows = [row for path in landed.files for row in _read(path)]
    assert {row.pop("_source_file") for row in rows} <= {file}
    bad = [row for path in landed.quarantine_files for row in _read(path)]
    announced = {column.name for column in task.table.columns}
    counted = landed.counts[file]
    assert (landed.rows, counted.quarantined) == (len(rows), len(bad))
    return Outcome(
        rows=[{k: v for k, v in row.items() if v is not None} for row in rows],
        types={f.name: f.type for f in task.target.fields if f.name not in announced},
        quarantined=sorted((row["line"], row["reason"], row["text"]) for row in bad),
        lines=counted.lines,
    )


def _read(path: str) -> list[Row]:
    return pq.read_table(path, partitioning=None).to_pylist()


# ---------------------------------------------------------------- the same by the Judge alone


def judged(feed: str, content: bytes) -> Outcome:
    """What the rules alone make of an uncompressed file, line by line."""
    table = FEEDS[feed]
    judge = Judge(table, NOW_MS)
    numbered = list(_split(content))
    verdicts = [(number, text, judge(text)) for number, text in numbered]
    types: dict[str, str] = {}
    for _, _, verdict in verdicts:
        for name, kind in verdict.extras.items():
            types[name] = widen(types.get(name, kind), kind)
    return Outcome(
        rows=[
            _landed_row(table, types, json.loads(verdict.canonical))
            for _, _, verdict in verdicts
            if not verdict.reason
        ],
        types=types,
        quarantined=sorted(
            (number, verdict.reason, text.rstrip(b"\r").decode("utf-8", "backslashreplace"))
            for number, text, verdict in verdicts
            if verdict.reason
        ),
        lines=len(numbered),
    )


def _split(content: bytes) -> Iterator[tuple[int, bytes]]:
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return ((number, text) for number, text in enumerate(lines, start=1) if text.strip())


def _landed_row(table: Table, types: Mapping[str, str], values: Row) -> Row:
    kinds = {c.field: (c.name, c.type) for c in table.columns if c.field}
    kinds |= {name: (name, kind) for name, kind in types.items()}
    return {
        kinds[name][0]: _as_stored(kinds[name][1], value)
        for name, value in values.items()
        if value is not None
    }


def _as_stored(kind: str, value: Any) -> Any:
    match kind:
        case "timestamp":
            return moment(value)
        case "date":
            return date.fromisoformat(value)
        case "double":
            return float(value)
        case "string":
            return as_text(value)
    return value


def as_text(value: Any) -> str:
    """An unannounced value in a text column: numbers as a double's shortest form."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(float(value) + 0.0).removesuffix(".0")
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def same(left: Outcome, right: Outcome) -> bool:
    """Whether two outcomes are the same, rows in any order, values of the same Python types."""
    return _comparable(left) == _comparable(right)


def _comparable(outcome: Outcome) -> tuple[Any, ...]:
    rows = sorted(repr(sorted((k, _plain(v)) for k, v in row.items())) for row in outcome.rows)
    return rows, dict(outcome.types), outcome.quarantined, outcome.lines


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, str) and value[:1] in ("[", "{"):
        return _nested(value)
    return value + 0.0 if isinstance(value, float) else value


def _nested(text: str) -> Any:
    """A nested value, since 1e22 and 1e+22 in it are the same number."""
    try:
        return repr(json.loads(text))
    except ValueError:
        return text
