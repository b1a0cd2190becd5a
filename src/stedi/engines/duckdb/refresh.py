"""Making a promoted table anew: all of it, or the part of it that has changed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from stedi.contract import load_tables
from stedi.engines.base import Base, Extent, Refreshed, RefreshTask
from stedi.engines.duckdb.scope import Scope, find_scope, same_rows, witnesses
from stedi.engines.duckdb.scoped import refresh_scope
from stedi.engines.duckdb.session import make_views, rows_of, storage_errors
from stedi.engines.duckdb.verdicts import (
    Connection,
    Slice,
    copy,
    days_of,
    judge,
    slices,
    tally,
)
from stedi.engines.duckdb.views import on_days_only, show
from stedi.lake.durable import remove_files
from stedi.lake.model import DataFile, Source


def refresh(connection: Connection, task: RefreshTask) -> Refreshed:
    """Make a table anew as far as its sources have changed since its base.

    Tables of readings replace the days and people in scope; those of people are judged in full,
    since they are small, but do not read all readings for it.
    """
    base = task.base
    with storage_errors(task.target.location):
        try:
            if base is None:
                return _whole(connection, task)
            scope = find_scope(connection, task, base)
            if not task.table.time:
                return _people(connection, task, base, scope)
            done = refresh_scope(connection, task, base, scope)
            return done if isinstance(done, Refreshed) else _whole(connection, task, done)
        finally:
            connection.execute("DROP TABLE IF EXISTS verdicts")


def _people(connection: Connection, task: RefreshTask, base: Base, scope: Scope) -> Refreshed:
    make_views(connection, task.sources)
    witnesses(connection, task, base, scope)
    done = _judged(connection, task)
    size = Extent(len(scope.days), scope.people)
    if not same_rows(connection, done.staged, base.published):
        return replace(done, extent=size)
    remove_files(done.files)
    return replace(done, staged=base.published, extent=size, same=True)


def _whole(connection: Connection, task: RefreshTask, why: str = "") -> Refreshed:
    make_views(connection, task.sources)
    return replace(_judged(connection, task), why=why)


def _judged(connection: Connection, task: RefreshTask) -> Refreshed:
    """Judge all candidates over the views that stand, slice by slice if it goes by day."""
    counts: Counter[str] = Counter()
    files: list[DataFile] = []
    try:
        for part in _parts(connection, task):
            if part:
                show(connection, task.sources, on_days_only(part.days))
            counts += judge(connection, task.table, task.params)
            files += copy(connection, task.target, part)
    except BaseException:
        remove_files(file.path for file in files)
        raise
    return Refreshed(
        staged=Source(task.table.name, task.target.fields, files),
        candidates=task.sources[task.table.candidates].rows,
        tally=tally(counts, sum(file.rows for file in files)),
    )


def _parts(connection: Connection, task: RefreshTask) -> list[Slice] | list[None]:
    if not task.target.day_column:
        return [None]
    candidates = task.table.candidates
    time = load_tables()[candidates].time
    return list(slices(days_of(connection, rows_of(task.sources[candidates]), time)))
