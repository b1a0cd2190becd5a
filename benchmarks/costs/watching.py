"""Delay from a file's arrival to its rows: python -m benchmarks.costs.watching, an order on stdin.

`stedi watch` runs as a process of its own; this one renames files into place and looks at the
lake's newest snapshot every few hundredths of a second, which the delays include.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.costs.feeds import ROOT

if TYPE_CHECKING:
    from stedi.api import Lake

LOOK_EVERY = 0.03
PATIENCE = 60.0
QUIET = 2.0  # seconds between two deliveries, so that each is a run of its own


@dataclass(frozen=True)
class Arrival:
    """Files to be renamed into place, and the rows of the curated table once they are in."""

    files: list[tuple[str, str]]
    rows: int


def delays(command: Sequence[str], lake: Path, arrivals: Sequence[Arrival]) -> dict[str, Any]:
    """What `_main` prints; the watcher is started with `command`."""
    order = {
        "command": list(command),
        "lake": str(lake),
        "arrivals": [asdict(arrival) for arrival in arrivals],
    }
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks.costs.watching"],
        input=json.dumps(order), stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    return dict(json.loads(said.stdout))


def _main() -> None:
    """Prints `delays` and `loads` by arrival, `cpu`, `rss_mb`, `code` and `said` of the watcher."""
    import stedi

    order = json.load(sys.stdin)
    log = Path(order["lake"]).parent / "log.txt"
    with log.open("w") as said, stedi.open(order["lake"]) as lake:
        watcher = subprocess.Popen(
            order["command"], stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
        )
        taken: list[tuple[float, float]] = []
        try:
            _until(lambda: "watching" in log.read_text() or _ended(watcher))
            taken += [
                _deliver(lake, one, watcher) for one in order["arrivals"] if not _ended(watcher)
            ]
        finally:
            found = _stop(watcher)
    delays, loads = zip(*taken, strict=True) if taken else ((), ())
    print(json.dumps({"delays": delays, "loads": loads, "said": log.read_text(), **found}))


def _deliver(
    lake: Lake, arrival: dict[str, Any], watcher: subprocess.Popen[bytes]
) -> tuple[float, float]:
    """Seconds until the rows are there, and the load average before."""
    time.sleep(QUIET)
    load = os.getloadavg()[0]
    for source, target in arrival["files"]:
        Path(source).rename(target)
    started = time.monotonic()
    _until(lambda: _rows(lake) == arrival["rows"] or _ended(watcher))
    return time.monotonic() - started, load


def _rows(lake: Lake) -> int:
    kept = lake.history("machine_learning_curated")
    return kept[-1][1].rows if kept else 0


def _until(true: Callable[[], bool]) -> None:
    latest = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > latest:
            raise SystemExit(f"stedi watch: nothing happened for {PATIENCE:g} s")
        time.sleep(LOOK_EVERY)


def _ended(watcher: subprocess.Popen[bytes]) -> bool:
    """Whether it has ended, without reaping it."""
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, watcher.pid, flags) is not None


def _stop(watcher: subprocess.Popen[bytes]) -> dict[str, Any]:
    if not _ended(watcher):
        watcher.send_signal(signal.SIGTERM)
    _, status, usage = os.wait4(watcher.pid, 0)
    watcher.returncode = os.waitstatus_to_exitcode(status)
    cpu = usage.ru_utime + usage.ru_stime
    return {"cpu": cpu, "rss_mb": usage.ru_maxrss / 1000, "code": watcher.returncode}


if __name__ == "__main__":
    _main()
