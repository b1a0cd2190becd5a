"""The Python face: open a lake, run it, read its tables, ask it questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from stedi.contract import Table, load_tables
from stedi.errors import UsageError, storage_error
from stedi.jobs import Job, find_job
from stedi.lake import home as homes
from stedi.lake.making import create
from stedi.lake.policy import POLICIES
from stedi.places import Place, place
from stedi.reader import Reader

if TYPE_CHECKING:
    from stedi.feeds.raw import RawFile
    from stedi.landing.find import Delivery
    from stedi.maintain import Upkeep
    from stedi.outcome import RunResult, Watch
    from stedi.subject.forget import Forgotten
    from stedi.watch import Hear


class Lake(Reader):
    """One lake: a folder with Iceberg tables, their catalog, a policy and a secret key."""

    def run(
        self,
        landing: Place | str | None = None,
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
        with self.home.lock(wait):
            delivery = self._delivery(landing, ready)
            if not full and (quiet := self._quiet(delivery, consent)):
                return quiet
            return self._run(delivery, watch, consent, full)

    def job(
        self,
        name: str,
        landing: Place | str | None = None,
        watch: Watch | None = None,
        wait: float = 0,
        consent: str | None = None,
        full: bool = False,
    ) -> RunResult:
        """The part of a run that one of `jobs()` does: land what is new, or refresh one table.

        Only the job that lands takes `landing`. A table is made from the others as they are
        published; `watch` is told which are older than what they are made from. Everything else
        is as in `run`.
        """
        job = find_job(name)
        job.refuse(landing, full)
        with self.home.lock(wait):
            return self._run(self._delivery(landing), watch, consent, full, job)

    def _delivery(
        self, landing: Place | str | None, ready: Callable[[RawFile], bool] = lambda file: True
    ) -> Delivery | None:
        """What there is to land; LakeBusyError if a forgetting goes before any run."""
        from stedi.erasure.journal import refuse_if_pending
        from stedi.landing.find import find

        try:
            delivery = find(place(landing)).where(ready) if landing is not None else None
        except OSError as error:
            raise storage_error(error, str(landing)) from error
        refuse_if_pending(self.home)
        return delivery

    def _quiet(self, delivery: Delivery | None, consent: str | None) -> RunResult | None:
        """The result of a run that has nothing to do; None if there may be something."""
        from stedi.outcome import RunResult
        from stedi.settled import is_settled

        home = homes.open_home(self.home.root)
        if consent not in (None, home.consent) or not is_settled(home, delivery):
            return None
        self.home = home
        return RunResult("", ignored=delivery.ignored if delivery else [])

    def _run(
        self,
        delivery: Delivery | None,
        watch: Watch | None,
        consent: str | None,
        full: bool,
        job: Job | None = None,
    ) -> RunResult:
        from stedi.run import run_lake

        if consent is not None and consent not in POLICIES:
            raise UsageError(f"consent is {consent!r}; use one of {', '.join(POLICIES)}")
        try:
            return run_lake(self.store, self.engine, delivery, watch, consent, None, full, job)
        finally:
            self.home = self.store.home

    def watch(
        self,
        landing: Place | str,
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
        Watcher(fresh, place(landing), pace, hear, consent).watch(stopped)

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
                return maintain(self.store, self.embedded)
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
                return forget(self.store, self.embedded, emails, tell, resume)
            finally:
                self.home = self.store.home


def open_lake(path: Place | str = "lake", engine: str = "duckdb") -> Lake:
    """The lake in a folder or at an s3:// address; LakeError if there is none."""
    return Lake(homes.open_home(place(path)), engine)


def create_lake(
    path: Place | str = "lake",
    consent: str | None = None,
    engine: str = "duckdb",
    policy: Place | str | None = None,
) -> Lake:
    """Make an empty lake, `since` unless `consent` says `any`; it gets a secret key of its own.

    `policy` is a stedi.toml to begin with. A lake on S3 takes its key from the environment.
    """
    text = read_text(policy) if policy is not None else None
    return Lake(create(place(path), consent, text), engine)


def read_text(where: Place | str) -> str:
    """The text of a policy's file; StorageError if it cannot be read."""
    try:
        return place(where).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        given = error if isinstance(error, OSError) else OSError(f"{where}: not text ({error})")
        raise storage_error(given, str(where)) from error


def open_to_land(
    path: Place | str,
    landing: Place | str | None,
    consent: str | None,
    engine: str,
    policy: Place | str | None = None,
) -> Lake:
    """The lake; made, if there is a folder `landing` to land from, else UsageError."""
    from stedi.landing.find import refuse_no_folder

    if not homes.is_lake(place(path)):
        if landing is None:
            raise UsageError(f"{path}: there is no lake; give --landing DIR to make one from feeds")
        try:
            refuse_no_folder(place(landing))
        except OSError as error:
            raise storage_error(error, str(landing)) from error
    return open_or_create(path, consent, engine, policy)


def open_or_create(
    path: Place | str = "lake",
    consent: str | None = None,
    engine: str = "duckdb",
    policy: Place | str | None = None,
) -> Lake:
    """The lake at a place; made as `create_lake` does if there is none."""
    if homes.is_lake(place(path)):
        return open_lake(path, engine)
    return create_lake(path, consent, engine, policy)


def tables() -> Mapping[str, Table]:
    """The contracts of all tables by bare name."""
    return load_tables()
