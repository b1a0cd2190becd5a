"""The fast way to land: files whose bytes add up, read by the typed JSON reader.

A file counts as clean only if every line became a row that passes the feed's rules; one row
too few and the whole batch goes the exact way (`text.py`). Together with the byte counts of
`stedi.feeds.inspect` that proves that no line differs from what the exact way would land.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from stedi.contract import Column
from stedi.engines.base import LandTask
from stedi.engines.duckdb.session import literal, name
from stedi.engines.duckdb.writing import write
from stedi.lake.durable import remove_files
from stedi.errors import StorageError
from stedi.feeds.inspect import Inspected
from stedi.feeds.judge import DAY_MS, EARLIEST_MS
from stedi.lake.model import DataFile

INT32 = 2**31


def land_clean(
    connection: duckdb.DuckDBPyConnection, task: LandTask, files: Sequence[Inspected]
) -> list[DataFile] | None:
    """Write the rows of clean files; None (and nothing written) if one is not clean after all."""
    try:
        written = write(connection, _select(task, files), task.target)
    except (duckdb.Error, StorageError):
        return None
    if sum(file.rows for file in written) == sum(file.lines for file in files):
        return written
    remove_files(file.path for file in written)
    return None


def _select(task: LandTask, files: Sequence[Inspected]) -> str:
    announced = [column for column in task.table.columns if column.field]
    known = {column.name for column in task.table.columns}
    types = ", ".join(
        f"{literal(c.field)}: {literal('VARCHAR' if c.type in ('string', 'date') else 'DOUBLE')}"
        for c in announced
    )
    paths = ", ".join(literal(file.file.path) for file in files)
    values = [f"{_value(c)} AS {name(c.name)}" for c in announced]
    values += ["filename AS _file"]
    values += [f"NULL AS {name(f.name)}" for f in task.target.fields if f.name not in known]
    sound = " AND ".join(_sound(column, task.now_ms) for column in announced)
    return (
        f"SELECT {', '.join(values)} FROM read_json([{paths}], columns={{{types}}}, "
        f"format='newline_delimited', filename=true) WHERE {sound}"
    )


def _value(column: Column) -> str:
    field = name(column.field)
    match column.type:
        case "timestamp":
            return f"make_timestamptz(CAST({field} AS BIGINT) * 1000)"
        case "double":
            return f"{field} + 0.0"
        case _:
            return field


def _sound(column: Column, now_ms: int) -> str:
    field = name(column.field)
    match column.type:
        case "timestamp":
            return (
                f"{field} BETWEEN {EARLIEST_MS} AND {now_ms + DAY_MS} AND {field} = floor({field})"
            )
        case "double":
            return f"isfinite({field})"
        case "int":
            return f"{field} BETWEEN {-INT32} AND {INT32 - 1} AND {field} = floor({field})"
        case _:
            return _is_text(field)


def _is_text(field: str) -> str:
    """True only for values that stood in quotation marks: no number or literal looks so."""
    return (
        f"(contains({field}, '@') OR {field} LIKE '________-____-%') "
        f"AND left({field}, 1) NOT IN ('[', '{{', ' ')"
    )
