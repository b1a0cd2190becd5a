"""Run as files arrive: look, wait until a file is complete, run, and do so again.

Nothing is remembered outside the lake: a watch that starts anew lands nothing twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stedi.errors import (
    ContractError,
    LakeBusyError,
    LakeVersionError,
    StediError,
    UsageError,
    storage_error,
)
from stedi.feeds.raw import RawFile
from stedi.landing.arrivals import GLANCE, Arrivals, LandingFolder
from stedi.landing.find import find
from stedi.places import Place, is_remote

if TYPE_CHECKING:
    from stedi.api import Lake
    from stedi.outcome import RunResult

LONGEST_PAUSE = 30.0  # seconds between two tries of a run that fails
UPKEEP_EVERY = 60.0  # seconds between two questions whether upkeep is due
REMOTE = 5.0  # seconds between two looks at S3 at the least: each is a request that has its price
HOPELESS = (UsageError, ContractError, LakeVersionError)


@dataclass(frozen=True)
class Pace:
    """Seconds between two looks, and seconds a file must stand still; UsageError if odd."""

    interval: float = 0.5
    settle: float = 1.0

    def __post_init__(self) -> None:
        for name, value, least in (("interval", self.interval, 0.01), ("settle", self.settle, 0)):
            if not least <= value <= 3600:
                raise UsageError(f"--{name} is {value:g}; use {least:g} to 3600 seconds")


@dataclass(frozen=True)
class Ran:
    """One run of a watch: what it did, its seconds, the rows of machine_learning_curated now."""

    result: RunResult
    seconds: float
    rows: int


@dataclass(frozen=True)
class Hear:
    """Who hears of a watch: of each run that ended well, and of troubles, in words."""

    ran: Callable[[Ran], None] = lambda ran: None
    said: Callable[[str], None] = lambda text: None


class Watcher:
    """Runs a lake as files arrive; `open_lake` opens it, anew after every failure.

    A policy that changes makes a run too. Raises UsageError, ContractError or
    LakeVersionError, which waiting does not heal; everything else is said, and tried again.
    """

    def __init__(
        self,
        open_lake: Callable[[], Lake],
        landing: Place,
        pace: Pace,
        hear: Hear | None = None,
        consent: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._open = open_lake
        self._lake: Lake | None = open_lake()
        self._policy = self._lake.home.root / "stedi.toml"
        if is_remote(str(landing)) or is_remote(str(self._policy)):
            pace = replace(pace, interval=max(pace.interval, REMOTE))
        self._pace, self._hear, self._consent = pace, hear or Hear(), consent
        self._clock, self._sleep = clock, sleep
        self._folder = LandingFolder(landing, clock)
        self._arrivals = Arrivals(pace.settle, self._policy, self._hear.said)
        self._there = False
        self._told: dict[str, str] = {}
        self._owed_at = clock() + GLANCE
        self._upkeep_at = clock()
        self._ran_with: tuple[int, ...] = ()
        self._failed: tuple[object, ...] | None = None
        self._failures = 0
        self._retry_at = 0.0

    def watch(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Go on until `stopped`, or until interrupted: a run in hand is atomic."""
        try:
            while not stopped():
                self.step(stopped)
                self._sleep(self._pause())
        finally:
            self._let_go()

    def step(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Look once; run if something is ready and nothing stands in the way."""
        self._look()
        ready = self._arrivals.ready() if self._there else frozenset()
        policy = self._policy_time()
        if not self._is_due(ready, policy):
            return self._rest(ready, stopped)
        if self._attempt(lambda lake: self._run(lake, ready), (ready, policy), stopped):
            self._ran_with = policy
            self._owed_at = float("inf")

    def _pause(self) -> float:
        """Seconds to the next look: sooner than the interval if something is due before."""
        now = self._clock()
        due = [at - now for at in (self._arrivals.next(now), self._owed_at) if at > now]
        return min(self._pace.interval, *due)

    def _look(self) -> None:
        try:
            files = self._folder.look(self._arrivals.stirring)
        except FileNotFoundError:
            return None  # a folder that went while it was listed; the next look will tell
        except (UsageError, OSError) as error:
            self._there = False
            return self._tell("landing", f"waiting: {_said(error, self._folder.path)}")
        if not self._there:
            self._there = True
            self._tell("landing", f"watching {self._folder.path}")
        if files is not None:
            self._arrivals.note(files, self._clock())
        self._arrivals.judge(self._clock())

    def _is_due(self, ready: frozenset[RawFile], policy: tuple[int, ...]) -> bool:
        now = self._clock()
        if self._failed is not None:
            return now >= self._retry_at or self._failed != (ready, policy)
        return bool(ready) or now >= self._owed_at or (policy != self._ran_with != ())

    def _policy_time(self) -> tuple[int, ...]:
        try:
            stat = self._policy.stat()
        except OSError:
            return (0,)
        return (stat.st_size, stat.st_mtime_ns)

    def _run(self, lake: Lake, ready: frozenset[RawFile]) -> None:
        started = self._clock()
        landing = self._folder.path if self._there else None
        result = lake.run(landing, consent=self._consent, ready=ready.__contains__)
        self._consent = None
        self._arrivals.landed(ready)
        kept = lake.store.table("machine_learning_curated").snapshots()
        rows = kept[-1].rows if kept else 0
        self._told.pop("lake", None)
        self._hear.ran(Ran(result, self._clock() - started, rows))

    def _rest(self, ready: frozenset[RawFile], stopped: Callable[[], bool]) -> None:
        if not ready and self._failed is None and self._clock() >= self._upkeep_at:
            self._upkeep_at = self._clock() + UPKEEP_EVERY
            self._attempt(_upkeep, None, stopped)

    def _attempt(
        self,
        work: Callable[[Lake], None],
        key: tuple[object, ...] | None,
        stopped: Callable[[], bool],
    ) -> bool:
        """Whether the work was done; what stands in the way is said once."""
        try:
            if self._lake is None:
                self._lake = self._open()
            work(self._lake)
        except LakeBusyError as error:
            if key is not None:
                self._tell("lake", f"waiting: {str(error).partition(';')[0]}")
        except (StediError, OSError) as error:
            if not stopped():
                self._fail(error, key)
        else:
            self._failed, self._failures = None, 0
            return True
        return False

    def _fail(self, error: StediError | OSError, key: tuple[object, ...] | None) -> None:
        self._let_go()
        if isinstance(error, HOPELESS) and (not self._there or self._is_still_there()):
            raise error
        if self._arrivals.set_aside(str(error), self._clock()):
            return
        self._tell("lake", f"failed, will try again: {error}")
        if key is not None:
            self._failed = key
            self._retry_at = self._clock() + min(2.0**self._failures, LONGEST_PAUSE)
            self._failures += 1

    def _is_still_there(self) -> bool:
        """Whether the landing folder still is what it was: a run may find it gone."""
        try:
            find(self._folder.path)
        except (UsageError, OSError):
            return False
        return True

    def _tell(self, about: str, text: str) -> None:
        """Say it, unless it was the last that was said about the same."""
        if text != self._told.get(about):
            self._told[about] = text
            self._hear.said(text)

    def _let_go(self) -> None:
        if self._lake is not None:
            self._lake.close()
            self._lake = None


def _said(error: Exception, where: Place) -> str:
    return str(storage_error(error, str(where)) if isinstance(error, OSError) else error)


def _upkeep(lake: Lake) -> None:
    """Maintain the lake if that is due."""
    lake.maintain(only_if_due=True)
