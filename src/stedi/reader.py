"""Reading a lake: its tables, now or as they were, and every question it answers."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from threading import Lock
from typing import TYPE_CHECKING, Self, TypeVar

from stedi.contract import Table, find_table, load_tables
from stedi.errors import UsageError
from stedi.lake.home import Home
from stedi.lake.model import Query, Snapshot, Source
from stedi.lake.pointers import pointers
from stedi.lake.readers import reading
from stedi.places import Place, place
from stedi.rows import Rows

if TYPE_CHECKING:
    from stedi.account import Line, Trail
    from stedi.checks import Result
    from stedi.engines.base import Engine, Params
    from stedi.engines.duckdb.engine import DuckDBEngine
    from stedi.erasure.journal import Removed
    from stedi.excluded import Days
    from stedi.lake.store import Store
    from stedi.plan import Step
    from stedi.subject.show import Holding

ENGINES = ("duckdb", "spark")
T = TypeVar("T")


@dataclass(frozen=True)
class TableStatus:
    """One table at a glance; `newest` is the latest event time in its files, to the day."""

    table: str
    rows: int
    files: int
    bytes: int
    snapshots: int
    published: datetime | None
    newest: str


class Reader:
    """One lake, open to be read; nothing here changes a table."""

    def __init__(self, home: Home, engine: str = "duckdb") -> None:
        if engine not in ENGINES:
            raise UsageError(f"engine is {engine!r}; use one of {', '.join(ENGINES)}")
        self.home = home
        self._engine_name = engine
        self._planning = Lock()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.home.root}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def store(self) -> Store:
        """The tables behind the catalog."""
        from stedi.lake.store import Store

        return Store(self.home)

    @cached_property
    def engine(self) -> Engine:
        """Where runs, checks and queries are done."""
        if self._engine_name == "spark":
            from stedi.engines.spark import SparkEngine

            return SparkEngine(self.home)
        return self.embedded

    @cached_property
    def embedded(self) -> DuckDBEngine:
        """The engine of this process, which answers what is asked about a lake or a person."""
        from stedi.engines.duckdb.engine import DuckDBEngine

        return DuckDBEngine(self.home.memory, self.home.scratch)

    @property
    def params(self) -> Params:
        """Query parameters of the policy; secret, never to be printed."""
        from stedi.run import params_of

        return params_of(self.store)

    def table(self, name: str, as_of: str | None = None) -> Rows:
        """The rows of one table, now or as of a time or snapshot."""
        contract = find_table(name)
        self._fresh(lambda: self._must_exist(contract))
        return self._rows(f'SELECT * FROM "{contract.name}"', [contract.name], as_of)

    def sql(self, sql: str, as_of: str | None = None) -> Rows:
        """The rows of one SELECT over the lake's tables, by bare name or zone.table."""
        return self._rows(sql, [name for name in load_tables() if name in sql.lower()], as_of)

    def _rows(self, sql: str, names: Sequence[str], as_of: str | None) -> Rows:
        return Rows(self.home, self.engine, partial(self._plan, sql, names, self._moment(as_of)))

    def _plan(self, sql: str, names: Sequence[str], moment: datetime | None) -> Query:
        """The query over the tables as they are now; the caller keeps their files."""
        with self._planning:
            self.store.forget()
            return Query(sql, {name: self._source(name, moment) for name in names})

    def sources(self, names: Sequence[str], as_of: str | None = None) -> dict[str, Source]:
        """The files of some tables, now or as of a time or snapshot.

        Whoever reads them holds them (`lake.readers.reading`) from before this call on.
        """
        return dict(self._plan("", names, self._moment(as_of)).sources)

    def version(self) -> str:
        """Another text whenever a table, the policy or the key has changed since; cheap to ask.

        Of a catalog that is a server only the policy is told: ask it anew from time to time.
        """
        try:
            seen = pointers(self.home) if self.home.catalog_policy.in_lake else []
            policy = (self.home.root / "stedi.toml").read_text("utf-8")
        except (OSError, sqlite3.Error):
            seen, policy = [], ""
        return hashlib.sha256(repr((seen, policy)).encode()).hexdigest()

    def account(self) -> list[Line]:
        """Rows in, out and excluded by reason, for every table."""
        from stedi import account as accounts

        return self._fresh(lambda: accounts.account(self.store, self.embedded))

    def why(self, email: str) -> list[Trail]:
        """What became of one person's rows, table by table."""
        from stedi import account as accounts

        return self._fresh(lambda: accounts.why(self.store, self.embedded, self.params, email))

    def excluded_by_day(self, table: str, reason: str) -> Days:
        """Rows that a table excludes for a reason of its account, by day; see `excluded`."""
        from stedi.excluded import by_day

        found = find_table(table)
        return self._fresh(lambda: by_day(self.store, self.embedded, self.params, found, reason))

    def subject(self, email: str) -> Holding:
        """Everything held about one person; UsageError for what is no address."""
        from stedi.subject.show import show

        return self._fresh(lambda: show(self.store, self.embedded, self.params, email))

    def check(self) -> list[Result]:
        """Every validation: declared checks, the balance, the proof by column lineage."""
        from stedi import checks
        from stedi.refresh.audit import check_all

        found = self._fresh(lambda: check_all(self.store, self.engine, self.params))
        return [*checks.declared(found), *checks.balance(self.account()), *checks.lineage()]

    def status(self) -> list[TableStatus]:
        """Every table with its size and age."""
        return self._fresh(lambda: [self._status(table) for table in load_tables().values()])

    def history(self, table: str | None = None) -> list[tuple[str, Snapshot]]:
        """Snapshots still kept, oldest first, of one table or of all."""
        names = [find_table(table).name] if table else list(load_tables())
        found = self._fresh(
            lambda: [
                (load_tables()[name].full_name, snapshot)
                for name in names
                for snapshot in self.store.table(name).snapshots()
            ]
        )
        return sorted(found, key=lambda pair: pair[1].at)

    def plan(
        self, landing: Place | str | None = None, consent: str | None = None, full: bool = False
    ) -> list[Step]:
        """What `run` would do with the same arguments, and why; changes nothing."""
        from stedi import plan

        policy = {"consent": consent} if consent else {}
        folder = place(landing) if landing is not None else None
        return self._fresh(lambda: plan.plan(self.store, {**self.params, **policy}, folder, full))

    def foresee_forgetting(
        self, emails: Sequence[str], tell: Callable[[str], None] = lambda step: None
    ) -> dict[str, Removed]:
        """What `forget` would remove, by place; changes nothing."""
        from stedi.subject.forget import foresee

        return self._fresh(lambda: foresee(self.store, self.embedded, emails, tell))

    def close(self) -> None:
        """Let go of the catalog and of the engine's scratch files."""
        for engine in ("engine", "embedded"):
            if engine in self.__dict__:
                self.__dict__[engine].close()
        if "store" in self.__dict__:
            self.store.close()

    def _fresh(self, look: Callable[[], T]) -> T:
        """What `look` finds in the tables as they are now; no file is removed meanwhile."""
        from stedi.lake.naming import lake_errors

        with lake_errors(self.home.root), reading(self.home):
            self.store.forget()
            return look()

    def _status(self, table: Table) -> TableStatus:
        stored = self.store.table(table.name)
        source = self._source(table.name, None)
        kept = stored.snapshots()
        newest = max((file.last for file in source.files if file.last), default=None)
        return TableStatus(
            table=table.full_name,
            rows=source.rows,
            files=len(source.files),
            bytes=sum(file.bytes for file in source.files),
            snapshots=len(kept),
            published=kept[-1].at if kept else None,
            newest=newest.isoformat() if newest else "",
        )

    def _source(self, name: str, moment: datetime | None) -> Source:
        stored = self.store.table(name)
        if moment is None:
            if name == "quarantine":
                from stedi.account import quarantine

                return quarantine(self.store)
            return stored.source()
        from stedi.lake.upkeep import version_at

        version = version_at(stored, moment)
        if version is None:
            return Source(name, stored.source().fields, [])
        return stored.source(version)

    def _must_exist(self, table: Table) -> None:
        if self.store.table(table.name).iceberg is None:
            raise UsageError(f"{table.full_name} is still empty; run `stedi run --landing DIR`")

    def _moment(self, as_of: str | None) -> datetime | None:
        if as_of is None:
            return None
        as_of = str(as_of)  # history() tells a snapshot as a number
        if as_of.isdigit():
            return self._snapshot_time(int(as_of))
        try:
            moment = datetime.fromisoformat(as_of)
        except ValueError:
            raise UsageError(
                f"--as-of {as_of!r}: give a time such as 2026-01-31T12:00 (UTC) or a snapshot "
                "from `stedi history`"
            ) from None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    def _snapshot_time(self, number: int) -> datetime:
        for _, snapshot in self.history():
            if snapshot.id == number:
                return snapshot.at
        raise UsageError(f"there is no snapshot {number}; `stedi history` lists them")
