"""Progress of a statement while it runs, from DuckDB's own estimate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

import duckdb

SECONDS = 0.25


@contextmanager
def ticking(
    connection: duckdb.DuckDBPyConnection, rows: int, progress: Callable[[int], None]
) -> Iterator[None]:
    """Report the rows read so far, of about `rows`, a few times a second."""
    over = Event()
    thread = Thread(target=_tick, args=(connection, rows, progress, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        _wait_for(thread)


def _wait_for(thread: Thread) -> None:
    """A signal must not get ahead of it: it reads a connection that is closed next."""
    try:
        thread.join()
    except BaseException:
        thread.join()
        raise


def _tick(
    connection: duckdb.DuckDBPyConnection,
    rows: int,
    progress: Callable[[int], None],
    over: Event,
) -> None:
    told = 0
    while not over.wait(SECONDS):
        now = int(rows * max(connection.query_progress(), 0) / 100)
        if now > told:
            progress(now - told)
            told = now
