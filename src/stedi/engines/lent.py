"""Files that another process reads for this one, which has no network: objects of S3 in a sandbox.

Over a line, an open file that both ends hold, goes one request at a time: the number of a file, a
place in it and a length. The answer is a length and so many bytes, or a negative number: why not.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from queue import SimpleQueue

from stedi.places.ranges import Ranged

REQUEST = struct.Struct("<IQI")
ANSWER = struct.Struct("<i")
MOST = 16 << 20  # bytes of one answer
LINES = 8  # to a process: as many requests at once
GONE, FAILED = -1, -2
WHY = {
    GONE: "a data file was removed meanwhile; run the query again",
    FAILED: "the storage does not give a data file; try again, the log tells more",
}


class Lines:
    """The lines to whoever lends; any thread asks by one that is free."""

    def __init__(self, handles: Sequence[int]) -> None:
        self.count = len(handles)
        self._free: SimpleQueue[int] = SimpleQueue()
        for handle in handles:
            self._free.put(handle)
        self.trouble = ""

    def ask(self, number: int, size: int, start: int) -> bytes:
        """So many bytes of a file from a place on, at most MOST; OSError says why there are none.

        `trouble` says it too: not every library in between passes on what an error says.
        """
        data = bytearray(size)  # first: with no room for it, nothing is asked
        line = self._free.get()
        try:
            os.write(line, REQUEST.pack(number, start, size))
            (length,) = ANSWER.unpack(_filled(line, memoryview(bytearray(ANSWER.size))))
            if not 0 <= length <= size:
                raise OSError(WHY.get(length, WHY[FAILED]))
            return bytes(_filled(line, memoryview(data)[:length]))
        except OSError as error:
            self.trouble = str(error)
            raise
        finally:
            self._free.put(line)


def _filled(line: int, room: memoryview) -> memoryview:
    """The room, filled from a line; OSError if its other end closes before."""
    rest = room
    while rest:
        got = os.readv(line, [rest])
        if not got:
            raise OSError(WHY[FAILED])
        rest = rest[got:]
    return room


class Lent(Ranged):
    """One file that is lent, known by its number."""

    def __init__(self, lines: Lines, number: int, size: int) -> None:
        super().__init__(size)
        self._lines = lines
        self._number = number

    def read_at(self, size: int, start: int) -> bytes:
        """Up to so many bytes from a place on."""
        end = min(start + size, self.size)
        starts = range(start, end, MOST)
        parts = [self._lines.ask(self._number, min(MOST, end - at), at) for at in starts]
        return parts[0] if len(parts) == 1 else b"".join(parts)
