"""A lake that lives through a history, and what it is compared with.

After every completed run the tables are those of the rules (`truth.py`); at the end tables and
account are also those of one fresh full run of a second lake over the same delivered files.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from helpers import FEEDS, LANDING, PROMOTED
from histories.lines import Line, text_of
from histories.truth import COLUMNS, Account, Rows, Truth
from stedi.api import Lake, create_lake, open_lake
from stedi.contract import load_tables
from stedi.lake.home import open_home

KEY = "the key of all histories"
PARSED = {"timestamp": datetime.fromisoformat, "date": date.fromisoformat}


Files = dict[str, tuple[Line, ...]]


class Killed(BaseException):
    """A run ended here, as by a signal."""


class History:
    """A lake and its landing folder below `root`; steps change both, runs are checked.

    `begun` are the files of a lake that is there already, and has landed them all.
    """

    def __init__(self, root: Path, policy: str, begun: Files | None = None) -> None:
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
        """Remove a landed file from the folder: its rows stay. One not landed stays there."""
        if name in self._landed:
            (self.landing / name).unlink(missing_ok=True)

    def run(self, **options: Any) -> None:
        """A run that completes: without news it changes nothing, otherwise its tables are checked.

        `options` are those of `Lake.run`.
        """
        before = self.policy
        result = self.lake.run(self.landing, **options)
        if self._quiet and before == self.policy and not options.get("full"):
            assert not result.changed, f"nothing was new, but the run did {result}"
        else:
            self.check_tables()
        accounts = [refresh.account for refresh in result.refreshed]
        self.wholes += [one.table for one in accounts if one.scope.startswith("all")]
        self._quiet = True
        self._landed |= set(self.files)

    def settle(self) -> None:
        """A run, if there is news or the last one was killed."""
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
        return Truth(lines, self.policy, KEY.encode())

    def check_tables(self) -> None:
        """Every promoted table is what the rules make of the delivered lines."""
        self._tables = tables_of(self.lake)
        _same(self._tables, self.truth().tables, "the rules")

    def check_end(self, fresh: bool) -> None:
        """The account is that of the rules; the whole is that of a `fresh` full run."""
        account = account_of(self.lake)
        for name, expected in self.truth().account.items():
            found = _without_reasons(account[name]) if name in LANDING else account[name]
            assert found == expected, f"account of {name}: {found}; by the rules {expected}"
        if fresh:
            self._check_fresh(account)

    def _check_fresh(self, account: dict[str, Account]) -> None:
        for name, lines in self.files.items():
            _write(self.root / "all" / name, lines)
        (self.root / "all" / "customer").mkdir(parents=True, exist_ok=True)
        with create_lake(self.root / "fresh", self.policy) as lake:
            lake.run(self.root / "all")
            _same(self._tables, tables_of(lake), "a fresh full run")
            assert account == account_of(lake)


def account_of(lake: Lake) -> dict[str, Account]:
    """The account by table; what it says went out must be what is stored."""
    lines = lake.account()
    assert [line for line in lines if not line.balanced] == []
    return {
        line.table.split(".")[1]: Account(line.rows_in, line.rows_out, dict(line.excluded))
        for line in lines
    }


def _without_reasons(account: Account) -> Account:
    quarantined = sum(account.excluded.values())
    return replace(account, excluded={"quarantined": quarantined} if quarantined else {})


def tables_of(lake: Lake) -> dict[str, Rows]:
    """Every promoted table as counted rows, read with one query."""
    sql = " UNION ALL ".join(
        f"SELECT '{n}' AS name, CAST(to_json(t) AS VARCHAR) AS row FROM {n} t" for n in PROMOTED
    )
    found: dict[str, Rows] = {name: Counter() for name in PROMOTED}
    for line in lake.sql(sql):
        found[line["name"]][_values(line["name"], json.loads(line["row"]))] += 1
    return found


def _values(table: str, row: dict[str, Any]) -> tuple[Any, ...]:
    kinds = {column.name: column.type for column in load_tables()[table].columns}
    assert row.keys() == kinds.keys(), f"{table} has the columns {[*row]}"
    return tuple(_value(kinds[name], row[name]) for name in COLUMNS[table])


def _value(kind: str, value: Any) -> Any:
    found = PARSED[kind](value) if kind in PARSED and value is not None else value
    if isinstance(found, datetime):
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return found


def _same(found: dict[str, Rows], expected: dict[str, Rows], by: str) -> None:
    for name, rows in expected.items():
        missing, extra = rows - found[name], found[name] - rows
        assert not missing, f"{name}: by {by} there are also {list(missing.elements())}"
        assert not extra, f"{name}: by {by} there are no {list(extra.elements())}"


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
