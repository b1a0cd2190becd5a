"""The embedded engine behind the port."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import duckdb
import pyarrow as pa

from stedi.contract import Table
from stedi.engines.base import (
    Counted,
    Finding,
    KeepOutTask,
    KeptOut,
    Landed,
    LandTask,
    Params,
    Refreshed,
    RefreshTask,
)
from stedi.engines.duckdb import user
from stedi.engines.duckdb.clean import land_clean
from stedi.engines.duckdb.forgotten import keep_out, without_rows
from stedi.engines.duckdb.loose import as_text
from stedi.engines.duckdb.session import (
    TYPES,
    close,
    connect,
    literal,
    rows_of,
    seeing_s3,
    storage_errors,
)
from stedi.engines.duckdb.sql import DuckDBSession
from stedi.engines.duckdb.text import TextLanding
from stedi.engines.duckdb.writing import write
from stedi.engines.sql import checks
from stedi.engines.sql.refresh import refresh
from stedi.engines.sql.session import name
from stedi.engines.sql.views import everything, show
from stedi.feeds.inspect import Inspected, inspect
from stedi.feeds.raw import RawFile
from stedi.lake.durable import remove_files
from stedi.lake.model import DataFile, Query, Source, Target


class DuckDBEngine:
    """Computes with DuckDB in this process; `memory` bounds it, `scratch` takes what spills.

    It uses all cores unless `threads` says how many.
    """

    name = "duckdb"
    round_bytes = 1 << 30

    def __init__(self, memory: str, scratch: Path, threads: int | None = None) -> None:
        self._memory = memory
        self._threads = threads
        self._scratch = scratch

    @cached_property
    def _database(self) -> duckdb.DuckDBPyConnection:
        return connect(self._memory, self._scratch, self._threads)

    @property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        return seeing_s3(self._database)

    @property
    def _session(self) -> DuckDBSession:
        return DuckDBSession(self._connection)

    def inspect(self, files: Sequence[RawFile], table: Table) -> list[Inspected]:
        """Look at the bytes of delivered files, two at a time."""
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda file: inspect(file, table), files))

    def land(self, task: LandTask) -> Landed:
        """Clean files by the typed reader, the others line by line."""
        clean = [entry for entry in task.files if entry.clean and entry.lines]
        files: list[DataFile] = []
        counts = {entry.file.path: Counted(entry.lines, 0) for entry in task.files if entry.clean}
        if clean:
            landed = land_clean(self._connection, task, clean)
            if landed is None:
                clean = []
            else:
                files += landed
        rest = [e for e in task.files if e not in clean and not (e.clean and e.lines == 0)]
        rejected: list[str] = []
        if rest:
            files_too, rejected, counted = self._land_text(task, rest, files)
            files += files_too
            counts |= counted
        return Landed([f.path for f in files], rejected, sum(f.rows for f in files), counts)

    def _land_text(
        self, task: LandTask, rest: list[Inspected], written: list[DataFile]
    ) -> tuple[list[DataFile], list[str], dict[str, Counted]]:
        try:
            with storage_errors(task.target.location):
                return TextLanding(self._connection, task, rest).run()
        except BaseException:
            remove_files(file.path for file in written)
            raise

    def refresh(self, task: RefreshTask) -> Refreshed:
        """Run a verdict query slice by slice and write what it promotes."""
        with storage_errors(task.target.location):
            return refresh(self._session, task)

    def check(self, table: Table, sources: Mapping[str, Source], params: Params) -> list[Finding]:
        """Run the declared checks of a table."""
        with storage_errors(table.full_name):
            show(self._session, sources, everything(self._session))
            return checks.run(self._session, table, params)

    def query(self, query: Query) -> pa.RecordBatchReader:
        """Stream the result of a query; QueryError if it does not parse, bind or run."""
        return user.run(self._memory, self._scratch, query)

    def without(
        self, source: Source, target: Target, column: str, values: Sequence[str]
    ) -> tuple[list[str], list[str]]:
        """Take out the rows with one of `values`; only files that hold some are rewritten."""
        if not values:
            return [], []
        gone = f"{name(column)} IN ({', '.join(literal(value) for value in values)})"
        removed, added, _ = self.without_rows(source, target, gone)
        return removed, added

    def without_rows(
        self, source: Source, target: Target, where: str
    ) -> tuple[list[str], list[str], int]:
        """Take out the rows for which a condition holds, file by file."""
        with storage_errors(target.location):
            return without_rows(self._connection, source, target, where)

    def keep_out(self, task: KeepOutTask) -> KeptOut:
        """Take rows of forgotten people out of staged files."""
        with storage_errors(task.target.location):
            return keep_out(self._connection, task)

    def rewrite(self, source: Source, target: Target) -> list[str]:
        """Write a table's rows again, each column cast to the target's type."""
        before = {field.name: field.type for field in source.fields}
        texts = {f.name for f in target.fields if f.type == "string" != before[f.name]}
        columns = [
            f"CAST({as_text(name(f.name)) if f.name in texts else name(f.name)} "
            f"AS {TYPES[f.type]}) AS {name(f.name)}"
            for f in target.fields
        ]
        select = f"SELECT {', '.join(columns)} FROM ({rows_of(source)})"
        return [file.path for file in write(self._connection, select, target)]

    def close(self) -> None:
        """Let go of the database and what it spilled."""
        if database := self.__dict__.pop("_database", None):
            close(database)
        shutil.rmtree(self._scratch, ignore_errors=True)
