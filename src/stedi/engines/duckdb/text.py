"""The exact way to land: line by line.

Lines pass through readers from the fastest to the most exact: `typed`, `loose`, and the rules
themselves (`stedi.feeds.judge`). Each takes the lines that it can prove the rules would accept
with the same values, and hands on the rest. The judge either says why a line is not
well-formed or writes it anew in canonical form, which the loose reader then reads.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from stedi.engines.arrow import write_rows
from stedi.engines.base import Counted, LandTask, Widen
from stedi.engines.duckdb import loose, typed
from stedi.engines.duckdb.session import TYPES, literal
from stedi.engines.duckdb.writing import write
from stedi.engines.sql.session import name
from stedi.feeds.inspect import Inspected
from stedi.feeds.judge import MOST_EXTRAS, Judge, widen
from stedi.feeds.raw import BLOCK, read_lines
from stedi.lake.durable import remove_files
from stedi.lake.model import DataFile

CHUNK_BYTES = 32 * BLOCK
SAMPLE = 100
_BATCH = 20_000  # rows a thread takes at a time

# No field can be called so: odd characters in the names of fields become underscores.
AT, FILE, LINE = '"the position"', '"the file"', '"the line"'
WHOLE, PROVEN = '"is whole"', '"is proven"'


@dataclass
class _Chunk:
    """Lines of several files: the file, the line number and the bytes of each."""

    files: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)

    def add(self, file: str, numbers: Sequence[int], lines: Sequence[bytes]) -> None:
        self.files += [file] * len(lines)
        self.numbers += numbers
        self.lines += lines

    def pick(self, positions: Sequence[int]) -> _Chunk:
        return _Chunk(
            [self.files[i] for i in positions],
            [self.numbers[i] for i in positions],
            [self.lines[i] for i in positions],
        )


class TextLanding:
    """Lands the files of one task; rows gather in a temporary table until all are read."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, task: LandTask, files: Sequence[Inspected]
    ) -> None:
        self._connection = connection
        self._task = task
        self._files = [entry.file.path for entry in files]
        self._judge = Judge(task.table, task.now_ms)
        known = {column.name for column in task.table.columns}
        self._extras = {f.name: f.type for f in task.target.fields if f.name not in known}
        self._spelling: dict[str, str] = {}
        self._counts = {path: [0, 0] for path in self._files}
        self._rejected: list[str] = []

    def run(self) -> tuple[list[DataFile], list[str], dict[str, Counted]]:
        """Data files, quarantine files, and the counts of every delivered file."""
        columns = ", ".join(f"{name(f.name)} {TYPES[f.type]}" for f in self._task.target.fields)
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE stage ({columns})")
        try:
            for chunk in self._chunks():
                self._land(chunk)
            written = write(self._connection, "SELECT * FROM stage", self._task.target)
        except BaseException:
            remove_files(self._rejected)
            raise
        finally:
            self._connection.execute("DROP TABLE IF EXISTS stage")
        counts = {path: Counted(*pair) for path, pair in self._counts.items()}
        return written, self._rejected, counts

    def _chunks(self) -> Iterator[_Chunk]:
        chunk, held = _Chunk(), 0
        for path in self._files:
            for part in read_lines(path, CHUNK_BYTES):
                self._counts[path][0] += len(part.lines)
                if part.flaw:
                    flawed = _Chunk()
                    flawed.add(path, part.numbers, part.lines)
                    self._quarantine(flawed, [part.flaw])
                    continue
                chunk.add(path, part.numbers, part.lines)
                held += sum(map(len, part.lines))
                if held >= CHUNK_BYTES:
                    yield chunk
                    chunk, held = _Chunk(), 0
        yield chunk

    def _land(self, chunk: _Chunk) -> None:
        rest = chunk
        if typed.applies(self._task.table):
            rest = self._read_typed(rest)
        if self._learn(rest):
            rest = self._read_loose(rest, self._spelling, prove=True)
        self._decide(rest)
        self._task.progress(len(chunk.lines))

    def _learn(self, chunk: _Chunk) -> bool:
        """Look at a few lines for unannounced fields; whether the loose reader is worth it."""
        found: dict[str, str] = {}
        accepted = 0
        for line in chunk.lines[:SAMPLE]:
            judged = self._judge(line)
            accepted += not judged.reason
            if self._notice(judged.extras, found):
                self._spelling |= judged.spelling
        if found:
            raise Widen(found)
        return accepted > 0

    def _decide(self, chunk: _Chunk) -> None:
        """The rules themselves, line by line."""
        canonical, flawed, reasons = _Chunk(), _Chunk(), []
        found: dict[str, str] = {}
        for path, number, line in zip(chunk.files, chunk.numbers, chunk.lines, strict=True):
            judged = self._judge(line)
            if judged.reason:
                flawed.add(path, [number], [line])
                reasons.append(judged.reason)
                continue
            if not self._notice(judged.extras, found):
                flawed.add(path, [number], [line])
                reasons.append(f"more than {MOST_EXTRAS} unannounced fields in this feed")
                continue
            canonical.add(path, [number], [judged.canonical.encode()])
        if found:
            raise Widen(found)
        self._read_loose(canonical, {}, prove=False)
        self._quarantine(flawed, reasons)

    def _notice(self, extras: Mapping[str, str], found: dict[str, str]) -> bool:
        """Take up the types of unannounced fields; False if the table would grow too wide."""
        known = self._extras.keys() | found.keys()
        if extras.keys() - known and len(known | extras.keys()) > MOST_EXTRAS:
            return False
        for extra, kind in extras.items():
            before = found.get(extra) or self._extras.get(extra)
            wider = widen(before, kind) if before else kind
            if wider != before:
                found[extra] = wider
        return True

    def _read_typed(self, chunk: _Chunk) -> _Chunk:
        """Stage the lines that hold exactly the announced fields; the others."""
        table = self._task.table
        fields = typed.announced(table)
        sound = " AND ".join(typed.sound(column, self._task.now_ms) for column in fields)
        values = [f"{typed.value(c)} AS {name(c.name)}" for c in fields]
        columns = ", ".join(f"s[{literal(c.field)}] AS {name(c.field)}" for c in fields)
        read = (
            f"SELECT {AT}, {FILE}, {columns}, {typed.characters(table, LINE)} AS {WHOLE} "
            f"FROM (SELECT *, CASE WHEN json_valid({LINE}) "
            f"THEN json_transform({LINE}, {typed.shape(table)}) END AS s FROM chunk)"
        )
        return self._stage(chunk, read, f"{WHOLE} AND {sound}", ", ".join(values))

    def _read_loose(self, chunk: _Chunk, spelling: Mapping[str, str], prove: bool) -> _Chunk:
        """Stage the lines whose fields all fit; the others."""
        table = self._task.table
        names = {c.name: c.field for c in typed.announced(table)}
        names |= {extra: spelling.get(extra, extra) for extra in self._extras}
        shape = literal(json.dumps(dict.fromkeys(names.values(), "JSON")))
        columns = ", ".join(f"s[{literal(f)}] AS {name(n)}" for n, f in names.items())
        read = (
            f"SELECT {AT}, {FILE}, {LINE}, {columns} FROM (SELECT *, CASE WHEN json_valid({LINE}) "
            f"THEN json_transform({LINE}, {shape}) END AS s FROM chunk)"
        )
        proof = loose.proof(table, self._extras, LINE, self._task.now_ms) if prove else "true"
        return self._stage(chunk, read, proof, loose.values(table, self._extras))

    def _stage(self, chunk: _Chunk, read: str, proof: str, values: str) -> _Chunk:
        if not chunk.lines:
            return chunk
        connection = self._connection
        connection.register("chunk", _arrow(chunk))
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE judged AS "
            f"SELECT *, coalesce({proof}, false) AS {PROVEN} FROM ({read})"
        )
        connection.unregister("chunk")
        connection.execute(
            f"INSERT INTO stage BY NAME SELECT {values}, {FILE} AS _source_file FROM "
            f"(SELECT * FROM judged WHERE {PROVEN})"
        )
        rest = f"SELECT {AT} FROM judged WHERE NOT {PROVEN} ORDER BY {AT}"
        left = connection.execute(rest).fetchall()
        return chunk.pick([row[0] for row in left])

    def _quarantine(self, flawed: _Chunk, reasons: Sequence[str]) -> None:
        rows = []
        for path, number, line, reason in zip(
            flawed.files, flawed.numbers, flawed.lines, reasons, strict=True
        ):
            self._counts[path][1] += 1
            rows.append(
                {
                    "feed": self._task.table.feed,
                    "file": path,
                    "line": number,
                    "reason": reason,
                    "text": line.rstrip(b"\r").decode("utf-8", "backslashreplace"),
                    "run": self._task.run,
                    "batch": self._task.batch,
                }
            )
        if rows:
            self._rejected.append(write_rows(rows, self._task.quarantine))


def _arrow(chunk: _Chunk) -> pa.Table:
    names = list(dict.fromkeys(chunk.files))
    codes = {path: code for code, path in enumerate(names)}
    files = pa.array([codes[path] for path in chunk.files], pa.int32())
    table = pa.table(
        {
            "the position": pa.array(range(len(chunk.lines)), pa.int64()),
            "the file": pa.DictionaryArray.from_arrays(files, pa.array(names, pa.string())),
            "the line": _texts(chunk.lines),
        }
    )
    return pa.Table.from_batches(table.to_batches(max_chunksize=_BATCH))


def _texts(lines: list[bytes]) -> pa.Array:
    """The lines as text; NULL for one whose bytes are no UTF-8."""
    try:
        return pa.array(lines, pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([_text(line) for line in lines], pa.string())


def _text(line: bytes) -> str | None:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return None
