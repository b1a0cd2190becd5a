"""Rows taken out of tables: those of people who were forgotten, and those they deliver again."""

from __future__ import annotations

import hashlib
from collections.abc import Container

import duckdb

from stedi.contract import load_tables
from stedi.engines.base import KeepOutTask, KeptOut, Params
from stedi.engines.duckdb.session import pattern, rows_of
from stedi.engines.duckdb.writing import write
from stedi.engines.sql.session import name
from stedi.feeds.told import addresses, serials
from stedi.lake.model import Source, Target

Connection = duckdb.DuckDBPyConnection
_LINES = 10_000  # held at once


def without_rows(
    connection: Connection, source: Source, target: Target, where: str
) -> tuple[list[str], list[str], int]:
    """Write the files that hold some of the rows again without them.

    Returns the files to remove, those to add in their place, and the number of rows gone.
    """
    if not source.files:
        return [], [], 0
    paths = ", ".join(pattern(file.path) for file in source.files)
    found = connection.execute(
        f"SELECT \"the file\", count(*) FROM read_parquet([{paths}], filename='the file', "
        f"union_by_name=true) WHERE {where} GROUP BY 1"
    ).fetchall()
    touched = {path for path, _ in found}
    if not touched:
        return [], [], 0
    part = source.of([file for file in source.files if file.path in touched])
    added = write(connection, f"SELECT * FROM ({rows_of(part)}) WHERE NOT ({where})", target)
    return sorted(touched), [file.path for file in added], sum(rows for _, rows in found)


def keep_out(connection: Connection, task: KeepOutTask) -> KeptOut:
    """Take rows of forgotten people out of files that are about to be published."""
    find = _telling if task.table.owner.by == "text" else _owned
    theirs, file = find(connection, task)
    if not theirs:
        return KeptOut()
    counted = connection.execute(
        f"SELECT {file}, count(*) FROM ({rows_of(task.source)}) WHERE {theirs} GROUP BY 1"
    ).fetchall()
    removed, added, _ = without_rows(connection, task.source, task.target, theirs)
    return KeptOut(removed, added, dict(counted))


def _owned(connection: Connection, task: KeepOutTask) -> tuple[str, str]:
    """A condition for the rows of forgotten people (empty if none), and the column of files."""
    owner = task.table.owner
    by_email = owner.by == "email"
    column = name(owner.column)
    each = f"lower(trim({column}))" if by_email else column
    key = fingerprint("person" if by_email else "device", "who")
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE forgotten AS SELECT unnest(CAST($all AS VARCHAR[])) AS f",
        {"all": list(task.fingerprints)},
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE out AS SELECT who FROM ("
        f"SELECT DISTINCT {each} AS who FROM ({rows_of(task.source)})) "
        f"WHERE {key} IN (SELECT f FROM forgotten)",
        dict(task.params),
    )
    some = connection.execute("SELECT count(*) FROM out").fetchall()[0][0]
    return (f"{each} IN (SELECT who FROM out)" if some else ""), "_source_file"


def _telling(connection: Connection, task: KeepOutTask) -> tuple[str, str]:
    """The same for lines that are not well-formed: those that tell somebody of them."""
    lines = connection.execute(f"SELECT file, line, feed, text FROM ({rows_of(task.source)})")
    devices = {t.feed for t in load_tables().values() if t.feed and t.owner.by == "device"}
    known, keyed = frozenset(task.fingerprints), _Keyed(task.params)
    places: list[tuple[str, int]] = []
    while batch := lines.fetchmany(_LINES):
        places += [
            (file, line)
            for file, line, feed, text in batch
            if _tells(text or "", feed in devices, known, keyed)
        ]
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE out AS SELECT unnest(CAST($files AS VARCHAR[])) AS file, "
        "unnest(CAST($lines AS BIGINT[])) AS line",
        {"files": [file for file, _ in places], "lines": [line for _, line in places]},
    )
    return ("(file, line) IN (SELECT (file, line) FROM out)" if places else ""), "file"


def _tells(text: str, by_device: bool, known: Container[str], keyed: _Keyed) -> bool:
    if any(keyed("person", one) in known for one in addresses(text)):
        return True
    return by_device and any(keyed("device", one) in known for one in serials(text))


class _Keyed:
    """The keyed fingerprint of one person or device, from the pads of the key."""

    def __init__(self, params: Params) -> None:
        self._inner = hashlib.sha256(bytes.fromhex(str(params["inner_pad"])))
        self._outer = hashlib.sha256(bytes.fromhex(str(params["outer_pad"])))

    def __call__(self, kind: str, value: str) -> str:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(f"forgotten {kind} {value}".encode("utf-8", "surrogatepass"))
        outer.update(inner.digest())
        return outer.hexdigest()


def fingerprint(kind: str, column: str) -> str:
    """The keyed fingerprint of a person or device, as `stedi.people.fingerprint` makes it."""
    text = f"encode('forgotten {kind} ' || {column})"
    return f"sha256(unhex($outer_pad) || unhex(sha256(unhex($inner_pad) || {text})))"
