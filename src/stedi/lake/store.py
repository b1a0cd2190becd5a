"""The tables of a lake behind its catalog: read a version, publish a new one."""

from __future__ import annotations

import shutil
import sqlite3
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from pyiceberg.catalog import Catalog
from pyiceberg.catalog.sql import SqlCatalog
from sqlalchemy import URL, event
from sqlalchemy.exc import OperationalError

from stedi.contract import ZONES, load_tables
from stedi.errors import LakeError
from stedi.lake import catalog as catalogs
from stedi.lake.durable import sync_path
from stedi.lake.home import Home
from stedi.lake.naming import lake_errors
from stedi.lake.stored import StoredTable


class Store:
    """All tables of one lake; opens the catalog on first use."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.settled: set[Path] = set()
        self._tables: dict[str, StoredTable] = {}
        self._copied: TemporaryDirectory[str] | None = None

    @property
    def home(self) -> Home:
        """The lake's folder and policy."""
        return self._home

    @home.setter
    def home(self, home: Home) -> None:
        """Go on with a policy read anew; another catalog in it is opened at the next use."""
        if home.catalog_policy != self._home.catalog_policy:
            self.close()
            self.__dict__.pop("catalog", None)
            self.forget()
        self._home = home

    @cached_property
    def catalog(self) -> Catalog:
        """The catalog that the policy names."""
        with lake_errors(self.home.root):
            if self.home.catalog_policy.in_lake:
                return self._open_file()
            return catalogs.connect(self.home)

    def _open_file(self) -> SqlCatalog:
        """The SQLite catalog: write-ahead log, 30 s busy timeout, synchronous commits."""
        if self.home.writable and not self.home.catalog.exists():
            self._make_catalog_file()
        try:
            return self._connect(self.home.catalog)
        except OperationalError:
            if not self.home.catalog.exists():
                raise
            return self._connect(self._copy())

    def _connect(self, file: Path) -> SqlCatalog:
        catalog = SqlCatalog(
            catalogs.NAME,
            uri=URL.create(
                "sqlite", database=str(file), query={"timeout": "30"}
            ).render_as_string(),
            warehouse=catalogs.warehouse(self.home),
            **{"py-io-impl": catalogs.FILE_IO},
        )
        event.listen(catalog.engine, "connect", _full_sync)
        return catalog

    def _copy(self) -> Path:
        """The catalog with its log in a folder of this process.

        SQLite must write beside a database to read its log; where the lake cannot be written
        (read-only, or a full disk) a copy shows the same.
        """
        self._copied = TemporaryDirectory(prefix="stedi-catalog-")
        for suffix in ("", "-wal"):
            source = self.home.catalog.with_name(self.home.catalog.name + suffix)
            if source.exists():
                shutil.copy(source, self._copied.name)
        return Path(self._copied.name) / self.home.catalog.name

    def _make_catalog_file(self) -> None:
        if self.home.filled():
            raise LakeError(
                f"{self.home.catalog}: the catalog is gone but the warehouse holds tables; "
                "restore it from a backup, or choose another --lake and land the feeds again"
            )
        with sqlite3.connect(self.home.catalog) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        connection.close()
        sync_path(self.home.catalog.parent)

    def table(self, name: str) -> StoredTable:
        """The stored table of that bare name; it may not exist yet."""
        if name not in self._tables:
            self._tables[name] = StoredTable(self, load_tables()[name])
        return self._tables[name]

    def prepare(self) -> None:
        """Create the zones that are missing."""
        known = {name[0] for name in self.catalog.list_namespaces()}
        for name in (catalogs.namespace(self.home, zone) for zone in ZONES):
            if name not in known:
                self.catalog.create_namespace_if_not_exists(name)

    def forget(self) -> None:
        """Drop what is cached of the tables: another process may have changed them."""
        self._tables.clear()

    def close(self) -> None:
        """Let go of the catalog's connections."""
        if "catalog" in self.__dict__:
            self.catalog.close()
        if self._copied is not None:
            self._copied.cleanup()


def _full_sync(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("PRAGMA synchronous=FULL")
