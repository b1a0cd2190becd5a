"""Arrow schemas that carry Iceberg field ids, for files written without an engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pyarrow as pa

from stedi.lake.model import Field, Target
from stedi.lake.parquet import rows, writer

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


def write_rows(told: Sequence[Mapping[str, Any]], target: Target) -> str:
    """Write rows given as dictionaries as one new data file; returns its path."""
    path = f"{target.location}/{uuid4().hex}.parquet"
    table = pa.Table.from_pylist([dict(row) for row in told], arrow_schema(target.fields))
    with writer(path, table.schema) as file:
        file.write_table(table)
    return path


def fold(table: StoredTable, most: int = 16) -> None:
    """Put the files of a small table into one if they are more than `most`.

    A table that gains a file at every run would otherwise take longer to read from run to run.
    """
    source, target = table.source(), table.target()
    if len(source.files) > most:
        old = [file.path for file in source.files]
        new = write_rows(rows(source.files), target)
        table.publish([new], table.inherited(), removed=old)
