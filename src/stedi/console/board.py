"""The lake at a glance, in memory: made anew in the background whenever the lake changed.

Pages are drawn from it, so that they open in milliseconds however large the lake is.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from stedi.account import Line
from stedi.api import open_lake
from stedi.checks import Result
from stedi.contract import load_tables
from stedi.errors import StediError
from stedi.excluded import Days
from stedi.lake.model import Snapshot
from stedi.places import Place, S3Path
from stedi.reader import Reader, TableStatus

LOOK, LOOK_S3 = 1.0, 5.0  # seconds between looks at the lake's version; on S3 each is paid for
ANEW, ANEW_S3 = 15.0, 60.0  # seconds after which one whose version cannot be told is read anew
MOST_RUNS = 500
MOST_COUNTED = 2  # reasons at once


@dataclass(frozen=True)
class Board:
    """Everything that pages show of a lake without reading its rows.

    `tables`, `account` and `history` are by bare name of the table; `account` lacks tables that
    were never made. `state` is another one whenever rows may differ. `checks` is None until they
    have run; `trouble` says why the lake cannot be
    read just now, then the rest is as it was before.
    """

    version: str = ""
    state: str = ""
    made: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    consent: str = ""
    tables: Mapping[str, TableStatus] = field(default_factory=dict)
    account: Mapping[str, Line] = field(default_factory=dict)
    history: Mapping[str, Sequence[Snapshot]] = field(default_factory=dict)
    runs: Sequence[Mapping[str, Any]] = ()
    checks: Sequence[Result] | None = None
    trouble: str = ""

    @property
    def forgotten(self) -> int:
        """How many people and devices are to be kept out."""
        return self.tables["forgotten"].rows if "forgotten" in self.tables else 0

    @property
    def last_run(self) -> str:
        """The name of the last run that did anything; empty if none has."""
        return max((str(row["run"]) for row in self.runs), default="")


class Boards:
    """The current board of one lake; `keep` goes on until it is cancelled."""

    def __init__(self, root: Place, forgotten: Callable[[], None] = lambda: None) -> None:
        self._root = root
        self._forgotten = forgotten
        self._turn = asyncio.Lock()
        self._days: dict[tuple[str, str, str], asyncio.Task[Days]] = {}
        self._checking: asyncio.Task[None] | None = None
        self._counting = asyncio.Semaphore(MOST_COUNTED)
        self.now = Board()

    async def keep(self) -> None:
        """Look at the lake again and again; checks are at work beside."""
        while True:
            await self.look()
            board, idle = self.now, self._checking is None or self._checking.done()
            if idle and board.checks is None and board.tables and not board.trouble:
                self._checking = asyncio.create_task(self._check(board))
            await asyncio.sleep(LOOK_S3 if isinstance(self._root, S3Path) else LOOK)

    def close(self) -> None:
        """End what is counted and checked for nobody any more."""
        for task in filter(None, [self._checking, *self._days.values()]):
            task.cancel()

    async def look(self, now: bool = False) -> Board:
        """The board, made anew if the lake changed (or `now`).

        Whoever was to hear of it is told if people were forgotten meanwhile, here or elsewhere,
        or if that cannot be seen any more.
        """
        async with self._turn:
            before = self.now
            self.now = await asyncio.to_thread(_look, self._root, before, now)
            unseen = self.now.trouble and not before.trouble
            if unseen or self.now.forgotten != before.forgotten:
                self._forgotten()
        return self.now

    async def excluded(self, table: str, reason: str) -> Days:
        """Rows excluded for a reason by day; counted once a version, whoever asks."""
        key = (self.now.state, table, reason)
        for old in [known for known in self._days if known[0] != key[0]]:
            del self._days[old]
        if key not in self._days or failed(self._days[key]):
            self._days[key] = asyncio.create_task(self._count(table, reason))
        return await asyncio.shield(self._days[key])

    async def _count(self, table: str, reason: str) -> Days:
        async with self._counting:
            return await asyncio.to_thread(_excluded, self._root, table, reason)

    async def _check(self, board: Board) -> None:
        """Every validation, once a state of the lake; it reads all rows, so nobody waits for it."""
        checks = await asyncio.to_thread(_checks, self._root)
        if self.now.state == board.state:
            self.now = replace(self.now, checks=checks)


def _look(root: Place, known: Board, now: bool) -> Board:
    try:
        with open_lake(root) as lake:
            version = lake.version()
            told = lake.home.catalog_policy.in_lake
            age = (datetime.now(UTC) - known.made).total_seconds()
            fresh = told or age < (ANEW_S3 if lake.home.on_s3 else ANEW)
            if version == known.version and not now and not known.trouble and fresh:
                return known
            return _made(lake, version, known)
    except StediError as error:
        return replace(known, trouble=str(error), made=datetime.now(UTC))
    except Exception as error:  # of a library, over a damaged file: pages must go on telling so
        why = f"its metadata cannot be read ({type(error).__name__}); see `stedi status`"
        return replace(known, trouble=why, made=datetime.now(UTC))


def _made(lake: Reader, version: str, known: Board) -> Board:
    names = {table.full_name: table.name for table in load_tables().values()}
    history: dict[str, list[Snapshot]] = {name: [] for name in names.values()}
    for full_name, snapshot in lake.history():
        history[names[full_name]].append(snapshot)
    state = _state(version, history)
    return Board(
        version=version,
        state=state,
        made=datetime.now(UTC),
        consent=lake.home.consent,
        tables={names[entry.table]: entry for entry in lake.status()},
        account={names[line.table]: line for line in lake.account()},
        history=history,
        runs=_runs(lake),
        checks=known.checks if state == known.state else None,
    )


def _state(version: str, history: Mapping[str, Sequence[Snapshot]]) -> str:
    """With a catalog that is a server, versions of tables are told by their snapshots alone."""
    told = [(name, snapshot.id) for name, kept in history.items() for snapshot in kept]
    return hashlib.sha256(repr((version, told)).encode()).hexdigest()


def _runs(lake: Reader) -> list[dict[str, Any]]:
    sql = f'SELECT * FROM runs ORDER BY run DESC, published, "table" LIMIT {MOST_RUNS}'
    return list(lake.sql(sql))


def failed(task: asyncio.Task[Any]) -> bool:
    """Whether a task has ended without giving anything."""
    return task.done() and (task.cancelled() or task.exception() is not None)


def _excluded(root: Place, table: str, reason: str) -> Days:
    with open_lake(root) as lake:
        return lake.excluded_by_day(table, reason)


def _checks(root: Place) -> list[Result]:
    try:
        with open_lake(root) as lake:
            return lake.check()
    except Exception as error:  # whatever it is, it is a check that did not pass
        why = f"{type(error).__name__}; `stedi check` tells more"
        return [Result("all tables", "the checks can be run", False, "fail", why)]
