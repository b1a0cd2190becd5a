"""One run of one contender: a process from start to exit, and what it used."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from resource import struct_rusage

from benchmarks import tables
from benchmarks.contenders import Contender


@dataclass(frozen=True)
class Run:
    """Seconds and memory of a whole process and of the processes it waited for.

    `wall` from start to exit, `cpu` user and system together; `rss_mb` is the peak resident
    memory of the largest of its processes; `load` the machine's load average before it;
    `startup` the seconds until a Spark session stood.
    """

    contender: str
    round: int
    pair: str
    wall: float
    cpu: float
    rss_mb: float
    load: float
    rows: dict[str, int] = field(default_factory=dict)
    startup: float | None = None

    def as_json(self) -> dict[str, object]:
        """The same as plain data."""
        return asdict(self)


class Failed(Exception):
    """A contender ended with an error, or its tables do not hold the expected rows."""


def measure(contender: Contender, feeds: Path, work: Path, number: int, pair: str) -> Run:
    """Run a contender into an empty folder, check what it wrote, remove it."""
    out = work / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    load = os.getloadavg()[0]
    command = contender.command(feeds, out)
    ended = succeeded(command, timed(command, work / "log.txt"))
    rows = tables.written(out)
    if contender.exact and rows != tables.expected(feeds):
        raise Failed(f"{contender.name} wrote {rows}, expected {tables.expected(feeds)}")
    shutil.rmtree(out, ignore_errors=True)
    return Run(
        contender=contender.name,
        round=number,
        pair=pair,
        wall=round(ended.wall, 3),
        cpu=round(ended.cpu, 3),
        rss_mb=round(ended.rss_mb, 1),
        load=round(load, 2),
        rows=rows,
        startup=_startup(ended.said),
    )


@dataclass(frozen=True)
class Ended:
    """A process that ended: wall seconds, resource usage, exit code and what it said."""

    wall: float
    usage: struct_rusage
    code: int
    said: str

    @property
    def cpu(self) -> float:
        """Seconds of user and system together."""
        return self.usage.ru_utime + self.usage.ru_stime

    @property
    def rss_mb(self) -> float:
        """Peak resident memory of the largest of its processes."""
        return self.usage.ru_maxrss / 1000


def timed(command: list[str], log: Path) -> Ended:
    """Run a child to its end; this process must stay small.

    A child starts with its parent's peak memory as its own, so nothing heavy is imported here.
    """
    with log.open("w") as said:
        started = time.monotonic()
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    return Ended(wall, usage, child.returncode, log.read_text(errors="replace"))


def succeeded(command: list[str], ended: Ended) -> Ended:
    """What ended well; Failed otherwise."""
    if ended.code:
        raise Failed(f"{command} ended with {ended.code}:\n{ended.said[-3000:]}")
    return ended


def _startup(said: str) -> float | None:
    last = said.rstrip().rpartition("\n")[2]
    if not last.startswith('{"start"'):
        return None
    return round(float(json.loads(last)["start"]), 3)
