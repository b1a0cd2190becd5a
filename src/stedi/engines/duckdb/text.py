"""The exact way to land: line by line, with a proof for each that the rules would accept it.

A line is proven if every announced field has the right JSON type and its characters add up:
all quotation marks and commas in it belong to fields that were read. Lines without a proof go
to `stedi.feeds.judge`, which either says why they are not well-formed or writes them anew in
canonical form; these are then read like the others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

import duckdb
import pyarrow as pa

from stedi.contract import Column
from stedi.engines.arrow import write_rows
from stedi.engines.base import Counted, LandTask, Widen
from stedi.engines.duckdb.session import TYPES, literal, name
from stedi.engines.duckdb.writing import write
from stedi.lake.durable import remove_files
from stedi.feeds.inspect import Inspected
from stedi.feeds.judge import DAY_MS, EARLIEST_MS, EMAILS, Judge, widen
from stedi.feeds.raw import BLOCK, read_lines
from stedi.lake.model import DataFile

CHUNK_BYTES = 32 * BLOCK
SAMPLE = 500
INT32 = 2**31

Line = tuple[int, int, bytes]  # position of the file, line number, bytes
Flawed = tuple[int, int, bytes, str]


class TextLanding:
    """Lands the files of one task; rows gather in a temporary table until all are read."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, task: LandTask, files: Sequence[Inspected]
    ) -> None:
        self._connection = connection
        self._task = task
        self._files = files
        self._judge = Judge(task.table, task.now_ms)
        announced = {column.name for column in task.table.columns}
        self._extras = {f.name: f.type for f in task.target.fields if f.name not in announced}
        self._spelling = {extra: extra for extra in self._extras}
        self._lines = [0] * len(files)
        self._bad = [0] * len(files)
        self._rejected: list[str] = []

    def run(self) -> tuple[list[DataFile], list[str], dict[str, Counted]]:
        """Data files, quarantine files, and the counts of every delivered file."""
        columns = ", ".join(f"{name(f.name)} {TYPES[f.type]}" for f in self._task.target.fields)
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE stage ({columns})")
        try:
            for lines, flawed in self._chunks():
                self._chunk(lines, flawed)
            written = write(self._connection, "SELECT * FROM stage", self._task.target)
        except BaseException:
            remove_files(self._rejected)
            raise
        finally:
            self._connection.execute("DROP TABLE IF EXISTS stage")
        return written, self._rejected, self._counts()

    def _counts(self) -> dict[str, Counted]:
        return {
            entry.file.path: Counted(self._lines[position], self._bad[position])
            for position, entry in enumerate(self._files)
        }

    def _chunks(self) -> Iterator[tuple[list[Line], list[Flawed]]]:
        lines: list[Line] = []
        flawed: list[Flawed] = []
        held = 0
        for position, entry in enumerate(self._files):
            for part in read_lines(entry.file.path, CHUNK_BYTES):
                if part.flaw:
                    flawed += [(position, n, line, part.flaw) for n, line in part.lines]
                    continue
                lines += [(position, n, line) for n, line in part.lines]
                held += sum(len(line) for _, line in part.lines)
                if held >= CHUNK_BYTES:
                    yield lines, flawed
                    lines, flawed, held = [], [], 0
        yield lines, flawed

    def _chunk(self, lines: list[Line], flawed: list[Flawed]) -> None:
        for position, *_ in (*lines, *flawed):
            self._lines[position] += 1
        doubtful = self._proven(lines, learn=True)
        canonical: list[Line] = []
        found: dict[str, str] = {}
        for index in doubtful:
            position, number, line = lines[index]
            judged = self._judge(line)
            if judged.reason:
                flawed.append((position, number, line, judged.reason))
                continue
            self._notice(judged.extras, found)
            canonical.append((position, number, judged.canonical.encode()))
        if found:
            raise Widen(found)
        self._insert(canonical, {extra: extra for extra in self._extras}, prove=False)
        self._quarantine(flawed)
        self._task.progress(len(lines))

    def _notice(self, extras: Mapping[str, str], found: dict[str, str]) -> None:
        for extra, kind in extras.items():
            known = found.get(extra) or self._extras.get(extra)
            wider = widen(known, kind) if known else kind
            if wider != known:
                found[extra] = wider

    def _proven(self, lines: list[Line], learn: bool) -> list[int]:
        """Stage the proven lines; the positions of the others."""
        spelling = dict(self._spelling)
        if learn:
            sample = self._doubtful(lines[:SAMPLE], spelling)
            for index in sample:
                spelling |= {
                    column: field
                    for column, field in self._judge(lines[index][2]).spelling.items()
                    if column in self._extras
                }
            self._spelling = spelling
        return self._insert(lines, spelling, prove=True)

    def _doubtful(self, lines: list[Line], spelling: Mapping[str, str]) -> list[int]:
        self._parse(lines, spelling)
        rows = self._connection.execute(f"SELECT i FROM parsed WHERE NOT ({self._proof(spelling)})")
        return [row[0] for row in rows.fetchall()]

    def _insert(self, lines: list[Line], spelling: Mapping[str, str], prove: bool) -> list[int]:
        if not lines:
            return []
        self._parse(lines, spelling)
        proof = self._proof(spelling) if prove else "true"
        self._connection.execute(
            f"CREATE OR REPLACE TEMP TABLE judged AS SELECT *, {proof} AS proven FROM parsed"
        )
        self._connection.execute(f"INSERT INTO stage BY NAME SELECT {self._values()} FROM "
                                 "(SELECT * FROM judged WHERE proven)")
        rows = self._connection.execute("SELECT i FROM judged WHERE NOT proven ORDER BY i")
        return [row[0] for row in rows.fetchall()]

    def _parse(self, lines: list[Line], spelling: Mapping[str, str]) -> None:
        fields = {c.name: c.field for c in self._announced()} | dict(spelling)
        shape = literal(json.dumps({field: "JSON" for field in fields.values()}))
        columns = ", ".join(f"s[{literal(field)}] AS {name(c)}" for c, field in fields.items())
        chunk = pa.table(
            {
                "i": pa.array(range(len(lines)), pa.int64()),
                "f": pa.array([self._files[p].file.path for p, _, _ in lines], pa.string()),
                "line": _texts([line for _, _, line in lines]),
            }
        )
        self._connection.register("chunk", chunk)
        self._connection.execute(
            f"CREATE OR REPLACE TEMP TABLE parsed AS SELECT i, f, line, {columns} FROM (SELECT *, "
            f"CASE WHEN json_valid(line) THEN json_transform(line, {shape}) END AS s FROM chunk)"
        )
        self._connection.unregister("chunk")

    def _announced(self) -> list[Column]:
        return [column for column in self._task.table.columns if column.field]

    def _proof(self, spelling: Mapping[str, str]) -> str:
        fields = [(c, name(c.name)) for c in self._announced()]
        conditions = [_sound(column, field, self._task.now_ms) for column, field in fields]
        conditions += [_fits(name(extra), self._extras[extra]) for extra in spelling]
        present = [field for _, field in fields] + [name(extra) for extra in spelling]
        quotes = " + ".join(f"coalesce(2 + {_count(field, chr(34))}, 0)" for field in present)
        commas = " + ".join(f"coalesce(1 + {_count(field, ',')}, 0)" for field in present)
        conditions += [f"{_count('line', chr(34))} = {quotes}", f"{_count('line', ',')} + 1 = {commas}"]
        return "coalesce(" + " AND ".join(conditions) + ", false)"

    def _values(self) -> str:
        values = [f"{_value(c.type, name(c.name))} AS {name(c.name)}" for c in self._announced()]
        values += [f"{_value(kind, name(extra))} AS {name(extra)}" for extra, kind in self._extras.items()]
        return ", ".join([*values, "f AS _file"])

    def _quarantine(self, flawed: Sequence[Flawed]) -> None:
        for position, *_ in flawed:
            self._bad[position] += 1
        rows = [
            {
                "feed": self._task.table.feed,
                "file": self._files[position].file.path,
                "line": number,
                "reason": reason,
                "text": line.rstrip(b"\r").decode("utf-8", "backslashreplace"),
                "run": self._task.run,
                "batch": self._task.batch,
            }
            for position, number, line, reason in flawed
        ]
        if rows:
            self._rejected.append(write_rows(rows, self._task.quarantine))


