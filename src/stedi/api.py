"""The Python face: open a lake, run it, read its tables, ask it questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from stedi.contract import Table, find_table, load_tables
from stedi.errors import UsageError
from stedi.lake import home as homes
from stedi.lake.home import Home
from stedi.lake.model import Query, Snapshot, Source
from stedi.rows import Rows

if TYPE_CHECKING:
    from stedi.account import Line, Trail
    from stedi.checks import Result
    from stedi.engines.base import Engine, Params
    from stedi.feeds.inspect import RawFile
    from stedi.lake.store import Store
    from stedi.run import RunResult, Watch

ENGINES = ("duckdb", "spark")


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


class Lake:
    """One lake: a folder with Iceberg tables, their catalog, a policy and a secret key."""

    def __init__(self, home: Home, engine: str = "duckdb") -> None:
        if engine not in ENGINES:
            raise UsageError(f"engine is {engine!r}; use one of {', '.join(ENGINES)}")
        self.home = home
        self._engine_name = engine

    def __repr__(self) -> str:
        return f"<Lake {self.home.root}>"

    def __enter__(self) -> Lake:
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
        """Where the work is done."""
        if self._engine_name == "spark":
            raise UsageError("the spark engine is not part of this version; use --engine duckdb")
        from stedi.engines.duckdb import DuckDBEngine

        return DuckDBEngine(self.home.memory, self.home.scratch)

    @property
    def params(self) -> Params:
        """Query parameters of the policy; secret, never to be printed."""
        from stedi.run import params_of

        return params_of(self.store)

    def run(
        self,
        landing: Path | str | None = None,
        watch: Watch | None = None,
        wait: float = 0,
        consent: str | None = None,
        ready: Callable[[RawFile], bool] = lambda file: True,
    ) -> RunResult:
        """Land what is new below `landing`, refresh what it changes.

        Waits up to `wait` seconds for another run; `consent` (`since` or `any`) changes the
        policy first; files that are not `ready` are left for a later run; raises
        CheckFailed, LakeBusyError, StorageError or UsageError, and leaves every table as it was
        or as it will be.
        """
        from stedi.run import run_lake

        with self.home.lock(wait):
            folder = Path(landing) if landing is not None else None
            try:
                return run_lake(self.store, self.engine, folder, watch, consent, ready=ready)
            finally:
                self.home = self.store.home

    def table(self, name: str, as_of: str | None = None) -> Rows:
        """The rows of one table, now or as of a time or snapshot."""
        self.store.forget()
        contract = find_table(name)
        moment = self._moment(as_of)
        self._must_exist(contract)
        sources = {contract.name: self._source(contract.name, moment)}
        return Rows(self.home, self.engine, Query(f'SELECT * FROM "{contract.name}"', sources))

    def sql(self, sql: str, as_of: str | None = None) -> Rows:
        """The rows of one SELECT over the lake's tables, by bare name or zone.table."""
        self.store.forget()
        moment = self._moment(as_of)
        wanted = [name for name in load_tables() if name in sql.lower()]
        sources = {name: self._source(name, moment) for name in wanted}
        return Rows(self.home, self.engine, Query(sql, sources))

    def account(self) -> list[Line]:
        """Rows in, out and excluded by reason, for every table."""
        from stedi import account as accounts

        self.store.forget()
        return accounts.account(self.store, self.engine)

    def why(self, email: str) -> list[Trail]:
        """What became of one person's rows, table by table."""
        from stedi import account as accounts

        self.store.forget()
        return accounts.why(self.store, self.engine, self.params, email)

    def check(self) -> list[Result]:
        """Every validation: declared checks, the balance, the proof by column lineage."""
        from stedi import checks
        from stedi.refresh.tables import check_all

        self.store.forget()
        found = check_all(self.store, self.engine, self.params)
        return [*checks.declared(found), *checks.balance(self.account()), *checks.lineage()]

    def status(self) -> list[TableStatus]:
        """Every table with its size and age."""
        self.store.forget()
        return [self._status(table) for table in load_tables().values()]

    def history(self, table: str | None = None) -> list[tuple[str, Snapshot]]:
        """Snapshots still kept, oldest first, of one table or of all."""
        self.store.forget()
        names = [find_table(table).name] if table else list(load_tables())
        found = [
            (load_tables()[name].full_name, snapshot)
            for name in names
            for snapshot in self.store.table(name).snapshots()
        ]
        return sorted(found, key=lambda pair: pair[1].at)

    def close(self) -> None:
        """Let go of the catalog and of the engine's scratch files."""
        if "engine" in self.__dict__:
            self.engine.close()
        if "store" in self.__dict__:
            self.store.close()

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
        past = [snapshot for snapshot in stored.snapshots() if snapshot.at <= moment]
        if not past:
            return Source(name, stored.source().fields, [])
        return stored.source(past[-1].id)

    def _must_exist(self, table: Table) -> None:
        if self.store.table(table.name).iceberg is None:
            raise UsageError(f"{table.full_name} is still empty; run `stedi run --landing DIR`")

    def _moment(self, as_of: str | None) -> datetime | None:
        if as_of is None:
            return None
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


def open_lake(path: Path | str = "lake", engine: str = "duckdb") -> Lake:
    """The lake in a folder; LakeError if there is none."""
    return Lake(homes.open_home(Path(path)), engine)


def create_lake(path: Path | str = "lake", consent: str = "since", engine: str = "duckdb") -> Lake:
    """Make an empty lake with a policy (`since` or `any`) and a secret key of its own."""
    return Lake(homes.create(Path(path), consent), engine)


def tables() -> Mapping[str, Table]:
    """The contracts of all tables by bare name."""
    return load_tables()
