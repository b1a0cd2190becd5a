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
    wall, usage, said = _process(contender.command(feeds, out), work)
    rows = tables.written(out)
    if contender.exact and rows != tables.expected(feeds):
        raise Failed(f"{contender.name} wrote {rows}, expected {tables.expected(feeds)}")
    shutil.rmtree(out, ignore_errors=True)
    return Run(
        contender=contender.name,
        round=number,
        pair=pair,
        wall=round(wall, 3),
        cpu=round(usage.ru_utime + usage.ru_stime, 3),
        rss_mb=round(usage.ru_maxrss / 1000, 1),
        load=round(load, 2),
        rows=rows,
        startup=_startup(said),
    )


def _process(command: list[str], work: Path) -> tuple[float, struct_rusage, str]:
    """Wall seconds, resource usage and stdout of a child; this process must stay small.

    A child starts with its parent's peak memory as its own, so nothing heavy is imported here.
    """
    log = work / "log.txt"
    with log.open("w") as said:
        started = time.monotonic()
        child = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    text = log.read_text(errors="replace")
    if child.returncode:
        raise Failed(f"{command} ended with {child.returncode}:\n{text[-3000:]}")
    return wall, usage, text


def _startup(said: str) -> float | None:
    last = said.rstrip().rpartition("\n")[2]
    if not last.startswith('{"start"'):
        return None
    return round(float(json.loads(last)["start"]), 3)