def _texts(lines: list[bytes]) -> pa.Array:
    try:
        return pa.array(lines, pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([_text(line) for line in lines], pa.string())


def _text(line: bytes) -> str | None:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _count(field: str, character: str) -> str:
    return f"(strlen({field}) - strlen(replace({field}, {literal(character)}, '')))"


def _number(field: str) -> str:
    return f"TRY_CAST({field} AS DOUBLE)"


def _is_number(field: str) -> str:
    return f"left({field}, 1) IN ('-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9') AND isfinite({_number(field)})"


def _is_text(field: str) -> str:
    return f"left({field}, 1) = '\"' AND NOT contains({field}, '\\')"


def _sound(column: Column, field: str, now_ms: int) -> str:
    number = _number(field)
    match column.type:
        case "timestamp":
            sound = (
                f"{_is_number(field)} AND {number} = floor({number}) "
                f"AND {number} BETWEEN {EARLIEST_MS} AND {now_ms + DAY_MS}"
            )
        case "int":
            sound = (
                f"{_is_number(field)} AND {number} = floor({number}) "
                f"AND {number} BETWEEN {-INT32} AND {INT32 - 1}"
            )
        case "double":
            sound = _is_number(field)
        case "date":
            sound = (
                f"regexp_full_match({field}, '\"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}\"') AND "
                f"NOT starts_with({field}, '\"0000') AND TRY_CAST({field} ->> '$' AS DATE) IS NOT NULL"
            )
        case _:
            sound = _is_text(field)
            sound += f" AND contains({field}, '@')" if column.name in EMAILS else ""
    return f"({sound})" if column.required else f"({field} IS NULL OR ({sound}))"


def _fits(field: str, kind: str) -> str:
    match kind:
        case "long":
            fits = f"{_is_number(field)} AND TRY_CAST({field} AS BIGINT) IS NOT NULL AND regexp_full_match({field}, '-?[0-9]+')"
        case "double":
            fits = _is_number(field)
        case "boolean":
            fits = f"{field} IN ('true', 'false')"
        case _:
            fits = f"NOT contains({field}, '\\')"
    return f"({field} IS NULL OR ({fits}))"


def _value(kind: str, field: str) -> str:
    match kind:
        case "timestamp":
            return f"make_timestamptz(CAST({_number(field)} AS BIGINT) * 1000)"
        case "int":
            return f"CAST({_number(field)} AS INTEGER)"
        case "double":
            return f"{_number(field)} + 0.0"
        case "long" | "boolean":
            return f"CAST({field} AS {TYPES[kind]})"
        case "date":
            return f"CAST({field} ->> '$' AS DATE)"
        case _:
            return f"CASE WHEN left({field}, 1) = '\"' THEN {field} ->> '$' ELSE {as_text(field)} END"


def as_text(field: str) -> str:
    """An unannounced value as text, the same whatever number type it had before."""
    number = _number(field)
    return (
        f"CASE WHEN isfinite({number}) THEN regexp_replace(CAST({number} AS VARCHAR), '\\.0$', '') "
        f"ELSE CAST({field} AS VARCHAR) END"
    )
