"""Files as they arrive: looked at no more than needed, and told apart whole and half written.

A file is ready once it looks whole and has stood still for a while, as this process saw it:
copied files carry old times, and clocks differ. What looks unfinished is waited for longer.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from time import time_ns

from stedi.errors import storage_error
from stedi.feeds.raw import LONGEST_LINE, Damaged, RawFile, blocks, packed
from stedi.landing.find import find
from stedi.places import Place, is_remote, place

GLANCE = 0.3  # seconds a file must stand still that may have arrived whole, by a rename
PATIENCE = 30.0  # seconds a file that looks unfinished may stand still before it is taken
IDLE_SHARE = 20  # where nothing stirs, one part in so many of the time goes into looking
_TAIL = 1 << 16


class LandingFolder:
    """The files below a landing folder.

    A file that comes or goes changes its folder's time, which costs little to read. The files
    are looked at when a folder has changed, and otherwise for a small share of the time: often
    where they are few, seldom where they are many.
    """

    def __init__(self, path: Place, clock: Callable[[], float]) -> None:
        self.path = path
        self._clock = clock
        self._times: dict[str, int] = {}
        self._again = 0.0

    def look(self, stirring: bool) -> list[RawFile] | None:
        """All files, or None if nothing seems to have changed; UsageError, OSError."""
        started = self._clock()
        if not stirring and started < self._again and self._times == _times(self._times):
            return None
        self._again = 0.0
        if isinstance(self.path, Path):
            self._times = _times(folder for folder, _, _ in os.walk(self.path))
        files = [file for found in find(self.path).feeds.values() for file in found]
        now = self._clock()
        self._again = now + IDLE_SHARE * (now - started)
        return files


def _times(folders: Iterable[str]) -> dict[str, int]:
    return {folder: _time(Path(folder)) for folder in folders}


def _time(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


class Form(Enum):
    """What a file's bytes say: whole, whole but for the last newline, or unfinished."""

    whole = "whole"
    unended = "unended"
    unfinished = "unfinished"


def form_of(path: str) -> Form:
    """What a file's end says, or its whole stream if it is compressed; OSError.

    An object of S3 is there whole or not at all.
    """
    if is_remote(path):
        return Form.whole
    if packed(path):
        return _form_of_stream(path)
    with Path(path).open("rb") as file:
        size, tail = file.seek(0, os.SEEK_END), b""
        for length in (_TAIL, LONGEST_LINE):
            file.seek(max(0, size - length))
            tail = file.read(length)
            if b"\n" in tail:
                break
    return _form_of_end(tail)


def _form_of_stream(path: str) -> Form:
    empty = True
    try:
        for _ in blocks(path):
            empty = False
    except Damaged:
        return Form.unfinished
    return Form.unfinished if empty else Form.whole


def _form_of_end(tail: bytes) -> Form:
    last = tail.rpartition(b"\n")[2].strip()
    if not last:
        return Form.whole if tail.strip() else Form.unfinished
    try:
        return Form.unended if isinstance(json.loads(last), dict) else Form.unfinished
    except (ValueError, RecursionError):
        return Form.unfinished


class Writers:
    """Whether another process holds a file open for writing.

    Linux grants no read lease on such a file. Some file systems, mostly those of a network,
    grant none at all, so a refusal counts only on a device that has granted one before.
    """

    def __init__(self, known: Place) -> None:
        self._granting: set[int] = set()
        self.holds(str(known))

    def holds(self, path: str) -> bool:
        """True if a process of this machine has it open; False also if nobody can tell."""
        if sys.platform != "linux" or is_remote(path):
            return False
        with Path(path).open("rb") as file:
            device = os.fstat(file.fileno()).st_dev
            try:
                # A writer that comes now would be announced by a signal that ends the process.
                fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
                fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            except BlockingIOError:
                return device in self._granting
            except OSError:
                return False
            self._granting.add(device)
            return False


