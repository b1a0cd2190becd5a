"""Spark as what making a table anew asks of an engine, over one lake's catalog.

A whole version of a table is read through the catalog, so that Iceberg prunes its files and
joins by day need no shuffle; a part of one, or rows not yet published, by the paths of their
files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Thread
from typing import Any, Self
from uuid import uuid4

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from stedi.contract import Table, load_tables
from stedi.contract.sql import used
from stedi.engines.base import Params
from stedi.engines.spark.staging import stage
from stedi.engines.spark.start import scratch_of
from stedi.engines.spark.verdicts import TYPES, judge, judge_and_write, partition_of, tick
from stedi.engines.sql.session import Judged, Slice
from stedi.feeds.judge import ICEBERGS
from stedi.lake.catalog import NAME, identifier
from stedi.lake.home import Home
from stedi.lake.model import DataFile, Field, Source, Target

_PATIENCE = 10  # seconds to wait for Spark to end what was interrupted


class SparkSQL:
    """A Spark session over one lake as a `stedi.engines.sql.session.Session`."""

    instant = "TIMESTAMP"
    rows_a_slice: int | None = None

    def __init__(self, spark: SparkSession, home: Home) -> None:
        self._spark = spark
        self._home = home
        self._held: dict[str, DataFrame] = {}
        self._read: dict[object, str] = {}
        self._tag = uuid4().hex

    def literal(self, text: str) -> str:
        """A SQL text literal."""
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def day(self, column: str) -> str:
        """Days since 1970-01-01."""
        return f"unix_date(CAST({column} AS DATE))"

    def house(self, sql: str) -> str:
        """As it stands."""
        return sql

    def rows_of(self, source: Source) -> str:
        """A SELECT over a view of the source."""
        paths = tuple(file.path for file in source.files)
        key = source.name, tuple(source.fields), source.snapshot or paths
        if key not in self._read:
            self._read[key] = f"source_{len(self._read)}_{source.name}"
            self._frame(source).createOrReplaceTempView(self._read[key])
        where = f" WHERE {source.where}" if source.where else ""
        return f"SELECT * FROM {self._read[key]}{where}"

    def _frame(self, source: Source) -> DataFrame:
        if not source.files:
            nulls = (F.lit(None).cast(TYPES[f.type]).alias(f.name) for f in source.fields)
            return self._spark.range(0).select(*nulls)
        if source.snapshot is not None:
            table = ".".join((NAME, *identifier(self._home, load_tables()[source.name])))
            found = self._spark.read.option("versionAsOf", source.snapshot).table(table)
            # A version of before a column was added or renamed has other names: see below.
            if {field.name for field in source.fields} <= set(found.columns) - ICEBERGS:
                return found.select(*(tick(field.name) for field in source.fields))
        paths = [file.path for file in source.files]
        plain = self._spark.read.option("__globPaths__", "false")  # paths may hold { and }
        return plain.schema(_struct(source.fields)).parquet(*paths)

    def frame(self, sql: str, params: Params | None = None) -> DataFrame:
        """A query, not yet run."""
        return self._spark.sql(sql, args=used(params or {}, sql))

    def rows(self, sql: str, params: Params | None = None) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return [tuple(row) for row in self.frame(sql, params).collect()]

    def arrow(self, sql: str, params: Params | None = None) -> pa.Table:
        """The same as an Arrow table."""
        return self.frame(sql, params).toArrow()

    def hold(self, table: str, select: str, params: Params | None = None) -> None:
        """Keep the rows in memory and on the workers' disks once they are asked for."""
        self._keep(table, self.frame(select, params).persist())

    def hold_values(self, table: str, columns: Mapping[str, Sequence[str]]) -> None:
        """The same for values."""
        schema = T.StructType([T.StructField(column, T.StringType()) for column in columns])
        rows = list(zip(*columns.values(), strict=True))
        self._keep(table, self._spark.createDataFrame(rows, schema))

    def _keep(self, table: str, frame: DataFrame) -> None:
        self.drop(table)
        self._held[table] = frame
        frame.createOrReplaceTempView(table)

    def show(self, view: str, select: str) -> None:
        """Make a temporary view."""
        self.frame(select).createOrReplaceTempView(view)

    def drop(self, *tables: str) -> None:
        """Let go of what is held under these names."""
        for table in tables:
            if frame := self._held.pop(table, None):
                frame.unpersist()

    def __enter__(self) -> Self:
        self._spark.addTag(self._tag)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Let go of what is held; if interrupted, end what Spark still does."""
        if kind is not None and not issubclass(kind, Exception):
            thread = Thread(target=self._spark.interruptTag, args=(self._tag,))
            thread.start()
            thread.join(_PATIENCE)
            return
        self.drop(*list(self._held))

    def judge(
        self, table: Table, params: Params, target: Target | None, part: Slice | None = None
    ) -> Judged:
        """Judge, and write in the same pass if there is a target."""
        if target is None:
            return judge(self, table, params)
        return judge_and_write(self, table, params, target)

    def write(self, select: str, target: Target) -> list[DataFile]:
        """Write the rows of a SELECT by Iceberg's writers."""
        rows = self.frame(select)
        return self.append(rows.sortWithinPartitions(*partition_of(target)), target)

    def append(self, frame: DataFrame, target: Target) -> list[DataFile]:
        """Write rows that lie as the table's partitions do."""
        columns = [tick(field.name) for field in target.fields]
        ready = frame.select(*columns)
        folder = scratch_of(self._spark, self._home)
        return stage(self._spark, folder, target, lambda to: ready.writeTo(to).append())


def _struct(fields: Sequence[Field]) -> T.StructType:
    """The columns as Spark's Parquet reader finds them by field id."""
    return T.StructType(
        [T.StructField(f.name, TYPES[f.type], True, {"parquet.field.id": f.id}) for f in fields]
    )
