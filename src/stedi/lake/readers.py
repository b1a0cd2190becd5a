"""Readers and the removal of files keep out of each other's way.

A reader holds a shared advisory lock on <lake>/readers from before it plans until it has read
its last row; files are removed only under the exclusive one. The operating system releases a
lock when its process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from stedi.errors import storage_error
from stedi.lake.home import Home


class Hold:
    """A shared lock, held until it is closed or forgotten."""

    def __init__(self, handle: int | None) -> None:
        self._handle = handle

    def close(self) -> None:
        """Let go; a second time is no error."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    def __enter__(self) -> Hold:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


def reading(home: Home) -> Hold:
    """Keep the files that are named now; waits while some are being removed.

    Where the lock's file neither exists nor can be made, the lake is read-only for this
    process; then nothing is held.
    """
    handle = _opened(home)
    if handle is not None:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH)
        except BaseException:
            os.close(handle)
            raise
    return Hold(handle)


def _opened(home: Home) -> int | None:
    """The lock's file, made if need be and possible."""
    for flags in (os.O_RDONLY, os.O_RDONLY | os.O_CREAT):
        try:
            return os.open(home.readers, flags, 0o644)
        except OSError:
            continue
    return None


@contextmanager
def alone(home: Home, wait: float) -> Iterator[bool]:
    """Keep new readers out; False if some are still at work after `wait` seconds."""
    try:
        handle = os.open(home.readers, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise storage_error(error, str(home.readers)) from error
    try:
        yield _acquire(handle, time.monotonic() + wait)
    finally:
        os.close(handle)


def _acquire(handle: int, deadline: float) -> bool:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.05)
        else:
            return True
