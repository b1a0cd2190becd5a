"""A query of the sandbox: in a confined process, over Arrow datasets of exactly its files.

The order counts: a database in memory without a place to spill to, the tables, then no files, no
extensions and no change of settings any more, then the gate, then the query.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from errno import EDQUOT, EFBIG, ENOSPC
from typing import Any, BinaryIO

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from stedi.engines.arrow import TYPES
from stedi.engines.duckdb.gate import A_FILE, Refusal, refusal, told
from stedi.engines.lent import Lent, Lines
from stedi.engines.spec import Limits, Relation, Spec
from stedi.engines.sql.session import name
from stedi.places import is_remote

Lender = Callable[[str, int], Lent]  # of a file's address and its bytes
BATCH_ROWS = 16_384
EXPLAIN = "EXPLAIN "
UNREADABLE = "a data file cannot be read ({})"
MOST_MESSAGE = 2_000
# Where there is no such column, DuckDB would answer with the name of its own user.
USERS = ("user", "current_user", "session_user")
CLOSED = (
    "SET TimeZone = 'UTC'",
    "SET errors_as_json = true",
    "SET enable_external_access = false",
    "SET disabled_filesystems = 'LocalFileSystem'",
    "SET lock_configuration = true",
)


def answer(spec: Spec, out: BinaryIO, lines: Lines) -> Mapping[str, Any]:
    """Run the query, write its rows to `out` as an Arrow stream; what became of it.

    `state` is done (with rows, seconds, cut: rows, size or none), refused, failed or limit (with
    message, position). Files of S3 are lent over `lines`.
    """
    try:
        return _answer(spec, out, lines)
    except (MemoryError, pa.ArrowMemoryError, duckdb.OutOfMemoryException):
        most = spec.limits.memory >> 20
        return _no("limit", Refusal(f"the query needs more than its {most:,} MB of memory"), spec)
    except OSError as error:
        if error.errno in (EFBIG, ENOSPC, EDQUOT):
            return _no("limit", Refusal("there is no room for the rows of the result"), spec)
        return _no("failed", _unreadable(error, lines), spec)
    except pa.ArrowException as error:
        return _no("failed", _unreadable(error, lines), spec)


def _unreadable(error: Exception, lines: Lines) -> Refusal:
    return Refusal(lines.trouble or UNREADABLE.format(type(error).__name__))


def _answer(spec: Spec, out: BinaryIO, lines: Lines) -> Mapping[str, Any]:
    started = time.monotonic()
    connection = _open(spec, lines)
    if fault := refusal(connection, spec.sql, spec.tables):
        return _no("refused", fault, spec)
    try:
        rows, cut = _copy(connection.sql(spec.sql), out, spec.limits)
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        if lines.trouble:
            return _no("failed", Refusal(lines.trouble), spec)
        return _no("failed", _placed(connection, told(error), spec.sql), spec)
    return {"state": "done", "rows": rows, "cut": cut, "seconds": time.monotonic() - started}


def _no(state: str, why: Refusal, spec: Spec) -> Mapping[str, Any]:
    place = why.position
    if place is not None:
        place = len(spec.sql.encode()[:place].decode(errors="ignore"))
    message = why.message
    for file in (file for relation in spec.relations for file in relation.files):
        message = message.replace(file, A_FILE)
    return {"state": state, "message": message[:MOST_MESSAGE], "position": place}


def _placed(connection: duckdb.DuckDBPyConnection, fault: Refusal, sql: str) -> Refusal:
    """What is wrong with its names and types, with the place, which `sql` does not tell."""
    if fault.position is not None:
        return fault
    try:
        connection.execute(EXPLAIN + sql)
    except duckdb.OutOfMemoryException:
        return fault
    except duckdb.Error as error:
        found = told(error)
        place = found.position
        return Refusal(found.message, None if place is None else max(place - len(EXPLAIN), 0))
    return fault


def _open(spec: Spec, lines: Lines) -> duckdb.DuckDBPyConnection:
    pa.set_cpu_count(spec.limits.threads)
    pa.set_io_thread_count(max(spec.limits.threads, lines.count))
    connection = duckdb.connect(":memory:", config=_settings(spec.limits))
    numbers = {file: number for number, file in enumerate(spec.lent)}
    for relation in spec.relations:
        _show(connection, relation, lambda file, size: Lent(lines, numbers[file], size))
    for user in USERS:
        connection.execute(f"CREATE MACRO {name(user)}() AS error('there is no column {user}')")
    for setting in CLOSED:
        connection.execute(setting)
    return connection


def _settings(limits: Limits) -> dict[str, str | bool | int | float | list[str]]:
    return {
        "threads": limits.threads,
        "memory_limit": f"{limits.memory >> 20}MiB",
        "temp_directory": "",
        "max_temp_directory_size": "0MB",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
        "allow_unsigned_extensions": "false",
        "allow_persistent_secrets": "false",
        "allow_extension_repositories": "forbidden",
        "python_enable_replacements": "false",
        "preserve_insertion_order": "false",
    }


def _show(connection: duckdb.DuckDBPyConnection, relation: Relation, lend: Lender) -> None:
    """The relation as a view, under its bare name and under zone.name.

    No name that a query may give (gate.py) is that of the raw files.
    """
    raw = f"#{relation.name}"
    connection.register(raw, _dataset(relation, lend))
    shown = ", ".join(_column(column, relation) for column, _ in relation.columns)
    rows = f"SELECT {shown} FROM {name(raw)}"
    rows += f" WHERE {relation.where}" if relation.where else ""
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {name(relation.zone)}")
    for schema in ("main", relation.zone):
        connection.execute(f"CREATE VIEW {name(schema)}.{name(relation.name)} AS {rows}")


def _column(column: str, relation: Relation) -> str:
    older = relation.older.get(column)
    if older is None:
        return name(column)
    return f"coalesce({name(column)}, {name(older)}) AS {name(column)}"


def _dataset(relation: Relation, lend: Lender) -> Any:
    """Nothing but the columns that are needed, whatever else the files hold."""
    types: dict[str, str] = {**dict(relation.columns), **dict(relation.needs)}
    types |= {older: types[column] for column, older in relation.older.items() if column in types}
    schema = pa.schema([(column, TYPES[kind]) for column, kind in types.items()])
    if not relation.files:
        return schema.empty_table()
    if not is_remote(relation.files[0]):
        return ds.dataset(list(relation.files), schema=schema, format="parquet")
    files = map(lend, relation.files, relation.sizes)
    parquet = ds.ParquetFileFormat()
    parts = [parquet.make_fragment(pa.PythonFile(file, mode="r")) for file in files]
    return ds.FileSystemDataset(parts, schema=schema, format=parquet)


def _copy(rows: Any, out: BinaryIO, limits: Limits) -> tuple[int, str]:
    """As many rows as the limits allow; their number, and what cut them short."""
    reader = rows.to_arrow_reader(BATCH_ROWS)
    written = 0
    with pa.ipc.new_stream(out, reader.schema) as stream:
        for batch in reader:
            fitting = _fitting(batch, limits.size - out.tell())
            taken = batch.slice(0, min(fitting, limits.rows - written))
            stream.write_batch(taken)
            written += taken.num_rows
            if taken.num_rows < batch.num_rows:
                return written, "size" if taken.num_rows == fitting else "rows"
    return written, ""


def _fitting(batch: pa.RecordBatch, room: int) -> int:
    """How many of its rows fit, found by halving: at least half of what would."""
    rows = int(batch.num_rows)
    while rows and batch.slice(0, rows).nbytes * 2 > room:
        rows //= 2
    return rows
