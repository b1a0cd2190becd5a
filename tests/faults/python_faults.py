"""Every change that the product's Python code makes to a file, counted; the nth fails.

Counted once for each path: made, written to, synced, closed, renamed, removed. Reading, and each
write of a long file, fail among the system calls (system_faults).
"""

from __future__ import annotations

import functools
import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.io.pyarrow import PyArrowFile
from sqlalchemy.exc import OperationalError

import stedi.lake.io
from stedi.engines.duckdb import clean, engine, forgotten, sql, text

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@dataclass
class PythonFaults:
    """Counts operations below `root`; the `nth` raises `number` (0: none does)."""

    root: Path
    nth: int = 0
    number: int = 0
    seen: dict[str, None] = field(default_factory=dict)
    _commits: int = 0

    def install(self) -> None:
        for name in ("replace", "rename", "unlink", "mkdir", "ftruncate", "fsync"):
            self._wrap(os, name, self._os_error, _first)
        self._wrap(os, "open", self._os_error, lambda path, how, *_: path if how & _WRITES else "")
        self._wrap(pq, "write_table", self._os_error, lambda _, where, *more: where)
        self._wrap(PyArrowFile, "create", self._os_error, lambda file, *_: file._path)
        for name in ("write", "close"):
            self._wrap(stedi.lake.io._DurableStream, name, self._os_error, lambda s, *_: s._path)
        for user in (clean, engine, forgotten, sql, text):
            self._wrap(user, "write", self._os_error, lambda _, select, target, *m: target.location)
        for name in ("commit_table", "create_table", "create_namespace"):
            self._wrap(SqlCatalog, name, _catalog_error, self._commit)

    def _wrap(
        self,
        owner: Any,
        name: str,
        error: Callable[[str], Exception],
        where: Callable[..., Any],
    ) -> None:
        real = getattr(owner, name)

        @functools.wraps(real)
        def counted(*args: Any, **more: Any) -> Any:
            path = _path(where(*args))
            operation = f"{name} {path}"
            if path.startswith(str(self.root)) and operation not in self.seen:
                self.seen[operation] = None
                if len(self.seen) == self.nth:
                    raise error(path)
            return real(*args, **more)

        setattr(owner, name, counted)

    def _commit(self, *_: Any) -> str:
        self._commits += 1
        return f"{self.root}/commit-{self._commits}"

    def _os_error(self, path: str) -> OSError:
        return OSError(self.number, os.strerror(self.number), path)


def _catalog_error(_: str) -> Exception:
    return OperationalError("COMMIT", {}, sqlite3.OperationalError("database or disk is full"))


def _first(path: Any, *_: Any) -> Any:
    return path


def _path(where: Any) -> str:
    if isinstance(where, int):
        return os.readlink(f"/proc/self/fd/{where}")  # noqa: PTH115
    return os.fspath(where) if isinstance(where, str | os.PathLike) else ""
