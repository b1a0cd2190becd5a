"""Writing a table's data files with COPY: whole days to files of their own."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import uuid4

import duckdb

from stedi.engines.duckdb.session import copy_options, literal, storage_errors
from stedi.engines.sql.session import name
from stedi.lake.durable import remove_files
from stedi.lake.layout import bucket_numbers
from stedi.lake.model import DataFile, Target
from stedi.places import place, remove_tree


def write(
    connection: duckdb.DuckDBPyConnection,
    select: str,
    target: Target,
    params: Mapping[str, str] | None = None,
    by_day: bool = False,
) -> list[DataFile]:
    """Write the rows of a SELECT as new files of a table; one day a file if `by_day`.

    The SELECT has the target's columns, by name and in their types. Where the table has
    buckets, so have the files. Nothing is left behind on an error.
    """
    folder = place(target.location) / uuid4().hex
    columns = ", ".join(name(field.name) for field in target.fields)
    spread = "PER_THREAD_OUTPUT"
    if by_day or target.buckets:
        columns += f", CAST({name(target.day_column)} AS DATE) AS _day"
        spread = "PARTITION_BY (_day)"
    if target.buckets:
        select = _with_buckets(connection, select, target)
        columns += ", _bucket"
        spread = "PARTITION_BY (_day, _bucket)"
    to = literal(str(folder))
    options = copy_options(list(target.fields))
    try:
        with storage_errors(target.location):
            folder.parent.mkdir(parents=True, exist_ok=True)
            rows = connection.execute(
                f"COPY (SELECT {columns} FROM ({select})) TO {to} ({options}, {spread})",
                dict(params or {}),
            ).fetchall()
    except BaseException:
        remove_tree(folder)
        raise
    return _kept([DataFile(path, count, size) for path, count, size, *_ in rows])


def _with_buckets(connection: duckdb.DuckDBPyConnection, select: str, target: Target) -> str:
    """The same rows with the number of their bucket: of each person it is counted once."""
    column = name(target.bucket_column)
    found = connection.execute(f"SELECT DISTINCT {column} FROM ({select})").fetchall()
    values = [value for (value,) in found]
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE buckets AS SELECT unnest(CAST($values AS VARCHAR[])) AS "
        "value, unnest(CAST($numbers AS INTEGER[])) AS _bucket",
        {"values": values, "numbers": bucket_numbers(values, target.buckets)},
    )
    return (
        f"SELECT r.*, b._bucket FROM ({select}) AS r "
        f"JOIN buckets AS b ON b.value IS NOT DISTINCT FROM r.{column}"
    )


def _kept(files: list[DataFile]) -> list[DataFile]:
    remove_files(file.path for file in files if file.rows == 0)
    return [file for file in files if file.rows]
