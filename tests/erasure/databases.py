"""SQLite databases that hold an identifier in one place."""

from __future__ import annotations

import gzip
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from erasure.texts import Plant, write


def _database(folder: Path, *commands: tuple[str, tuple[object, ...]]) -> Path:
    path = folder / "catalog.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA secure_delete = off")
        database.execute("PRAGMA synchronous = off")
        database.execute("CREATE TABLE t (a, b, c)")
        for command, values in commands:
            database.execute(command, values)
    return path


def _row(*values: object) -> tuple[str, tuple[object, ...]]:
    return "INSERT INTO t VALUES (?, ?, ?)", values


def _deleted_row(folder: Path, text: str) -> Path:
    path = _database(folder, _row("x", text, "y"), ("DELETE FROM t", ()))
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM t").fetchone() == (0,)
    return path


def _over_pages(folder: Path, text: str, *, deleted: bool = False) -> Path:
    """A value so long that it goes on in other pages, with the identifier across a seam."""
    before = 4096 * 3
    path = _database(folder, _row("x" * before + f" {text} " + "z" * 9000, "", ""))
    shift = 4096 - path.read_bytes().index(text.encode()) % 4096 - len(text) // 2
    path.unlink()
    path = _database(
        folder, _row("x" * (before + shift) + f" {text} " + "z" * (9000 - shift), "", "")
    )
    assert text.encode() not in path.read_bytes()
    if deleted:
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.execute("PRAGMA secure_delete = off")
            database.execute("DELETE FROM t")
    return path


def _only_in_log(folder: Path, text: str) -> Path:
    """A row which only the write-ahead log holds, since its writer was killed."""
    made = folder.with_name("made")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    path = _database(made, _row("x", "y", "z"))
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = wal")
        database.execute("PRAGMA wal_autocheckpoint = 0")
        database.execute(*_row("x", text, "y"))
        for suffix in ("", "-wal", "-shm"):
            copy = path.with_name(path.name + suffix).read_bytes()
            write(folder, path.name + suffix, copy)
    assert text.encode() not in (folder / path.name).read_bytes()
    return folder / path.name


def _orphaned_log(folder: Path, text: str) -> Path:
    path = _only_in_log(folder, text)
    path.unlink()
    return path


def _utf16_database(folder: Path, text: str) -> Path:
    path = folder / "a.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA encoding = 'UTF-16le'")
        database.execute("CREATE TABLE t (a, b, c)")
        database.execute(*_row("x", text, "y"))
    return path


SQLITE: dict[str, Plant] = {
    "sqlite": lambda f, t: _database(f, _row("x", t, "y")),
    "sqlite, blob": lambda f, t: _database(f, _row(1, 2.5, t.encode())),
    "sqlite, deleted row": _deleted_row,
    "sqlite, deleted row between others": lambda f, t: _database(
        f, _row("a1", "b1", "c1"), _row("aa", t, "cc"), ("DELETE FROM t WHERE a = 'aa'", ())
    ),
    "sqlite, dropped table": lambda f, t: _database(f, _row("x", t, ""), ("DROP TABLE t", ())),
    "sqlite, over pages": _over_pages,
    "sqlite, over pages, deleted": lambda f, t: _over_pages(f, t, deleted=True),
    "sqlite, only in the log": _only_in_log,
    "sqlite, orphaned log": _orphaned_log,
    "sqlite, utf-16": _utf16_database,
    "sqlite in gzip": lambda f, t: write(
        f, "a.gz", gzip.compress(_database(f, _row("x", t, "")).read_bytes())
    ),
    "sqlite, default of a column": lambda f, t: _database(
        f, ("CREATE TABLE u (a DEFAULT '{}')".format(t.replace("'", "''")), ())
    ),
}