@dataclass
class _Arrival:
    """One file that is not landed, as it has stood since a time of the watch's clock."""

    file: RawFile
    since: float
    wait: float
    form: Form | None = None
    ready: bool = False
    aside_until: float = 0.0
    told: bool = False

    def stands(self) -> bool:
        """Whether the file still is as it was found."""
        try:
            stat = place(self.file.path).stat()
        except OSError:
            return False
        return (stat.st_size, stat.st_mtime_ns) == (self.file.size, self.file.modified)


class Arrivals:
    """The files of a landing folder that are not landed yet; `said` hears of unreadable ones.

    `settle` is how long a file must stand still, in seconds; `known` a file that nobody writes.
    """

    def __init__(self, settle: float, known: Place, said: Callable[[str], None]) -> None:
        self._settle = settle
        self._patience = max(PATIENCE, settle)
        self._writers = Writers(known)
        self._said = said
        self._waiting: dict[str, _Arrival] = {}
        self._landed: dict[str, RawFile] = {}
        self._started = False

    @property
    def stirring(self) -> bool:
        """Whether a file may be about to become ready."""
        return any(not one.ready and not one.aside_until for one in self._waiting.values())

    def note(self, files: Iterable[RawFile], now: float) -> None:
        """Take in what the folder holds now."""
        current = {file.path: file for file in files}
        self._landed = {p: file for p, file in self._landed.items() if p in current}
        self._waiting = {
            path: self._arrival(file, now)
            for path, file in current.items()
            if self._landed.get(path) != file
        }
        self._started = True

    def _arrival(self, file: RawFile, now: float) -> _Arrival:
        known = self._waiting.get(file.path)
        if known is not None and known.file == file:
            return known
        moving = known is not None or file.path in self._landed or self._is_young(file)
        return _Arrival(file, now, self._settle if moving else min(GLANCE, self._settle))

    def _is_young(self, file: RawFile) -> bool:
        """Whether a file that was there before the watch may be in the middle of growing."""
        return not self._started and time_ns() - file.modified < self._settle * 1e9

    def judge(self, now: float) -> None:
        """Read the files that have stood still long enough, and see which are ready."""
        for one in self._waiting.values():
            if not one.ready and now >= self._due(one):
                try:
                    one.ready = self._is_complete(one, now)
                    one.aside_until = 0.0
                except OSError as error:
                    self._leave_out(one, str(storage_error(error, one.file.path)), now)

    def _due(self, one: _Arrival) -> float:
        """When to look into a file, as far as is known of it."""
        waits = {Form.unended: self._settle, Form.unfinished: self._patience}
        wait = waits.get(one.form, one.wait) if one.form else one.wait
        return max(one.since + wait, one.aside_until)

    def _is_complete(self, one: _Arrival, now: float) -> bool:
        if now < one.since + self._patience and self._writers.holds(one.file.path):
            return False
        one.form = one.form or form_of(one.file.path)
        return now >= self._due(one)

    def _leave_out(self, one: _Arrival, why: str, now: float) -> None:
        if not one.told and one.stands():
            self._said(f"left out until it can be read: {why}")
            one.told = True
        one.ready, one.form, one.aside_until = False, None, now + PATIENCE

    def ready(self) -> frozenset[RawFile]:
        """The files that are complete, and not landed."""
        return frozenset(one.file for one in self._waiting.values() if one.ready)

    def next(self, now: float) -> float:
        """When a file may become ready, later than now; infinity if none will."""
        due = (self._due(one) for one in self._waiting.values() if not one.ready)
        return min((at for at in due if at > now), default=float("inf"))

    def landed(self, files: Iterable[RawFile]) -> None:
        """A run has seen these files."""
        for file in files:
            self._landed[file.path] = file
            self._waiting.pop(file.path, None)

    def set_aside(self, trouble: str, now: float) -> bool:
        """Leave out the ready file that this message is about; whether there is one."""
        culprits = [
            one
            for one in self._waiting.values()
            if one.ready and trouble.startswith(f"{one.file.path}:")
        ]
        for one in culprits:
            self._leave_out(one, trouble, now)
        return bool(culprits)
