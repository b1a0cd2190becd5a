"""A run in flight, for others to look at: <lake>/running, which is there while a run is at work.

It holds counts and table names, nothing of a person. A file that a killed run left over is known
by its process, which is gone; whoever reads it need not hold a lock.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stedi.lake.home import Home, alive
from stedi.outcome import Watch
from stedi.places import S3Path

if TYPE_CHECKING:
    from stedi.landing.progress import Progress

OFTEN = 0.5  # seconds between two writings while landing
SELDOM = 5.0  # on S3, where each writing is a request that has its price


@dataclass(frozen=True)
class InFlight:
    """How far a run is: delivered bytes landed of all, tables refreshed so far with their rows.

    `step` is landing or refreshing; times are ISO 8601 in UTC.
    """

    run: str
    process: int
    started: str
    step: str = "landing"
    files: int = 0
    rows: int = 0
    bytes: int = 0
    of_bytes: int = 0
    refreshed: list[dict[str, Any]] = field(default_factory=list)


def in_flight(home: Home) -> InFlight | None:
    """The run that is at work, if one is."""
    try:
        raw = json.loads((home.root / "running").read_text("utf-8"))
        found = InFlight(**raw)
    except (OSError, ValueError, TypeError):
        return None
    return found if alive(str(found.process)) else None


@contextmanager
def told(home: Home, run: str, watch: Watch) -> Iterator[Watch]:
    """Tell of the run until it ends, besides telling `watch`; a full disk harms nobody."""
    diary = _Diary(home, run, watch)
    try:
        diary.write()
        yield Watch(diary.landing, diary.refreshed, watch.noted)
    finally:
        with suppress(OSError):
            (home.root / "running").unlink(missing_ok=True)


class _Diary:
    def __init__(self, home: Home, run: str, watch: Watch) -> None:
        self._home = home
        self._watch = watch
        self._pause = SELDOM if isinstance(home.root, S3Path) else OFTEN
        self._written = 0.0
        self._told: dict[str, Any] = asdict(InFlight(run, os.getpid(), _now()))

    def landing(self, step: Progress) -> None:
        self._watch.landing(step)
        self._told |= {key: getattr(step, key) for key in ("files", "rows", "bytes", "of_bytes")}
        if time.monotonic() - self._written > self._pause:
            self.write()

    def refreshed(self, table: str, rows: int) -> None:
        self._watch.refreshed(table, rows)
        self._told["step"] = "refreshing"
        self._told["refreshed"].append({"table": table, "rows": rows, "at": _now()})
        self.write()

    def write(self) -> None:
        """Whole or not at all, for whoever looks just now; it need not survive a power cut."""
        self._written = time.monotonic()
        where = self._home.root / "running"
        with suppress(OSError):
            if isinstance(where, S3Path):
                where.write_text(json.dumps(self._told))
                return
            draft = where.with_name("running.new")
            draft.write_text(json.dumps(self._told), "utf-8")
            draft.replace(where)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
