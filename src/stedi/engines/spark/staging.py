"""Writing data files as Iceberg's own writers do, to be published later.

Spark appends to a staging table: one whose metadata lie in a scratch folder, whose columns have
the field ids and the partitions of the table that is meant, and whose data files are written
below that table. The lake then publishes the files in its catalog, with their account, in one
commit of its own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from stedi.lake.model import DataFile, Target, local
from stedi.places import Place, address, place, remove_tree

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

CATALOG = "staging"
_TYPES = {"timestamp": "timestamptz"}


def properties(folder: Place) -> dict[str, str]:
    """The properties of the catalog of staging tables in a scratch folder."""
    return {"type": "hadoop", "warehouse": address(folder)}


def stage(
    spark: SparkSession, folder: Place, target: Target, append: Callable[[str], None]
) -> list[DataFile]:
    """Let `append` write to a staging table of that name; the files that it wrote.

    Nothing is left behind on an error.
    """
    name = f"s{uuid4().hex}"
    data = place(target.location) / name
    metadata = folder / name / "metadata"
    try:
        metadata.mkdir(parents=True)
        text = json.dumps(_metadata(target, folder / name, data))
        (metadata / "v1.metadata.json").write_text(text, "utf-8")
        (metadata / "version-hint.text").write_text("1", "utf-8")
        append(f"{CATALOG}.{name}")
        return _files(spark.table(f"{CATALOG}.{name}.files"))
    except BaseException:
        remove_tree(data)
        raise
    finally:
        remove_tree(folder / name)


def _files(listed: DataFrame) -> list[DataFile]:
    rows = listed.select("file_path", "record_count", "file_size_in_bytes").collect()
    return [DataFile(local(path), count, size) for path, count, size in rows]


def _metadata(target: Target, location: Place, data: Place) -> dict[str, Any]:
    """The metadata of an empty Iceberg table (format version 2)."""
    fields = [
        {"id": f.id, "name": f.name, "required": False, "type": _TYPES.get(f.type, f.type)}
        for f in target.fields
    ]
    return {
        "format-version": 2,
        "table-uuid": str(uuid4()),
        "location": address(location),
        "last-sequence-number": 0,
        "last-updated-ms": int(time.time() * 1000),
        "last-column-id": max(f.id for f in target.fields),
        "current-schema-id": 0,
        "schemas": [{"type": "struct", "schema-id": 0, "fields": fields}],
        "default-spec-id": 0,
        "partition-specs": [{"spec-id": 0, "fields": _partitions(target)}],
        "last-partition-id": 1001,
        "default-sort-order-id": 0,
        "sort-orders": [{"order-id": 0, "fields": []}],
        "properties": {
            "write.data.path": address(data),
            "write.distribution-mode": "none",  # rows come as they are to lie
            "write.parquet.compression-codec": "snappy",
            "write.parquet.dict-size-bytes": "65536",  # readings do not repeat: give up early
            "write.metadata.metrics.default": "none",
        },
        "current-snapshot-id": -1,
        "refs": {},
        "snapshots": [],
        "statistics": [],
        "snapshot-log": [],
        "metadata-log": [],
    }


def _partitions(target: Target) -> list[dict[str, Any]]:
    if not target.day_column:
        return []
    ids = {field.name: field.id for field in target.fields}
    days = {"name": "day", "transform": "day", "source-id": ids[target.day_column]}
    found = [days | {"field-id": 1000}]
    if target.buckets:
        bucket = {"name": "bucket", "transform": f"bucket[{target.buckets}]"}
        found.append(bucket | {"source-id": ids[target.bucket_column], "field-id": 1001})
    return found
