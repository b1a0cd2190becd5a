"""Runs in one process that stays: python -m benchmarks.costs.inside LAKE LANDING RUNS.

Prints the seconds of each run as JSON; the first, which loads the libraries, is left out.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.costs.feeds import ROOT


def seconds(lake: Path, landing: Path, runs: int) -> list[float]:
    """Seconds of `runs` runs over a lake, in another process than this."""
    words = ["-m", "benchmarks.costs.inside", str(lake), str(landing), str(runs)]
    said = subprocess.run(
        [sys.executable, *words], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return [float(one) for one in json.loads(said.stdout)]


def _main(path: str, landing: str, runs: str) -> None:
    import stedi

    taken = []
    with stedi.open(path) as lake:
        for _ in range(int(runs) + 1):
            started = time.monotonic()
            changed = lake.run(landing).changed
            taken.append(time.monotonic() - started)
            if changed:
                raise SystemExit("there was something new to the lake")
    print(json.dumps(taken[1:]))


if __name__ == "__main__":
    _main(*sys.argv[1:])
