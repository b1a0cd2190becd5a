"""A PyIceberg FileIO whose files are safe before the catalog names them.

On this machine they are synced. On S3 they are read and written with the product's own client,
whatever a catalog's server would have said: one way to sign in, one way to try again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyarrow.fs import FileSystem
from pyiceberg.io import InputFile, OutputFile, OutputStream
from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO

from stedi.lake.durable import sync_path
from stedi.places import S3Path, place
from stedi.places.bulk import filesystem


class _DurableStream:
    """An output stream that syncs its file and the folders that name it when it is closed."""

    def __init__(self, stream: Any, path: Path, made: list[Path]) -> None:
        self._stream = stream
        self._path = path
        self._made = made

    def write(self, data: bytes) -> int:
        return int(self._stream.write(data))

    def close(self) -> None:
        if not self._stream.closed:
            self._stream.close()
            for path in (self._path, self._path.parent, *(made.parent for made in self._made)):
                sync_path(path)

    def __enter__(self) -> OutputStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _DurableFile(PyArrowFile):
    def create(self, overwrite: bool = False) -> OutputStream:
        path = Path(self._path)
        made = [folder for folder in path.parents if not folder.exists()]
        return _DurableStream(super().create(overwrite), path, made)


class DurableFileIO(PyArrowFileIO):
    """PyArrowFileIO with fsync of file and folder on close, and the product's client for S3."""

    def _initialize_fs(self, scheme: str, netloc: str | None = None) -> FileSystem:
        return filesystem() if scheme == "s3" else super()._initialize_fs(scheme, netloc)

    def new_input(self, location: str) -> PyArrowFile:
        """A file to read; on S3 with credentials that are valid now."""
        self._renew(location)
        return super().new_input(location)

    def new_output(self, location: str) -> PyArrowFile:
        """A file to write; on S3 with credentials that are valid now."""
        self._renew(location)
        file = super().new_output(location)
        if not location.startswith(("/", "file:")):
            return file
        file.__class__ = _DurableFile
        return file

    def _renew(self, location: str) -> None:
        if location.startswith("s3:"):
            self.fs_by_scheme = self._initialize_fs

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Remove a file; Arrow's client would leave an object in place of its folder."""
        address = location if isinstance(location, str) else location.location
        path = place(address) if address.startswith("s3:") else None
        if isinstance(path, S3Path):
            path.unlink(missing_ok=True)
        else:
            super().delete(location)
