"""A lake that lives through a history, and what it is compared with.

After every completed run the tables are those of the rules (`truth.py`); at the end tables and
account are also those of one fresh full run of a second lake over the same delivered files,
which knows the same forgotten people from the start.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from helpers import FEEDS, LANDING
from histories import erasure
from histories.erasure import Erasure, any_takes
from histories.lines import SPELLINGS, Line, text_of
from histories.stored import account_of, check_same, quarantine_of, tables_of, without_causes
from histories.truth import Account, Rows, Truth
from stedi.api import Lake, create_lake, open_lake
from stedi.erasure.journal import Journal, pending
from stedi.errors import LakeBusyError, UsageError
from stedi.lake.home import open_home

KEY = "the key of all histories"
Files = dict[str, tuple[Line, ...]]


class Killed(BaseException):
    """A run ended here, as by a signal."""


class History:
    """A lake and its landing folder below `root`; steps change both, runs are checked.

    `begun` are the files of a lake that is there already, and has landed them all. Runs are
    made by the `engines` in turn; what is asked of the lake, by the embedded one.
    """

    def __init__(
        self,
        root: Path,
        policy: str,
        begun: Files | None = None,
        engines: Sequence[str] = ("duckdb",),
    ) -> None:
        self._engines = cycle(engines)
        self.root = root
        self.landing = root / "landing"
        for feed in FEEDS:
            (self.landing / feed).mkdir(parents=True, exist_ok=True)
        where = root / "lake"
        self.lake = create_lake(where, policy) if begun is None else open_lake(where)
        self.files = dict(begun or {})
        self._landed = set(self.files)
        self._quiet = begun is not None
        self._tables: dict[str, Rows] = {}
        self.wholes: list[str] = []
        self._erasures: list[Erasure] = []
        self._asked: tuple[str, ...] = ()  # whose forgetting is to be finished
        self._began = Erasure(frozenset(), frozenset())

    def __enter__(self) -> History:
        return self

    def __exit__(self, *_: object) -> None:
        self.lake.close()

    # ------------------------------------------------------------ what steps do

    def deliver(self, lines: Sequence[Line]) -> None:
        """A new file for each feed among the lines."""
        for feed in FEEDS:
            if of_feed := [line for line in lines if line.feed == feed]:
                self.write(f"{feed}/{len(self.files):03}.json", of_feed)

    def write(self, name: str, lines: Sequence[Line]) -> None:
        """Write a file, new or in place of its older version."""
        self.files[name] = tuple(lines)
        _write(self.landing / name, lines)
        self._landed.discard(name)
        self._quiet = False

    def file(self, number: int) -> str | None:
        """The name of a delivered file, the numbers going round; None before the first."""
        return [*self.files][number % len(self.files)] if self.files else None

    def vanish(self, name: str) -> None:
        """Remove a landed file from the folder: its rows stay. One not landed stays there.

        While a forgetting is unfinished all stay, since its count of a file is yet to be mended.
        """
        if name in self._landed and not self._asked:
            (self.landing / name).unlink(missing_ok=True)

    def run(self, **options: Any) -> None:
        """A run that completes: without news it changes nothing, otherwise its tables are checked.

        `options` are those of `Lake.run`.
        """
        self._finish_first()
        before = self.policy
        with self._at_work() as lake:
            result = lake.run(self.landing, **options)
        if self._quiet and before == self.policy and not options.get("full"):
            assert not result.changed, f"nothing was new, but the run did {result}"
        else:
            self.check_tables()
        accounts = [refresh.account for refresh in result.refreshed]
        self.wholes += [one.table for one in accounts if one.scope.startswith("all")]
        self._quiet = True
        self._landed |= set(self.files)

    @contextmanager
    def _at_work(self) -> Iterator[Lake]:
        engine = next(self._engines)
        if engine == "duckdb":
            yield self.lake
        else:
            with open_lake(self.root / "lake", engine) as lake:
                yield lake

    def settle(self) -> None:
        """The rest of a forgetting; a run, if there is news or something was killed."""
        self.resume()
        if not self._quiet:
            self.run()

    def maintain(self, keep: int) -> None:
        """Upkeep that keeps so many versions; no row may change."""
        where = self.root / "lake" / "stedi.toml"
        text = re.sub("keep_snapshots = [0-9]+", f"keep_snapshots = {keep}", where.read_text())
        where.write_text(text)
        self.lake.maintain()
        if self._quiet:
            self.check_tables()

    def forget(self, people: Sequence[str]) -> None:
        """Forget people, or go on with it: their lines, and no others, are out everywhere."""
        found = self._unfinished
        if not found:
            self._asked = self._held(people)
            self._began = Erasure(frozenset(self._asked), self._devices())
        if self._asked:
            self._forget(resume=bool(found))
            if self._landed >= set(self.files):
                self.check_tables()
                if not (found and found.proving):  # then a run may have kept out what came since
                    self._check_files(self._began)

    def _forget(self, resume: bool) -> None:
        spelled = [SPELLINGS[2](person) for person in self._asked]
        try:
            result = self.lake.forget(spelled, resume=resume)
            assert result.proved, f"something of {spelled} is left: {result.proof.findings}"
            self._asked = ()
        finally:
            if self._unfinished or not self._asked:
                self._follow(self._began)

    def _held(self, people: Sequence[str]) -> tuple[str, ...]:
        """Those of whom anything is known; the others are refused."""
        told = erasure.told(self.lake) + str(self._erasures)
        unknown = [person for person in people if person not in told]
        if unknown:
            with pytest.raises(UsageError, match="nothing is held"):
                self.lake.forget(people)
        return tuple(person for person in people if person not in unknown)

    def resume(self) -> None:
        """Finish a forgetting that was killed, or start it again if it had changed nothing."""
        if self._asked:
            self.forget(self._asked)

    @property
    def _unfinished(self) -> Journal | None:
        return pending(open_home(self.root / "lake"))

    def _devices(self) -> frozenset[str]:
        """What they claimed, and what was forgotten with them before."""
        before = [one.devices for one in self._erasures if one.people & set(self._asked)]
        return erasure.claimed(self.lake, self._asked).union(*before)

    def _finish_first(self) -> None:
        """No run starts while rows of people who are being forgotten may still be about."""
        found = self._unfinished
        if found and not found.proving:
            with pytest.raises(LakeBusyError, match="--resume"):
                self.lake.run(self.landing)
            self.resume()

    def _follow(self, new: Erasure) -> None:
        """Take over the files as they are now; what was kept out of vanished ones still counts."""
        old = [one for one in self._erasures if one is not new]
        for name, lines in self.files.items():
            if (self.landing / name).exists():
                self.files[name] = erasure.left(self.landing / name, lines, new)
            else:
                gone = [line for line in lines if new.takes(line) and not any_takes(old, line)]
                self.files[name] = tuple(line for line in lines if line not in gone)
        self._erasures = [*old, new]

    def killed(self, tick: int, act: Callable[[], None]) -> None:
        """Something killed before (even ticks) or after (odd) the catalog's commit `tick // 2`.

        If it makes fewer commits, it completes. The lake is opened again, as by a new process.
        """
        try:
            with _killed_at(self.lake, tick):
                act()
        except Killed:
            self._quiet = False
        self.lake.close()
        self.lake = open_lake(self.root / "lake")

    # ------------------------------------------------------------ what it is compared with

    @property
    def policy(self) -> str:
        """The policy in the lake's folder: a killed run may have changed it."""
        return open_home(self.root / "lake").consent

    def truth(self) -> Truth:
        """What the tables must hold now."""
        lines = (line for lines in self.files.values() for line in lines)
        return Truth(lines, self.policy, KEY.encode(), self._erasures)

    def check_tables(self) -> None:
        """Every promoted table is what the rules make of the delivered lines."""
        self._tables = tables_of(self.lake)
        check_same(self._tables, self.truth().tables, "the rules")

    def _check_files(self, new: Erasure) -> None:
        for name, lines in self.files.items():
            theirs = [line for line in lines if new.takes(line)]
            assert not (self.landing / name).exists() or not theirs, f"{name} still has {theirs}"

    def check_end(self, fresh: bool) -> None:
        """Account and quarantine are those of the rules; all is that of a `fresh` full run."""
        account, truth = account_of(self.lake), self.truth()
        bad = quarantine_of(self.lake)
        assert bad == truth.bad, f"quarantine: {bad}; by the rules {truth.bad}"
        for name, expected in truth.account.items():
            found = without_causes(account[name]) if name in LANDING else account[name]
            assert found == expected, f"account of {name}: {found}; by the rules {expected}"
        if fresh:
            self._check_fresh(account)

    def _check_fresh(self, account: dict[str, Account]) -> None:
        for name, lines in self.files.items():
            _write(self.root / "all" / name, lines)
        (self.root / "all" / "customer").mkdir(parents=True, exist_ok=True)
        with create_lake(self.root / "fresh", self.policy) as lake:
            erasure.tell(self.lake, lake)
            lake.run(self.root / "all")
            check_same(self._tables, tables_of(lake), "a fresh full run")
            assert account == account_of(lake)


def _write(path: Path, lines: Sequence[Line]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(text_of(line) + b"\n" for line in lines))


@contextmanager
def _killed_at(lake: Lake, tick: int) -> Iterator[None]:
    """Every version of every table goes through the catalog's commit; end there."""
    catalog = type(lake.store.catalog)
    commit = catalog.commit_table
    ticks = iter(range(tick + 1))

    def _tick() -> None:
        if next(ticks, None) == tick:
            raise Killed

    def ticking(*args: Any, **named: Any) -> Any:
        _tick()
        done = commit(*args, **named)
        _tick()
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalog, "commit_table", ticking)
        yield
