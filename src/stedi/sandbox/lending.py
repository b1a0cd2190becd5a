"""Reading files of S3 for a query that has no network: the side of the caller.

Whoever holds the other ends of the lines may be a process that somebody has broken into. It gets
bytes of the query's own files, by their number, and nothing else of what this process could read.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from threading import Thread

from stedi.engines.lent import ANSWER, FAILED, GONE, LINES, MOST, REQUEST
from stedi.places import S3Path
from stedi.places.bulk import S3Reader

_OPEN = 64  # files whose beginning is kept, a megabyte at most of each


class Shelf:
    """The files of one query; their beginnings are kept no longer than it takes."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._paths = [S3Path.parse(address) for address in addresses]
        self._opened = lru_cache(maxsize=_OPEN)(partial(S3Reader, hurried=True))

    def read(self, number: int, start: int, size: int) -> tuple[int, bytes]:
        """So many bytes of a file from a place on, and how many; or GONE or FAILED, and none."""
        if number >= len(self._paths) or size > MOST:
            return FAILED, b""
        try:
            data = self._opened(self._paths[number]).read_at(size, start)
        except (FileNotFoundError, FileExistsError):
            return GONE, b""
        except Exception as error:  # whatever it is, the query has to hear of it
            sys.stderr.write(f"lending to a query: {error}\n")
            return FAILED, b""
        return len(data), data


@contextmanager
def lent(addresses: Sequence[str]) -> Iterator[Sequence[int]]:
    """The ends of the lines that a query's process is to be handed while the block lasts.

    None for no files. The files are lent until that process has closed its copies of them.
    """
    pairs = [socket.socketpair() for _ in range(LINES if addresses else 0)]
    shelf = Shelf(addresses)
    for ours, _ in pairs:
        Thread(target=_serve, args=(ours, shelf), daemon=True).start()
    try:
        yield [theirs.fileno() for _, theirs in pairs]
    finally:
        for _, theirs in pairs:
            theirs.close()


def _serve(line: socket.socket, shelf: Shelf) -> None:
    with line, suppress(OSError):
        while len(asked := line.recv(REQUEST.size, socket.MSG_WAITALL)) == REQUEST.size:
            number, start, size = REQUEST.unpack(asked)
            length, data = shelf.read(number, start, size)
            line.sendall(ANSWER.pack(length))
            line.sendall(data)
