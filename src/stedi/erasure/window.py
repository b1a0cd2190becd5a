"""A long object, of which no more is held than is being looked at."""

from __future__ import annotations

from typing import BinaryIO

from stedi.places import Place, S3Path
from stedi.places.bulk import AHEAD, FIRST, S3Reader
from stedi.places.ranges import Ranged

Held = tuple[int, bytes]  # where it begins, and the bytes


class Window(Ranged):
    """An object as a file, and by `[from:to]` as bytes are.

    Held are its last megabyte, where a Parquet file says what is in it, and a part that moves on:
    who reads from the beginning to the end asks for every byte once.
    """

    def __init__(self, reader: S3Reader) -> None:
        super().__init__(reader.size)
        self._reader = reader
        self._part: Held = 0, reader.read_at(FIRST, 0)
        self._end: Held | None = None

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, part: slice) -> bytes:
        start, end, _ = part.indices(self.size)
        return self.read_at(end - start, start)

    def read_at(self, size: int, start: int) -> bytes:
        """Up to so many bytes from a place on."""
        end = min(start + size, self.size)
        if end <= start:
            return b""
        if not _holds(self._part, start, end):
            if self._end is None and start >= self.size - FIRST:
                last = self.size - FIRST
                self._end = last, self._reader.read_at(FIRST, last)
            if self._end is not None and _holds(self._end, start, end):
                return _cut(self._end, start, end)
            self._move(start, end)
        return _cut(self._part, start, end)

    def hold(self, start: int, end: int) -> None:
        """Ask for a part at once that is to be read piece by piece."""
        self.read_at(end - start, start)

    def _move(self, start: int, end: int) -> None:
        """Hold what lies from a place on, keeping what is known of that."""
        at, held = self._part
        known = held[start - at :] if at <= start <= at + len(held) else b""
        self._part = 0, b""
        begin = start + len(known)
        self._part = start, known + self._reader.read_at(max(end - begin, AHEAD), begin)


def opened(path: Place) -> BinaryIO | Window:
    """A file to read from its beginning on."""
    return Window(S3Reader(path)) if isinstance(path, S3Path) else path.open("rb", buffering=0)


def _holds(held: Held, start: int, end: int) -> bool:
    return held[0] <= start and end <= held[0] + len(held[1])


def _cut(held: Held, start: int, end: int) -> bytes:
    return held[1][start - held[0] : end - held[0]]
