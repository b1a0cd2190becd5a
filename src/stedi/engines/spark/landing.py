"""Landing by workers: each lands a group of files, and their outcomes are put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from stedi.engines.base import Landed, LandTask, Widen
from stedi.engines.duckdb.engine import DuckDBEngine
from stedi.feeds.inspect import Inspected
from stedi.feeds.judge import MOST_EXTRAS, widen


def land_group(engine: DuckDBEngine, task: LandTask, files: Sequence[Inspected]) -> Landed | Widen:
    """What a worker does: land its files, or say which columns they need."""
    try:
        return engine.land(replace(task, files=files))
    except Widen as wider:
        return wider


def merged(task: LandTask, parts: Sequence[Landed | Widen]) -> Landed:
    """The outcome of all groups; Widen if one of them needs a column, and nothing is left."""
    landed = [part for part in parts if isinstance(part, Landed)]
    wider = [part.types for part in parts if isinstance(part, Widen)]
    if wider:
        for part in landed:
            part.discard()
        raise Widen(_together(task, wider))
    return Landed(
        [path for part in landed for path in part.files],
        [path for part in landed for path in part.quarantine_files],
        sum(part.rows for part in landed),
        {path: count for part in landed for path, count in part.counts.items()},
    )


def discard(part: Landed | Widen) -> None:
    """Remove the files of a group that will not be published."""
    if isinstance(part, Landed):
        part.discard()


def _together(task: LandTask, wider: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """One type for each column, and no more columns than a feed may gain."""
    known = {column.name for column in task.table.columns}
    extras = {field.name for field in task.target.fields} - known
    types: dict[str, str] = {}
    for part in wider:
        for name, kind in part.items():
            if name in types:
                types[name] = widen(types[name], kind)
            elif name in extras or len(extras | types.keys()) < MOST_EXTRAS:
                types[name] = kind
    return types
