"""A file that is read in ranges, wherever its bytes come from."""

from __future__ import annotations

import io
import threading
from abc import abstractmethod
from copy import copy
from typing import Any, Self


class Ranged(io.RawIOBase):
    """A file to read, `size` bytes long; each thread has its own place in it.

    A database reads one file from several threads, and seeks and reads in two steps.
    """

    def __init__(self, size: int = 0) -> None:
        self.size = size
        self._places = threading.local()

    @abstractmethod
    def read_at(self, size: int, start: int) -> bytes:
        """Up to so many bytes from a place on."""

    def again(self) -> Self:
        """Another reader of the same version from its start, opened without asking for it."""
        other = copy(self)
        other._places = threading.local()
        return other

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where this thread is."""
        return getattr(self._places, "at", 0)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self.size}[whence]
        place: int = base + offset
        self._places.at = place
        return place

    def read(self, size: int | None = -1) -> bytes:
        """Up to so many bytes from where this thread is; all if not said."""
        rest = self.size - self.tell()
        data = self.read_at(rest if size is None or size < 0 else size, self.tell())
        self._places.at = self.tell() + len(data)
        return data

    def readall(self) -> bytes:
        """All from where this thread is."""
        return self.read()

    def readinto(self, buffer: Any) -> int:
        """The same into a buffer."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
