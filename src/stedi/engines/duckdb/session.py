"""A DuckDB connection set up for the lake, and the text of its SQL."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from stedi.engines.sql.session import name
from stedi.errors import StediError, StorageError, storage_error
from stedi.lake.model import Field, Source
from stedi.places import aws, is_remote

# People, devices and files repeat, readings do not: giving up on a dictionary early takes two
# fifths off the time to write them.
DICTIONARY_LIMIT = 4096

# The last line of what a file system lent by Python raised.
_LENT = re.compile(r"^(?:OSError|\w*\.?(?:\w+)Error): (.*)$", re.MULTILINE)

TYPES = {
    "string": "VARCHAR",
    "boolean": "BOOLEAN",
    "int": "INTEGER",
    "long": "BIGINT",
    "double": "DOUBLE",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
}


def connect(memory: str, scratch: Path, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """An in-memory database that spills to `scratch` beyond `memory`, in UTC, offline.

    It uses all cores unless `threads` says how many.
    """
    with suppress(OSError):  # DuckDB makes the last folder alone, when it needs it
        scratch.parent.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(
        config={
            "memory_limit": memory,
            "temp_directory": str(scratch),
            "preserve_insertion_order": "false",
            "autoinstall_known_extensions": "false",
        }
    )
    if threads is not None:
        connection.execute(f"SET threads = {threads}")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    return connection


def seeing_s3(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """The connection, which can read and write s3:// if this process has to do with any."""
    if aws.used():
        from stedi.engines.duckdb.remote import see_s3

        see_s3(connection)
    return connection


def close(connection: duckdb.DuckDBPyConnection) -> None:
    """Let go of the database; what Python lent it would be told of as leaked otherwise."""
    for lent in connection.list_filesystems():
        connection.unregister_filesystem(lent)
    connection.close()


def literal(text: str) -> str:
    """A SQL text literal."""
    return "'" + text.replace("'", "''") + "'"


def pattern(path: str) -> str:
    """A SQL literal for a path that DuckDB's readers take as it stands, glob characters too."""
    return literal(re.sub(r"([*?[])", r"[\1]", path))


def rows_of(source: Source) -> str:
    """A SELECT over the files of a source, columns found by field id whatever the file says."""
    if not source.files:
        columns = ", ".join(
            f"CAST(NULL AS {TYPES[f.type]}) AS {name(f.name)}" for f in source.fields
        )
        return f"SELECT {columns} WHERE false"
    files = ", ".join(pattern(file.path) for file in source.files)
    schema = ", ".join(
        f"{f.id}: {{name: {literal(f.name)}, type: {literal(TYPES[f.type])}, default_value: NULL}}"
        for f in source.fields
    )
    rows = f"SELECT * FROM read_parquet([{files}], schema=MAP {{{schema}}})"
    return f"{rows} WHERE {source.where}" if source.where else rows


def copy_options(fields: list[Field]) -> str:
    """COPY's options for a data file of a table: one file per thread, counts returned."""
    ids = ", ".join(f"{name(field.name)}: {field.id}" for field in fields)
    return (
        f"FORMAT parquet, COMPRESSION snappy, FIELD_IDS {{{ids}}}, RETURN_STATS, "
        f"DICTIONARY_SIZE_LIMIT {DICTIONARY_LIMIT}"
    )


@contextmanager
def interruptions() -> Iterator[None]:
    """Let a signal that ends a statement be the KeyboardInterrupt it was."""
    try:
        yield
    except RuntimeError as error:
        if "interrupted" in str(error).lower():
            raise KeyboardInterrupt from error
        raise


@contextmanager
def storage_errors(where: str) -> Iterator[None]:
    """Turn the engine's input/output errors into StorageError with a remedy."""
    try:
        with interruptions():
            yield
    except OSError as error:
        raise storage_error(error, where) from error
    except StediError:
        raise
    except duckdb.Error as error:
        if _out_of_space(error, where):
            raise storage_error(OSError(errno.ENOSPC, "no space"), where) from error
        if isinstance(error, duckdb.IOException):
            raise StorageError(f"{where}: {error}; check the disk and run again") from error
        if lent := of_lent(error):
            raise StorageError(f"{where}: {lent}; run again") from error
        raise


def of_lent(error: duckdb.Error) -> str:
    """What a file system lent by Python said, whose whole traceback DuckDB tells; else empty."""
    found = _LENT.findall(str(error)) if "Traceback" in str(error) else []
    return str(found[-1]) if found else ""


def _out_of_space(error: duckdb.Error, where: str) -> bool:
    text = str(error).lower()
    if "no space left" in text:
        return True
    if is_remote(where):
        return False
    folder = next((p for p in (Path(where), *Path(where).parents) if p.exists()), Path("/"))
    short = shutil.disk_usage(folder).free < (1 << 20)
    return short and isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException)
