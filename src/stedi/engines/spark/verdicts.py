"""Running a verdict query on Spark: one pass to judge, to find repeats, and to write.

What is left out is counted where it is judged and goes no further. The promoted rows meet by
day and part of a person in one shuffle, are sorted there, told from their repeats, and written.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from py4j.protocol import Py4JJavaError
from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as F
from pyspark.sql import types as T

from stedi.contract import Table
from stedi.engines.base import Params
from stedi.engines.sql.session import Judged
from stedi.lake.catalog import NAME
from stedi.lake.model import Target
from stedi.lake.policy import MOST_BUCKETS as MOST

if TYPE_CHECKING:
    from stedi.engines.spark.sql import SparkSQL

DAY_SECONDS = 86_400
SPREAD = 16  # parts that the rows of a day meet in, where there are no buckets
TYPES: dict[str, T.DataType] = {
    "string": T.StringType(),
    "boolean": T.BooleanType(),
    "int": T.IntegerType(),
    "long": T.LongType(),
    "double": T.DoubleType(),
    "date": T.DateType(),
    "timestamp": T.TimestampType(),
}


def judge(session: SparkSQL, table: Table, params: Params) -> Judged:
    """Judge without writing; the verdicts can be asked for as `verdicts`."""
    promoted = F.col("excluded").isNull()
    columns = [
        F.when(promoted, F.col(tick(c.name))).cast(TYPES[c.type]).alias(c.name)
        for c in table.columns
    ]
    found = session.frame(table.query, params).select(
        *columns, F.coalesce("excluded", F.lit("")).alias("excluded")
    )
    verdicts = found.groupBy(*map(tick, found.columns)).agg(F.count("*").alias("times"))
    verdicts.createOrReplaceTempView("verdicts")
    rows = session.rows("SELECT excluded, sum(times), count(*) FROM verdicts GROUP BY 1")
    counts = Counter({reason: times for reason, times, _ in rows})
    return Judged(counts, sum(distinct for reason, _, distinct in rows if not reason))


def judge_and_write(session: SparkSQL, table: Table, params: Params, target: Target) -> Judged:
    """Judge and write what is promoted.

    Counts are observed while the query runs. If promoted rows were counted twice, because tasks
    ran twice, if nothing could be observed, or if a query tells reasons that cannot be read in
    its text, they are asked for once more. Other rows counted twice make the account unbalanced:
    then nothing is published.
    """
    candidates = session.frame(table.query, params)
    told, came = Observation(), Observation()
    watched = candidates.observe(told, *_counts(table))
    kept = watched.where(F.col("excluded").isNull())
    distinct = _distinct(kept, table, target).observe(came, F.sum("times").alias("times"))
    files = session.append(distinct, target)
    counts = Counter({key: value for key, value in _seen(told).items() if value})
    total = counts.pop("total", -1)
    if total != counts.total() or counts[""] != (_seen(came).get("times") or 0):
        counts = _counted_again(candidates)
    return Judged(counts, sum(file.rows for file in files), files)


def _seen(observation: Observation) -> dict[str, int]:
    """What was observed; nothing of a part that Spark found to be empty and did not run."""
    try:
        return observation.get
    except Py4JJavaError:
        return {}


def _counts(table: Table) -> list[Column]:
    """How many candidates there are, and how many of each verdict; "" for the promoted."""
    reasons = dict.fromkeys(re.findall(r"THEN\s+'([^']*)'", table.query))
    excluded = F.col("excluded")
    return [
        F.count(F.lit(1)).alias("total"),
        F.count_if(excluded.isNull()).alias(""),
        *(F.count_if(excluded == reason).alias(reason) for reason in reasons),
    ]


def _counted_again(candidates: DataFrame) -> Counter[str]:
    verdict = F.coalesce("excluded", F.lit("")).alias("verdict")
    return Counter(dict(candidates.groupBy(verdict).count().collect()))


def _distinct(rows: DataFrame, table: Table, target: Target) -> DataFrame:
    """The rows, each once, with how often it came; as the table's partitions lie, and sorted."""
    columns = [F.col(tick(c.name)).cast(TYPES[c.type]).alias(c.name) for c in table.columns]
    rows = rows.select(*columns)
    if not target.day_column:
        return rows.groupBy(*map(tick, rows.columns)).agg(F.count(F.lit(1)).alias("times"))
    first = ["_rank", "_place", tick(table.owner.column), tick(table.time)]
    keys = [*first, *(tick(c.name) for c in table.columns if tick(c.name) not in first)]
    placed = rows.withColumn("_place", _place(table, target)).repartition("_place")
    ranked = placed.withColumn("_rank", _rank(table)).sortWithinPartitions(*keys)
    found = ranked.groupBy(*keys).agg(F.count(F.lit(1)).alias("times"))
    return found.sortWithinPartitions(*first)  # as they are already, unless that was for nothing


def _place(table: Table, target: Target) -> Column:
    """A number for the day and, in it, the bucket of a row, or a part if there are no buckets."""
    day, *bucket = partition_of(target)
    part = F.pmod(F.xxhash64(tick(table.owner.column)), F.lit(SPREAD))
    return F.unix_date(day).cast("long") * MOST + (bucket[0] if bucket else part)


def _rank(table: Table) -> Column:
    """Place, person and second of a row as one number.

    Sorting compares it first, and it nearly always decides; addresses are seldom looked at.
    """
    person = F.pmod(F.xxhash64(tick(table.owner.column)), F.lit(MOST))
    second = F.pmod(F.unix_seconds(tick(table.time)), F.lit(DAY_SECONDS))
    return (F.col("_place") * MOST + person) * DAY_SECONDS + second


def partition_of(target: Target) -> list[Column]:
    """What the partition of a row is told by, in order: its day, and its bucket."""
    found = []
    if target.day_column:
        found.append(F.col(tick(target.day_column)).cast("date"))
    if target.buckets:
        column = tick(target.bucket_column)
        found.append(F.expr(f"{NAME}.system.bucket({target.buckets}, {column})"))
    return found


def tick(column: str) -> str:
    """A column's name as Spark's functions take it."""
    return "`" + column.replace("`", "``") + "`"
