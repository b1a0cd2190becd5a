"""Locks of a lake on S3: objects that say who holds them, renewed as long as the holder lives.

S3 writes an object under a condition (that there is none, or that it is still the one that was
seen), so one of two who try gets it. Nobody takes it away from a process that dies: a lease that
was not renewed for LASTS seconds, by the storage's own clock, is anybody's. A holder that slept
through that finds out before it publishes (`confirm`).
"""

from __future__ import annotations

import atexit
import json
import os
import platform
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from threading import Event, Thread
from typing import Any
from weakref import WeakSet

from stedi.errors import LakeBusyError, storage_error
from stedi.places import S3Path
from stedi.places.bulk import S3Reader
from stedi.places.s3 import remove

LASTS = 60.0  # seconds
_BEAT = 10.0
HOLDER = "{holder}"  # in a text, where the name of the holder is to stand
_LOOK = 0.5  # seconds between two looks at a lease that somebody holds

_PATIENCE = 15.0  # seconds that letting go may take

_held: dict[S3Path, Lease] = {}
_alive: WeakSet[Lease] = WeakSet()


class Lease:
    """A lease of this process, renewed in the background until it is let go.

    The thread that renews it removes it too, so that letting go waits for nobody.
    """

    def __init__(self, path: S3Path) -> None:
        self.path = path
        self._name = secrets.token_hex(8)
        self._etag = ""
        self._ended = Event()
        self._beats = Thread(target=self._renew, name=f"lease {path}", daemon=True)

    def take(self) -> bool:
        """Whether it is ours now; PermissionError where nothing can be written."""
        try:
            self._etag = self._write(IfNoneMatch="*")
        except FileNotFoundError:
            return False
        except FileExistsError:
            if not self._take_over():
                return False
        self._beats.start()
        _alive.add(self)
        return True

    def _write(self, hurried: bool = False, **condition: str) -> str:
        """Its etag; FileExistsError if the condition does not hold.

        Each time another content: an etag tells who wrote it last, and when. A request that
        was done and whose answer was lost, now or the last time, finds what this lease wrote.
        """
        beat = {"holder": holder(), "lease": self._name, "beat": secrets.token_hex(8)}
        try:
            body = json.dumps(beat).encode()
            made = self.path.ask("put_object", hurried, Key=self.path.key, Body=body, **condition)
            return str(made["ETag"])
        except FileExistsError:
            if etag := self._written():
                return etag
            raise

    def _written(self) -> str:
        """The etag of what is there, if this lease wrote it; empty if somebody else did."""
        with S3Reader(self.path) as found:
            return found.etag if _told(found.read(), "lease") == self._name else ""

    def _take_over(self) -> bool:
        """A lease whose holder is gone, unless somebody is faster."""
        try:
            found = self.path.head()
            if age(found, found["LastModified"]) < LASTS:
                return False
            self._etag = self._write(IfMatch=found["ETag"])
        except (FileNotFoundError, FileExistsError):
            return False
        return True

    def _renew(self) -> None:
        while not self._ended.wait(_BEAT):
            try:
                self._etag = self._write(hurried=True, IfMatch=self._etag)
            except (FileNotFoundError, FileExistsError):
                return  # somebody else's by now: `confirm` says so
            except OSError:
                continue  # the storage is away: it is ours until somebody takes it
        with suppress(OSError):  # if the storage is away, it is free once it has run out
            self._remove()

    def _remove(self) -> None:
        """Remove it, if it is ours; OSError if it is gone, or the storage away."""
        etag = self._written()
        try:
            if etag:
                self.path.ask("delete_object", True, Key=self.path.key, IfMatch=etag)
        except (FileNotFoundError, FileExistsError):
            return  # done before, its answer lost; or somebody else's by now
        except OSError:  # a storage that knows no condition of removal, or answers that are lost
            if self._written():
                self.path.ask("delete_object", True, Key=self.path.key)

    def confirm(self) -> None:
        """LakeBusyError if somebody else has taken it meanwhile."""
        if not self._ours():
            raise LakeBusyError(
                f"{self.path}: this process was away for more than {LASTS:.0f} s and another took "
                "the lake over; nothing more was published, run again"
            )

    def _ours(self) -> bool:
        try:  # by what it says: of a renewal under way the etag is not known yet
            return bool(self._written())
        except FileNotFoundError:
            return False

    def end(self) -> None:
        """Let go without waiting for it: that may be called anywhere, by whatever collects."""
        self._ended.set()

    def let_go(self) -> None:
        """It is free; if the storage is away, once it has run out."""
        self.end()
        if self._beats.is_alive():
            self._beats.join(_PATIENCE)


@atexit.register
def _end_all() -> None:
    """Nobody is left to renew them."""
    for lease in list(_alive):
        lease.let_go()


def holder() -> str:
    """Who holds a lease, for people: machine and process."""
    return f"{platform.node()} process {os.getpid()}"


def age(answer: Any, modified: datetime) -> float:
    """Seconds since an object was written, by the clock of the storage alone."""
    now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    return (now - modified).total_seconds()


def fresh(folder: S3Path) -> Iterator[str]:
    """The names of leases in a folder whose holders live."""
    return (path.name for path, seconds in _aged(folder) if seconds < LASTS)


def sweep(folder: S3Path) -> None:
    """Remove the leases of holders that are gone for long."""
    remove(path for path, seconds in _aged(folder) if seconds > 10 * LASTS)


def _aged(folder: S3Path) -> Iterator[tuple[S3Path, float]]:
    """The leases in a folder, and for how many seconds each was not renewed."""
    for answer in folder.pages("list_objects_v2", Prefix=folder.prefix):
        for entry in answer.get("Contents", []):
            path = S3Path.exact(folder.bucket, entry["Key"])
            yield path, age(answer, entry["LastModified"])


@contextmanager
def lease(path: S3Path, wait: float, busy: str) -> Iterator[None]:
    """Hold a lease; LakeBusyError, `busy` with HOLDER replaced, after `wait` seconds."""
    mine = Lease(path)
    deadline = time.monotonic() + wait
    try:
        while not mine.take():
            if time.monotonic() >= deadline:
                raise LakeBusyError(busy.replace(HOLDER, _holder_of(path)))
            time.sleep(_LOOK)
    except OSError as error:
        raise storage_error(error, str(path)) from error
    _held[path] = mine
    try:
        yield
    finally:
        _held.pop(path, None)
        mine.let_go()


def _holder_of(path: S3Path) -> str:
    try:
        return _told(path.read_bytes(), "holder") or "unknown"
    except OSError:
        return "unknown"


def _told(lease: bytes, name: str) -> str:
    """What the bytes of a lease say; empty if they do not."""
    try:
        return str(json.loads(lease)[name])
    except (ValueError, KeyError, TypeError):
        return ""


def confirm(path: S3Path) -> None:
    """LakeBusyError if this process held a lease there and has lost it."""
    if path in _held:
        try:
            _held[path].confirm()
        except OSError as error:
            raise storage_error(error, str(path)) from error
