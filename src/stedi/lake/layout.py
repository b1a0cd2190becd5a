"""How the files of a table lie: by day, and in it by buckets of people.

How many buckets is a property of the lake, which may change: new files lie as it says, those
that are there keep the partition they were written for, and both are read together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyiceberg.manifest import DataFile as IcebergFile
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC, PartitionField, PartitionSpec
from pyiceberg.table import Table as IcebergTable
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.transforms import BucketTransform, DayTransform
from pyiceberg.types import StringType

from stedi.contract import Table


def partition_spec(table: Table, buckets: int) -> PartitionSpec:
    """By UTC day of the contract's day column, or unpartitioned; in it by buckets of people."""
    if not table.day_column:
        return UNPARTITIONED_PARTITION_SPEC
    numbers = {column.name: number for number, column in enumerate(table.columns, start=1)}
    fields = [PartitionField(numbers[table.day_column], 1000, DayTransform(), "day")]
    if buckets:
        number = numbers[table.owner.column]
        fields.append(PartitionField(number, 1001, BucketTransform(buckets), _name(buckets)))
    return PartitionSpec(*fields)


def _name(buckets: int) -> str:
    """Another for each number, since the files that are there keep theirs."""
    return f"bucket_{buckets}"


def bucket_field(spec: PartitionSpec) -> PartitionField | None:
    """The partition field that counts buckets, if there is one."""
    return next((f for f in spec.fields if isinstance(f.transform, BucketTransform)), None)


def buckets_of(metadata: TableMetadata) -> int:
    """How many buckets new files lie in; 0 if in none."""
    field = bucket_field(metadata.spec())
    return getattr(field.transform, "num_buckets", 0) if field is not None else 0


def telling_bucket(metadata: TableMetadata) -> Callable[[IcebergFile], int | None]:
    """What tells the bucket of a file that lies as new ones do, None of any other."""
    spec = metadata.spec()
    field = bucket_field(spec)
    if field is None:
        return lambda file: None
    place = spec.fields.index(field)
    return lambda file: file.partition[place] if file.spec_id == spec.spec_id else None


def rebucket(table: IcebergTable, column: str, buckets: int) -> None:
    """Let new files lie in so many buckets of a column (0: in none)."""
    old = bucket_field(table.spec())
    with table.update_spec() as update:
        if old is not None:
            update.remove_field(old.name)
        if buckets:
            update.add_field(column, BucketTransform(buckets), _name(buckets))


def bucket_numbers(values: Sequence[str | None], buckets: int) -> list[int | None]:
    """The bucket of each text, as Iceberg counts them (32-bit Murmur3 of the UTF-8 bytes)."""
    count = BucketTransform(buckets).transform(StringType())
    return [count(value) for value in values]
