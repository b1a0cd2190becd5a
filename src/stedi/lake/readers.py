"""Readers and the removal of files keep out of each other's way.

A reader holds a shared advisory lock on <lake>/readers from before it plans until it has read
its last row; files are removed only under the exclusive one. The operating system releases a
lock when its process ends, however it ends. On S3 each reader holds a lease of its own in the
folder <lake>/readers, and whoever removes files one named `alone`; each writes before it looks.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager

from stedi.errors import storage_error
from stedi.lake.home import Home
from stedi.lake.leases import HOLDER, Lease, fresh, lease, sweep
from stedi.places import S3Path

_ALONE = "alone"


class Hold:
    """A shared lock, held until it is closed or forgotten."""

    def __init__(self, held: int | Lease | None) -> None:
        self._held = held

    def close(self) -> None:
        """Let go; a second time is no error."""
        held, self._held = self._held, None
        if isinstance(held, Lease):
            held.let_go()
        elif held is not None:
            os.close(held)

    def __enter__(self) -> Hold:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        """Forgotten: a lease is let go of in the background, since this may be anywhere."""
        if isinstance(self._held, Lease):
            self._held.end()
        else:
            self.close()


def reading(home: Home) -> Hold:
    """Keep the files that are named now; waits while some are being removed.

    Where the lock's file neither exists nor can be made, the lake is read-only for this
    process; then nothing is held.
    """
    if isinstance(home.readers, S3Path):
        return Hold(_leased(home.readers))
    handle = _opened(home)
    if handle is not None:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH)
        except BaseException:
            os.close(handle)
            raise
    return Hold(handle)


def _leased(folder: S3Path) -> Lease | None:
    while True:
        mine = Lease(folder / secrets.token_hex(8))
        try:
            if not mine.take():
                continue
        except PermissionError:
            return None
        except OSError as error:
            raise storage_error(error, str(folder)) from error
        if _undisturbed(mine, folder):
            return mine
        time.sleep(0.5)


def _undisturbed(mine: Lease, folder: S3Path) -> bool:
    """Whether nobody removes files; if somebody does, or that cannot be told, `mine` is let go."""
    try:
        if _ALONE not in fresh(folder):
            return True
    except OSError as error:
        mine.let_go()
        raise storage_error(error, str(folder)) from error
    mine.let_go()
    return False


def _opened(home: Home) -> int | None:
    """The lock's file, made if need be and possible."""
    for flags in (os.O_RDONLY, os.O_RDONLY | os.O_CREAT):
        try:
            return os.open(str(home.readers), flags, 0o644)
        except OSError:
            continue
    return None


@contextmanager
def alone(home: Home, wait: float) -> Iterator[bool]:
    """Keep new readers out; False if some are still at work after `wait` seconds."""
    if isinstance(home.readers, S3Path):
        with lease(
            home.readers / _ALONE, wait, f"{home.root}: files are being removed by {HOLDER}"
        ):
            sweep(home.readers)
            yield _left(home.readers, time.monotonic() + wait)
        return
    try:
        handle = os.open(home.readers, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise storage_error(error, str(home.readers)) from error
    try:
        yield _acquire(handle, time.monotonic() + wait)
    finally:
        os.close(handle)


def _left(folder: S3Path, deadline: float) -> bool:
    """Whether every reader has left before the deadline."""
    while set(fresh(folder)) - {_ALONE}:
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.5)
    return True


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
