"""A contract's columns as an Iceberg schema, and back."""

from __future__ import annotations

from pyiceberg.schema import Schema
from pyiceberg.types import (
    BooleanType,
    DateType,
    DoubleType,
    IcebergType,
    IntegerType,
    LongType,
    NestedField,
    StringType,
    TimestamptzType,
)

from stedi.contract import Table
from stedi.lake.model import Field

TYPES: dict[str, IcebergType] = {
    "string": StringType(),
    "boolean": BooleanType(),
    "int": IntegerType(),
    "long": LongType(),
    "double": DoubleType(),
    "date": DateType(),
    "timestamp": TimestamptzType(),
}
_NAMES = {str(iceberg): name for name, iceberg in TYPES.items()}


def iceberg_schema(table: Table) -> Schema:
    """The contract's columns in order; every column is nullable, checks guard the rest."""
    return Schema(
        *(
            NestedField(number, column.name, TYPES[column.type], doc=column.description)
            for number, column in enumerate(table.columns, start=1)
        )
    )


def properties(table: Table) -> dict[str, str]:
    """Table properties.

    No column but the event time leaves values in the metadata's statistics: others may name a
    person, and unannounced ones may hold anything. A commit that conflicts is not retried: the
    lake's lock makes it a sign of a writer that ignores it.
    """
    shown = {f"write.metadata.metrics.column.{table.time}": "full"} if table.time else {}
    return shown | {
        "write.metadata.metrics.default": "none",
        "format-version": "2",
        "comment": table.description,
        "commit.retry.num-retries": "0",
        "write.delete.mode": "copy-on-write",
        "write.update.mode": "copy-on-write",
        "write.merge.mode": "copy-on-write",
        "write.parquet.compression-codec": "zstd",
    }


def fields(schema: Schema) -> list[Field]:
    """The stored columns with their field ids."""
    return [Field(f.field_id, f.name, _NAMES[str(f.field_type)]) for f in schema.fields]


def contract_fields(table: Table) -> list[Field]:
    """The columns that the table will have when it is made."""
    return fields(iceberg_schema(table))
