"""Making a promoted table anew: all of it, or the part of it that has changed."""

from __future__ import annotations

from dataclasses import replace

from stedi.contract import load_tables
from stedi.engines.base import Base, Extent, Refreshed, RefreshTask, Tally
from stedi.engines.sql.part import refresh_scope
from stedi.engines.sql.scope import Scope, find_scope, same_rows, witnesses
from stedi.engines.sql.session import Session, Slice, days_of, slices
from stedi.engines.sql.views import everything, on_days_only, show
from stedi.lake.durable import remove_files
from stedi.lake.model import DataFile, Source


def refresh(session: Session, task: RefreshTask) -> Refreshed:
    """Make a table anew as far as its sources have changed since its base.

    Tables of readings replace the days and people in scope; those of people are judged in full,
    since they are small, but do not read all readings for it.
    """
    base = task.base
    try:
        if base is None:
            return _whole(session, task)
        scope = find_scope(session, task, base)
        if not task.table.time:
            return _people(session, task, base, scope)
        done = refresh_scope(session, task, base, scope)
        return done if isinstance(done, Refreshed) else _whole(session, task, done)
    finally:
        session.drop("verdicts")


def _people(session: Session, task: RefreshTask, base: Base, scope: Scope) -> Refreshed:
    show(session, task.sources, everything(session))
    witnesses(session, task, base, scope)
    done = _judged(session, task)
    size = Extent(len(scope.days), scope.people)
    if not same_rows(session, done.staged, base.published):
        return replace(done, extent=size)
    remove_files(done.files)
    return replace(done, staged=base.published, extent=size, same=True)


def _whole(session: Session, task: RefreshTask, why: str = "") -> Refreshed:
    show(session, task.sources, everything(session))
    return replace(_judged(session, task), why=why)


def _judged(session: Session, task: RefreshTask) -> Refreshed:
    """Judge all candidates over the views that stand, slice by slice if it goes by day."""
    total = Tally()
    files: list[DataFile] = []
    try:
        for part in _parts(session, task):
            if part:
                show(session, task.sources, on_days_only(session, part.days))
            judged = session.judge(task.table, task.params, task.target, part)
            files += judged.files
            total += judged.tally
    except BaseException:
        remove_files(file.path for file in files)
        raise
    return Refreshed(
        staged=Source(task.table.name, task.target.fields, files),
        candidates=task.sources[task.table.candidates].rows,
        tally=total,
    )


def _parts(session: Session, task: RefreshTask) -> list[Slice] | list[None]:
    if not task.target.day_column or session.rows_a_slice is None:
        return [None]
    candidates = task.sources[task.table.candidates]
    time = load_tables()[candidates.name].time
    counted = days_of(session, session.rows_of(candidates), time)
    return list(slices(counted, session.rows_a_slice))
