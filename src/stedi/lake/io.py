"""A PyIceberg FileIO whose files are safe before the catalog names them.

On this machine they are synced. On S3 they are read and written with the product's own client,
whatever a catalog's server would have said: one way to sign in, one way to try again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from pyiceberg.io import InputFile, InputStream, OutputFile, OutputStream
from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO

from stedi.lake.durable import sync_path
from stedi.places import S3Path, is_remote
from stedi.places.bulk import S3Reader, S3Writer


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


class _Object(InputFile, OutputFile):
    """An object of S3 as PyIceberg reads and writes it."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self._path = S3Path.parse(location)

    def __len__(self) -> int:
        return self._path.stat().st_size

    def exists(self) -> bool:
        return self._path.is_file()

    def open(self, seekable: bool = True) -> InputStream:
        return cast(InputStream, S3Reader(self._path))

    def create(self, overwrite: bool = False) -> OutputStream:
        if not overwrite and self.exists():
            raise FileExistsError(f"{self.location} is there already")
        return cast(OutputStream, S3Writer(self._path))

    def to_input_file(self) -> InputFile:
        return self


class DurableFileIO(PyArrowFileIO):
    """PyArrowFileIO with fsync of file and folder on close, and the product's client for S3."""

    def new_input(self, location: str) -> Any:
        """A file to read."""
        return _Object(location) if is_remote(location) else super().new_input(location)

    def new_output(self, location: str) -> Any:
        """A file to write."""
        if is_remote(location):
            return _Object(location)
        file = super().new_output(location)
        if not location.startswith(("/", "file:")):
            return file
        file.__class__ = _DurableFile
        return file

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Remove a file."""
        address = location if isinstance(location, str) else location.location
        if is_remote(address):
            S3Path.parse(address).unlink(missing_ok=True)
        else:
            super().delete(location)
