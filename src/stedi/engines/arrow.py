"""Arrow schemas that carry Iceberg field ids, for files written without an engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from stedi.lake.model import Field, Target

if TYPE_CHECKING:
    from stedi.lake.stored import StoredTable

TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
}


def arrow_schema(fields: Sequence[Field]) -> pa.Schema:
    """The columns as Arrow has them, each with its field id."""
    return pa.schema(
        [pa.field(f.name, TYPES[f.type], metadata={"PARQUET:field_id": str(f.id)}) for f in fields]
    )


def write_rows(rows: Sequence[Mapping[str, Any]], target: Target) -> str:
    """Write rows given as dictionaries as one new data file; returns its path."""
    Path(target.location).mkdir(parents=True, exist_ok=True)
    path = f"{target.location}/{uuid4().hex}.parquet"
    table = pa.Table.from_pylist([dict(row) for row in rows], arrow_schema(target.fields))
    pq.write_table(table, path, compression="snappy")
    return path


def fold(table: StoredTable, most: int = 16) -> None:
    """Put the files of a small table into one if they are more than `most`.

    A table that gains a file at every run would otherwise take longer to read from run to run.
    """
    source, target = table.source(), table.target()
    if len(source.files) > most:
        rows = [
            row
            for file in source.files
            for row in pq.read_table(file.path, partitioning=None).to_pylist()
        ]
        old = [file.path for file in source.files]
        table.publish([write_rows(rows, target)], table.inherited(), removed=old)
