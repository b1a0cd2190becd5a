"""Work that goes file by file, spread over Spark's workers: each runs the embedded engine.

What a well-formed line is, and what lands of it, is told once: a worker lands its files by the
code that lands them on one machine, with the same quarantine and the same reasons. Little work
is done here, since starting workers would cost more; so is all work where the workers are this
machine: the embedded engine uses its cores better.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

from stedi.engines.duckdb.engine import DuckDBEngine
from stedi.engines.spark.errors import spark_errors
from stedi.errors import StediError

if TYPE_CHECKING:
    from pyspark import SparkContext

LITTLE = 32 << 20  # bytes that are not worth a worker
SHARE = 256 << 20  # bytes that are worth a task of their own
T = TypeVar("T")
R = TypeVar("R")


class Spread:
    """Runs pieces of work on the workers of a Spark context, or here if they are small.

    Without a context all is done here. Each embedded engine may use `memory` and spills to
    `scratch`, on a worker to a temporary folder of its own.
    """

    def __init__(self, context: SparkContext | None, memory: str, scratch: Path) -> None:
        self._context = context
        self._memory = memory
        self._scratch = scratch

    def __call__(
        self,
        items: Sequence[T],
        size: Callable[[T], int],
        work: Callable[[DuckDBEngine, list[T]], R],
        undo: Callable[[R], None] = lambda result: None,
    ) -> list[R]:
        """The results of `work` on groups of items; raises what it raises, others undone.

        `size` tells the bytes of an item; `work` and its results travel between processes.
        """
        if not items:
            return []
        if self._context is None or len(items) < 2 or sum(map(size, items)) < LITTLE:
            with _embedded(self._memory, self._scratch) as engine:
                return [work(engine, list(items))]
        groups = _groups(items, size, self._context.defaultParallelism)
        return _sound(self._on_workers(self._context, groups, work), undo)

    def _on_workers(
        self,
        context: SparkContext,
        groups: list[list[T]],
        work: Callable[[DuckDBEngine, list[T]], R],
    ) -> list[R | StediError]:
        memory = self._memory

        def run(group: list[T]) -> R | StediError:
            with (
                tempfile.TemporaryDirectory(prefix="stedi-") as scratch,
                _embedded(memory, Path(scratch), threads=1) as engine,
            ):
                try:
                    return work(engine, group)
                except StediError as error:  # would come back as a traceback in text
                    return error

        with spark_errors("work spread over Spark's workers"):
            results: list[R | StediError] = (
                context.parallelize(groups, len(groups)).map(run).collect()
            )
            return results


def _sound(results: list[R | StediError], undo: Callable[[R], None]) -> list[R]:
    """The results, if nothing failed; otherwise they are undone, and the first error raised."""
    failed = [result for result in results if isinstance(result, StediError)]
    done = [result for result in results if not isinstance(result, StediError)]
    for result in done if failed else ():
        undo(result)
    if failed:
        raise failed[0]
    return done


@contextmanager
def _embedded(memory: str, scratch: Path, threads: int | None = None) -> Iterator[DuckDBEngine]:
    engine = DuckDBEngine(memory, scratch / uuid4().hex, threads)
    try:
        yield engine
    finally:
        engine.close()


def _groups(items: Sequence[T], size: Callable[[T], int], workers: int) -> list[list[T]]:
    """Items in groups of about equal size: as many as workers, more if there is much to do."""
    wanted = max(workers, sum(map(size, items)) // SHARE)
    groups: list[list[T]] = [[] for _ in range(min(len(items), wanted))]
    sizes = [0] * len(groups)
    for item in sorted(items, key=size, reverse=True):
        smallest = sizes.index(min(sizes))
        groups[smallest].append(item)
        sizes[smallest] += size(item)
    return groups
