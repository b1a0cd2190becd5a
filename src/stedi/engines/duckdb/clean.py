"""The fast way to land: files whose bytes add up, read by the typed JSON reader.

A file counts as clean only if every line became a row that passes the feed's rules; one row
too few and the batch goes the exact way (`text.py`). Together with the byte counts of
`stedi.feeds.inspect` that proves that no line differs from what the exact way would land.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from stedi.engines.base import LandTask
from stedi.engines.duckdb import typed
from stedi.engines.duckdb.session import TYPES, literal, pattern
from stedi.engines.duckdb.ticking import ticking
from stedi.engines.duckdb.writing import write
from stedi.engines.sql.session import name
from stedi.errors import StorageError
from stedi.feeds.inspect import Inspected
from stedi.lake.durable import remove_files
from stedi.lake.model import DataFile


def land_clean(
    connection: duckdb.DuckDBPyConnection, task: LandTask, files: Sequence[Inspected]
) -> list[DataFile] | None:
    """Write the rows of clean files; None (and nothing written) if one is not clean after all."""
    lines = sum(file.lines for file in files)
    try:
        with ticking(connection, lines, task.progress):
            written = write(connection, _select(task, files), task.target)
    except (duckdb.Error, StorageError):
        return None
    if sum(file.rows for file in written) == lines:
        return written
    remove_files(file.path for file in written)
    return None


def _select(task: LandTask, files: Sequence[Inspected]) -> str:
    fields = typed.announced(task.table)
    known = {column.name for column in task.table.columns}
    types = ", ".join(f"{literal(f)}: {literal(t)}" for f, t in typed.types(task.table).items())
    paths = ", ".join(literal(file.file.path) for file in files)
    patterns = ", ".join(pattern(file.file.path) for file in files)
    values = [f"{typed.value(column)} AS {name(column.name)}" for column in fields]
    # A path a row is a text to copy; as an enumeration of the batch's paths it is a number.
    values += [f"CAST(filename AS ENUM({paths})) AS _source_file"]
    values += [
        f"CAST(NULL AS {TYPES[f.type]}) AS {name(f.name)}"
        for f in task.target.fields
        if f.name not in known
    ]
    sound = " AND ".join(typed.sound(column, task.now_ms) for column in fields)
    return (
        f"SELECT {', '.join(values)} FROM read_json([{patterns}], columns={{{types}}}, "
        f"format='newline_delimited', filename=true) WHERE {sound}"
    )
