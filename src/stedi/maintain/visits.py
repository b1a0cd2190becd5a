"""When upkeep is due, told from a small file and the tables' metadata, without a listing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from stedi.contract import load_tables
from stedi.lake.durable import write_durably
from stedi.lake.home import Home
from stedi.lake.store import Store
from stedi.places import Place

GROWTH = 64  # files that a table may gain between two visits


@dataclass(frozen=True)
class Visit:
    """When upkeep last came by (ISO 8601), and the files and versions each table had then."""

    at: str = ""
    files: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[str, int] = field(default_factory=dict)


def due(store: Store) -> bool:
    """Whether `stedi maintain` should come by.

    When the time that the policy names has passed since it last did, or a table has gained
    many files or as many versions as the policy keeps. Never if the policy says so.
    """
    every = store.home.maintain.every
    if every is None:
        return False
    last, now = _last(store.home), _now(store)
    since = datetime.fromisoformat(last.at) if last.at else _oldest(store)
    if since is not None and datetime.now(UTC) - since >= every:
        return True
    most = store.home.maintain.keep_snapshots
    return _grown(now.files, last.files) >= GROWTH or _grown(now.versions, last.versions) >= most


def _grown(now: Mapping[str, int], before: Mapping[str, int]) -> int:
    return max((count - before.get(name, 0) for name, count in now.items()), default=0)


def _now(store: Store) -> Visit:
    tables = {name: store.table(name) for name in load_tables()}
    return Visit(
        at=datetime.now(UTC).isoformat(),
        files={name: int(t.summary.get("total-data-files", 0)) for name, t in tables.items()},
        versions={name: len(table.snapshots()) for name, table in tables.items()},
    )


def _oldest(store: Store) -> datetime | None:
    """When the oldest version of any table was made; None in an empty lake."""
    return min(
        (v.at for name in load_tables() for v in store.table(name).snapshots()), default=None
    )


def note(store: Store) -> None:
    """Write down that upkeep came by now."""
    write_durably(_file(store.home), json.dumps(asdict(_now(store))) + "\n")


def _file(home: Home) -> Place:
    return home.root / "maintained"


def _last(home: Home) -> Visit:
    """The last visit; a file that cannot be understood is as good as none."""
    try:
        visit = Visit(**json.loads(_file(home).read_text("utf-8")))
        if visit.at:
            datetime.fromisoformat(visit.at)
    except (OSError, ValueError, TypeError):
        return Visit()
    return visit
