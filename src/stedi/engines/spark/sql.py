"""Spark as what making a table anew asks of an engine, over one lake's catalog.

A whole version of a table is read through the catalog, so that Iceberg prunes its files and
joins by day need no shuffle; a part of one, or rows not yet published, by the paths of their
files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from stedi.contract import Table, load_tables
from stedi.contract.sql import used
from stedi.engines.base import Params
from stedi.engines.spark.staging import stage
from stedi.engines.sql.session import Judged, Slice
from stedi.lake.catalog import NAME, identifier
from stedi.lake.home import Home
from stedi.lake.model import DataFile, Field, Source, Target

SPREAD = 16  # parts that the rows of a day are judged in
TYPES: dict[str, T.DataType] = {
    "string": T.StringType(),
    "boolean": T.BooleanType(),
    "int": T.IntegerType(),
    "long": T.LongType(),
    "double": T.DoubleType(),
    "date": T.DateType(),
    "timestamp": T.TimestampType(),
}


class SparkSQL:
    """A Spark session over one lake as a `stedi.engines.sql.session.Session`."""

    instant = "TIMESTAMP"
    rows_a_slice: int | None = None

    def __init__(self, spark: SparkSession, home: Home) -> None:
        self._spark = spark
        self._home = home
        self._held: dict[str, DataFrame] = {}
        self._read: dict[object, str] = {}
        self._numbers = count()

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
            self._read[key] = f"source_{next(self._numbers)}_{source.name}"
            _with_fields(self._frame(source), source.fields).createOrReplaceTempView(
                self._read[key]
            )
        where = f" WHERE {source.where}" if source.where else ""
        return f"SELECT * FROM {self._read[key]}{where}"

    def _frame(self, source: Source) -> DataFrame:
        if not source.files:
            return self._spark.createDataFrame([], _struct(source.fields))
        if source.snapshot is not None:
            table = ".".join((NAME, *identifier(self._home, load_tables()[source.name])))
            return self._spark.read.option("versionAsOf", source.snapshot).table(table)
        paths = [file.path for file in source.files]
        return self._spark.read.schema(_struct(source.fields)).parquet(*paths)

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

    def close(self) -> None:
        """Let go of all that is held, and of the views of sources."""
        self.drop(*list(self._held))
        for view in self._read.values():
            self._spark.catalog.dropTempView(view)

    def judge(
        self, table: Table, params: Params, target: Target | None, part: Slice | None = None
    ) -> Judged:
        """Judge and write in one pass; what became of the rows is counted on the way."""
        verdicts = self._verdicts(table, params, target)
        if target is None:
            verdicts.createOrReplaceTempView("verdicts")
            return _judged(
                self.rows("SELECT excluded, sum(times), count(*) FROM verdicts GROUP BY 1"), []
            )
        seen, kept = Observation(), F.col("excluded") == ""
        watched = verdicts.observe(
            seen,
            F.sum(F.when(kept, F.col("times"))).alias("promoted"),
            F.collect_list(F.when(~kept, F.struct("excluded", "times"))).alias("left_out"),
        )
        files = self._write(watched.where(kept), table, target)
        counts = Counter({"": seen.get["promoted"] or 0})
        for reason, times in seen.get["left_out"] or ():
            counts[reason] += times
        return Judged(counts, sum(file.rows for file in files), files)

    def _verdicts(self, table: Table, params: Params, target: Target | None) -> DataFrame:
        """The distinct promoted rows with how often each came, and few rows a reason.

        Rows of a table with days meet by day and, within it, by parts of their person, so that
        one shuffle serves to find repeats and to write; what is left out is spread as well.
        """
        judged = self.frame(table.query, params)
        promoted = F.col("excluded").isNull()
        frame = judged.select(
            *(
                F.when(promoted, F.col(_tick(c.name))).cast(TYPES[c.type]).alias(c.name)
                for c in table.columns
            ),
            F.coalesce("excluded", F.lit("")).alias("excluded"),
            _part_of(table, promoted, target).alias("_part"),
        )
        keys = [_tick(column) for column in frame.columns]
        if target and target.day_column:
            frame = frame.withColumn("_day", F.col(_tick(target.day_column)).cast("date"))
            keys.append("_day")
            frame = frame.repartition("_day", "_part")
        return frame.groupBy(*keys).agg(F.count("*").alias("times"))

    def write(self, select: str, target: Target) -> list[DataFile]:
        """Write the rows of a SELECT by Iceberg's writers."""
        return self._write(self.frame(select), load_tables()[target.name], target)

    def _write(self, frame: DataFrame, table: Table, target: Target) -> list[DataFile]:
        columns = [_tick(field.name) for field in target.fields]
        order = [F.col(_tick(c)) for c in (table.owner.column, table.time) if c]
        if target.buckets:
            order.insert(0, _bucket(target))
        if target.day_column:
            order.insert(0, F.col(_tick(target.day_column)).cast("date"))
        ready = frame.sortWithinPartitions(*order).select(*columns)
        return stage(
            self._spark,
            self._home.scratch / "staging",
            target,
            lambda to: ready.writeTo(to).append(),
        )


def _judged(rows: Sequence[tuple[str, int, int]], files: Sequence[DataFile]) -> Judged:
    counts = Counter({reason: times for reason, times, _ in rows})
    return Judged(counts, sum(distinct for reason, _, distinct in rows if not reason), files)


def _part_of(table: Table, promoted: Column, target: Target | None) -> Column:
    """The part of its day that a row belongs to, its bucket if there are any; of rows left out,
    any part."""
    parts = F.lit(SPREAD)
    whole = F.pmod(F.xxhash64(*(_tick(column.name) for column in table.columns)), parts)
    if target and target.buckets:
        return F.when(promoted, _bucket(target)).otherwise(whole)
    return F.when(promoted, F.pmod(F.xxhash64(_tick(table.owner.column)), parts)).otherwise(whole)


def _bucket(target: Target) -> Column:
    """The number of a row's bucket, as Iceberg counts it."""
    column = _tick(target.bucket_column)
    return F.expr(f"{NAME}.system.bucket({target.buckets}, {column})")


def _struct(fields: Sequence[Field]) -> T.StructType:
    """The columns as Spark's Parquet reader finds them by field id."""
    return T.StructType(
        [T.StructField(f.name, TYPES[f.type], True, {"parquet.field.id": f.id}) for f in fields]
    )


def _with_fields(frame: DataFrame, fields: Sequence[Field]) -> DataFrame:
    """The columns that are asked for; NULL for one that the version did not have yet."""
    there = set(frame.columns)
    return frame.select(
        *(
            F.col(_tick(f.name))
            if f.name in there
            else F.lit(None).cast(TYPES[f.type]).alias(f.name)
            for f in fields
        )
    )


def _tick(column: str) -> str:
    """A column's name as Spark's functions take it."""
    return "`" + column.replace("`", "``") + "`"
