"""A PyIceberg FileIO whose files are on the disk before the catalog names them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyiceberg.io import OutputStream
from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO

from stedi.lake.durable import sync_path


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
    """PyArrowFileIO for local files, with fsync of file and folder on close."""

    def new_output(self, location: str) -> PyArrowFile:
        file = super().new_output(location)
        if not location.startswith(("/", "file:")):
            return file
        file.__class__ = _DurableFile
        return file
