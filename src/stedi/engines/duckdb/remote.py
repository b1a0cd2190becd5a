"""S3 for DuckDB: its files are opened by Arrow's client, its listings asked of boto3.

DuckDB's own extension for S3 is fetched from its makers' server, which a lake cannot count on.
"""

from __future__ import annotations

from typing import Any

import duckdb
from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

from stedi.places.bulk import open_input, open_output
from stedi.places.s3 import SCHEME, S3Path


class S3Files(AbstractFileSystem):  # type: ignore[misc]
    """What DuckDB asks of a file system, for addresses s3://bucket/key."""

    protocol = "s3"
    cachable = False

    @classmethod
    def _strip_protocol(cls, path: Any) -> str:
        return str(path).removeprefix(SCHEME).rstrip("/")

    def _path(self, path: str) -> S3Path:
        return S3Path.parse(SCHEME + self._strip_protocol(path))

    def open(self, path: str, mode: str = "rb", *_: Any, **__: Any) -> Any:
        """The object, to be read from anywhere or written from its start."""
        found = self._path(path)
        return open_input(found) if "r" in mode else open_output(found)

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Size and time of an object."""
        found = self._path(path)
        stat = found.stat()
        return {"name": self._strip_protocol(path), "size": stat.st_size, "type": "file"}

    def modified(self, path: str) -> Any:
        from datetime import UTC, datetime

        return datetime.fromtimestamp(self._path(path).stat().st_mtime_ns / 1e9, UTC)

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        found = [
            {"name": self._strip_protocol(str(p)), "size": s.st_size, "type": "file"}
            for p, s in self._path(path).below()
        ]
        return found if detail else [entry["name"] for entry in found]

    def glob(self, path: str, **_: Any) -> list[str]:
        return [self._strip_protocol(path)]

    def exists(self, path: str, **_: Any) -> bool:
        return self._path(path).exists()

    def isdir(self, path: str) -> bool:
        return False

    def mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:
        pass


def see_s3(connection: duckdb.DuckDBPyConnection) -> None:
    """Let a connection read and write s3:// addresses."""
    if S3Files.protocol not in connection.list_filesystems():
        connection.register_filesystem(S3Files())
