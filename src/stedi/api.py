"""The Python face: open a lake, run it, read its tables, ask it questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stedi.contract import Table, load_tables
from stedi.lake import home as homes
from stedi.reader import Reader

if TYPE_CHECKING:
    from stedi.feeds.raw import RawFile
    from stedi.maintain import Upkeep
    from stedi.outcome import RunResult, Watch
    from stedi.subject.forget import Forgotten
    from stedi.watch import Hear


class Lake(Reader):
    """One lake: a folder with Iceberg tables, their catalog, a policy and a secret key."""

    def run(
        self,
        landing: Path | str | None = None,
        watch: Watch | None = None,
        wait: float = 0,
        consent: str | None = None,
        ready: Callable[[RawFile], bool] = lambda file: True,
        full: bool = False,
    ) -> RunResult:
        """Land what is new below `landing`, refresh what it changes.

        Waits up to `wait` seconds for another run; `consent` (`since` or `any`) changes the
        policy first; files that are not `ready` are left for a later run; `full` makes every
        table anew, changed or not; raises
        CheckFailed, LakeBusyError, StorageError or UsageError, and leaves every table as it was
        or as it will be.
        """
        folder = Path(landing) if landing is not None else None
        with self.home.lock(wait):
            if not full and (quiet := self._quiet(folder, consent, ready)):
                return quiet
            from stedi.run import run_lake

            try:
                return run_lake(self.store, self.engine, folder, watch, consent, None, ready, full)
            finally:
                self.home = self.store.home

    def _quiet(
        self, landing: Path | None, consent: str | None, ready: Callable[[RawFile], bool]
    ) -> RunResult | None:
        """The result of a run that has nothing to do; None if there may be something."""
        from stedi.landing.find import find
        from stedi.outcome import RunResult
        from stedi.settled import is_settled

        home = homes.open_home(self.home.root)
        delivery = find(landing).where(ready) if landing is not None else None
        if consent not in (None, home.consent) or not is_settled(home, delivery):
            return None
        self.home = home
        return RunResult("", ignored=delivery.ignored if delivery else [])

    def watch(
        self,
        landing: Path | str,
        interval: float = 0.5,
        settle: float = 1.0,
        hear: Hear | None = None,
        consent: str | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """Run as files arrive below `landing`, until `stopped` or interrupted.

        Looks every `interval` seconds; a file has to stand still up to `settle` seconds. Raises
        UsageError; what can heal (a busy lake, a full disk, a failed check) is told to `hear`
        and tried again.
        """
        from stedi.watch import Pace, Watcher

        def fresh() -> Lake:
            return Lake(homes.open_home(self.home.root), self._engine_name)

        pace = Pace(interval, settle)
        Watcher(fresh, Path(landing), pace, hear, consent).watch(stopped)

    def maintain(
        self, only_if_due: bool = False, dry_run: bool = False, wait: float = 0
    ) -> Upkeep | None:
        """Put small files together, expire old versions, remove files that nobody names.

        None if it is not due and `only_if_due`. Waits up to `wait` seconds for a run; raises
        LakeBusyError or StorageError, and harms no reader: what one is reading is left for the
        next time.
        """
        from stedi.maintain import due, maintain, plan

        if only_if_due and not self._fresh(lambda: due(self.store)):
            return None
        if dry_run:
            return plan(self.store)
        with self.home.lock(wait):
            try:
                return maintain(self.store, self.engine)
            finally:
                self.home = self.store.home

    def forget(
        self,
        emails: Sequence[str],
        tell: Callable[[str], None] = lambda step: None,
        resume: bool = False,
        wait: float = 0,
    ) -> Forgotten:
        """Remove people from delivered files and all tables, and prove that nothing is left.

        `resume` goes on with a forgetting that was interrupted. If the proof finds something,
        the result says where, and no certificate is written. Raises UsageError, LakeBusyError,
        or StorageError; before anything changes for delivered files that cannot be rewritten.
        """
        from stedi.subject.forget import forget

        with self.home.lock(wait):
            try:
                return forget(self.store, self.engine, emails, tell, resume)
            finally:
                self.home = self.store.home


def open_lake(path: Path | str = "lake", engine: str = "duckdb") -> Lake:
    """The lake in a folder; LakeError if there is none."""
    return Lake(homes.open_home(Path(path)), engine)


def create_lake(path: Path | str = "lake", consent: str = "since", engine: str = "duckdb") -> Lake:
    """Make an empty lake with a policy (`since` or `any`) and a secret key of its own."""
    return Lake(homes.create(Path(path), consent), engine)


def tables() -> Mapping[str, Table]:
    """The contracts of all tables by bare name."""
    return load_tables()
