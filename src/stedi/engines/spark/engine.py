"""The Spark engine behind the port.

Sets of rows are judged and checked by Spark SQL; what goes file by file is spread over the
workers (`spread`). Files are published by the lake, as those of the embedded engine are.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa

from stedi.contract import Table
from stedi.engines.base import (
    Finding,
    KeepOutTask,
    KeptOut,
    Landed,
    LandTask,
    Params,
    Refreshed,
    RefreshTask,
)
from stedi.engines.duckdb.engine import DuckDBEngine
from stedi.engines.spark.errors import spark_errors
from stedi.engines.spark.landing import discard, land_group, merged
from stedi.engines.spark.spread import Spread
from stedi.engines.spark.start import acquire, lake_session, release, requirements, running
from stedi.engines.sql import checks
from stedi.engines.sql.refresh import refresh
from stedi.engines.sql.views import everything, show
from stedi.feeds.inspect import Inspected
from stedi.feeds.raw import RawFile
from stedi.lake.home import Home
from stedi.lake.model import Query, Source, Target

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from stedi.engines.spark.sql import SparkSQL

R = TypeVar("R")


class SparkEngine:
    """Computes with the Spark of this process, on a session of its own for one lake.

    UsageError where pyspark, Java or the jars are not to be had.
    """

    name = "spark"
    round_bytes = 256 << 30

    def __init__(self, home: Home) -> None:
        self._home = home

    @cached_property
    def _theirs(self) -> SparkSession | None:
        """The Spark that somebody else started."""
        return running()

    @cached_property
    def _starting(self) -> Future[SparkSession]:
        """A Spark of our own takes seconds to start: files are landed meanwhile."""
        settings = {} if self._theirs else requirements(self._home)
        pool = ThreadPoolExecutor(1)
        started = pool.submit(lambda: self._theirs or acquire(settings))
        pool.shutdown(wait=False)
        return started

    @cached_property
    def _spread(self) -> Spread:
        _ = self._starting
        workers = self._theirs.sparkContext if self._theirs else None
        return Spread(workers, self._home.memory, self._home.spark_scratch)

    @contextmanager
    def _sql(self, where: str) -> Iterator[SparkSQL]:
        """A session of its own, so that calls do not see each other's views."""
        spark = self._starting.result()
        from stedi.engines.spark.sql import SparkSQL

        with spark_errors(where), SparkSQL(lake_session(spark, self._home), self._home) as session:
            yield session

    def inspect(self, files: Sequence[RawFile], table: Table) -> list[Inspected]:
        """A first look at delivered files."""
        looked = self._spread(
            files, lambda file: file.size, lambda engine, group: engine.inspect(group, table)
        )
        found = {entry.file.path: entry for group in looked for entry in group}
        return [found[file.path] for file in files]

    def land(self, task: LandTask) -> Landed:
        """Read delivered files by the workers; Widen if the table lacks a column they need."""
        sent = replace(task, progress=_silent)
        parts = self._spread(
            task.files,
            lambda entry: entry.file.size,
            lambda e, files: land_group(e, sent, files),
            discard,
        )
        landed = merged(task, parts)
        task.progress(sum(count.lines for count in landed.counts.values()))
        return landed

    def refresh(self, task: RefreshTask) -> Refreshed:
        """Run a verdict query and write what it promotes: all, or what changed since a base."""
        with self._sql(task.target.location) as session:
            return refresh(session, task)

    def check(self, table: Table, sources: Mapping[str, Source], params: Params) -> list[Finding]:
        """Run the declared checks of a table."""
        with self._sql(table.full_name) as session:
            show(session, sources, everything(session))
            return checks.run(session, table, params)

    def query(self, query: Query) -> pa.RecordBatchReader:
        """The result of a query in Spark SQL; QueryError if it does not parse or run."""
        from stedi.engines.spark.user import run

        with self._sql("the query") as session:
            return run(session, query)

    def without(
        self, source: Source, target: Target, column: str, values: Sequence[str]
    ) -> tuple[list[str], list[str]]:
        """Take out the rows with one of `values`; only files that hold some are rewritten."""
        if not values:
            return [], []
        parts = self._by_file(source, lambda e, part: e.without(part, target, column, values))
        return [p for gone, _ in parts for p in gone], [p for _, new in parts for p in new]

    def without_rows(
        self, source: Source, target: Target, where: str
    ) -> tuple[list[str], list[str], int]:
        """Take out the rows for which a condition holds, in the embedded engine's SQL."""
        parts = self._by_file(source, lambda e, part: e.without_rows(part, target, where))
        gone = [path for removed, _, _ in parts for path in removed]
        return gone, [p for _, new, _ in parts for p in new], sum(rows for _, _, rows in parts)

    def keep_out(self, task: KeepOutTask) -> KeptOut:
        """Take rows of forgotten people out of staged files."""
        parts = self._by_file(task.source, lambda e, part: e.keep_out(replace(task, source=part)))
        counts: dict[str, int] = {}
        for part in parts:
            for path, rows in part.counts.items():
                counts[path] = counts.get(path, 0) + rows
        removed = [path for part in parts for path in part.removed]
        return KeptOut(removed, [path for part in parts for path in part.added], counts)

    def rewrite(self, source: Source, target: Target) -> list[str]:
        """Write a table's rows again, each column cast to the target's type."""
        parts = self._by_file(source, lambda engine, part: engine.rewrite(part, target))
        return [path for part in parts for path in part]

    def _by_file(self, source: Source, work: Callable[[DuckDBEngine, Source], R]) -> list[R]:
        return self._spread(
            source.files, lambda file: file.bytes, lambda e, files: work(e, source.of(files))
        )

    def close(self) -> None:
        """Give our own Spark back; that of somebody else stays."""
        if "_starting" in self.__dict__:
            starting = self._starting
            if self._theirs is None and starting.exception() is None:
                release(starting.result())
        shutil.rmtree(self._home.spark_scratch, ignore_errors=True)


def _silent(rows: int) -> None:
    pass
