"""Parquet files as Iceberg's manifests describe them, and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pyarrow.parquet as pq
from pyiceberg.io import FileIO
from pyiceberg.io.pyarrow import (
    DataFileStatistics,
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_path_to_id_mapping,
)
from pyiceberg.manifest import DataFile as IcebergFile
from pyiceberg.manifest import DataFileContent, FileFormat
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.typedef import Record
from pyiceberg.types import StringType

from stedi.lake.layout import bucket_field
from stedi.lake.model import DataFile, local
from stedi.lake.parquet import opened

_EPOCH_DAY = date(1970, 1, 1).toordinal()
_DAY_MICROS = 86_400_000_000


def describe(io: FileIO, metadata: TableMetadata, path: str) -> IcebergFile:
    """A file just written by an engine, with its statistics and partition.

    Does what pyiceberg's parquet_file_to_data_file does, without its schema comparison: the
    engines write by the table's own field ids, and the comparison loads a console library.
    """
    file = io.new_input(path)
    with file.open() as stream:
        footer = pq.read_metadata(stream)
    schema = metadata.schema()
    statistics = data_file_statistics_from_parquet_metadata(
        parquet_metadata=footer,
        stats_columns=compute_statistics_plan(schema, metadata.properties),
        parquet_column_mapping=parquet_path_to_id_mapping(schema),
    )
    return IcebergFile.from_args(
        content=DataFileContent.DATA,
        file_path=path,
        file_format=FileFormat.PARQUET,
        partition=_partition(statistics, path, metadata),
        file_size_in_bytes=len(file),
        sort_order_id=None,
        spec_id=metadata.default_spec_id,
        equality_ids=None,
        key_metadata=None,
        **statistics.to_serialized_dict(),
    )


def _partition(statistics: DataFileStatistics, path: str, metadata: TableMetadata) -> Record:
    """The file's partition, as far as its rows can tell."""
    spec, schema = metadata.spec(), metadata.schema()
    bucket = bucket_field(spec)
    plain = [field for field in spec.fields if field is not bucket]
    values = list(statistics.partition(PartitionSpec(*plain), schema)._data)
    if bucket is not None:
        first = _first_value(path, schema.find_column_name(bucket.source_id) or "")
        values.append(bucket.transform.transform(StringType())(first))
    return Record(*values)


def _first_value(path: str, column: str) -> str | None:
    """Of the first row: all rows of a file are of one bucket. Bounds may be cut short."""
    with opened(path) as file:
        batch = next(file.iter_batches(batch_size=1, columns=[column]))
    value: str | None = batch.column(0)[0].as_py()
    return value


def data_file(file: IcebergFile, time_id: int | None, bucket: int | None = None) -> DataFile:
    """A manifest's file as the engines know it; days come from the bounds of the time column."""
    return DataFile(
        path=local(file.file_path),
        rows=file.record_count,
        bytes=file.file_size_in_bytes,
        first=_bound_day(file.lower_bounds, time_id),
        last=_bound_day(file.upper_bounds, time_id),
        bucket=bucket,
    )


def _bound_day(bounds: Mapping[int, bytes] | None, time_id: int | None) -> date | None:
    if time_id is None or not bounds or time_id not in bounds:
        return None
    micros = int.from_bytes(bounds[time_id], "little", signed=True)
    return date.fromordinal(_EPOCH_DAY + micros // _DAY_MICROS)
