"""S3 for DuckDB, by the product's own client.

DuckDB's extension for S3 is fetched from its makers' server, which a lake cannot count on.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import duckdb
from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

from stedi.places.bulk import S3Reader, S3Writer
from stedi.places.s3 import SCHEME, S3Path, Stat, stat_of

DATA = ".parquet"
_KEPT = 64  # files, of each at most a megabyte


class S3Files(AbstractFileSystem):  # type: ignore[misc]
    """What DuckDB asks of a file system, for addresses s3://bucket/key.

    Size and time of an object are those of its last opening: DuckDB asks for them right after.
    The lake's data files never change under their names, and it opens each several times: the
    beginnings of the last ones are kept. Folders need not be made, names are taken as they stand.
    """

    protocol = "s3"
    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[str, Stat] = {}
        self._begun = lru_cache(maxsize=_KEPT)(S3Reader)

    @classmethod
    def _strip_protocol(cls, path: Any) -> str:
        return str(path).removeprefix(SCHEME).rstrip("/")

    def open(self, path: str, mode: str = "rb", *_: Any, **__: Any) -> S3Reader | S3Writer:
        """The object, to be read from anywhere or written from its start."""
        found = _path(path)
        if "r" not in mode:
            return S3Writer(found)
        reader = self._begun(found).again() if found.suffix == DATA else S3Reader(found)
        self._seen[str(found)] = stat_of(reader.size, reader.modified, reader.etag)
        return reader

    def _stat(self, path: str) -> Stat:
        found = _path(path)
        return self._seen.get(str(found)) or found.stat()

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Size and kind of an object."""
        return {"name": path, "size": self._stat(path).st_size, "type": "file"}

    def modified(self, path: str) -> datetime:
        """When it was written; another for another content."""
        return datetime.fromtimestamp(self._stat(path).st_mtime_ns / 1e9, UTC)

    def glob(self, path: str, **_: Any) -> list[str]:
        """The path itself: names with `*`, `?` or `[` come in brackets from `session.pattern`."""
        for character in "*?[":
            path = path.replace(f"[{character}]", character)
        return [self._strip_protocol(path)]

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """Nothing: DuckDB looks whether a folder is in use, and those it writes to are new."""
        return []

    def exists(self, path: str, **_: Any) -> bool:
        """No: what DuckDB writes is new."""
        return False

    isfile = exists

    def isdir(self, path: str) -> bool:
        """Whether it may be taken for a folder."""
        return not path.endswith(DATA)

    def mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:
        """Nothing to do."""

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Nothing to do."""


def _path(path: str) -> S3Path:
    return S3Path.parse(path if path.startswith(SCHEME) else SCHEME + path)


def see_s3(connection: duckdb.DuckDBPyConnection) -> None:
    """Let a connection read and write s3:// addresses."""
    if S3Files.protocol not in connection.list_filesystems():
        connection.register_filesystem(S3Files())
