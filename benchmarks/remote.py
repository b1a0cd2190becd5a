"""python -m benchmarks.remote BUCKET: what a lake on S3 costs beside the same lake on the disk.

AWS's usual variables say where S3 is and who asks; the bucket is there, and what the benchmark
puts below `stedi-benchmark/` in it is removed at the end. Each command is a process of its own,
first on the disk, then on S3, over the same simulated feeds, and the rows must be the same.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks import machine
from stedi.places import S3Path, files_below, remove_tree
from stedi.simulate import simulate

DAYS = 4
QUERY = (
    "SELECT subject_id, count(*) AS n, max(x) AS x FROM machine_learning_curated GROUP BY 1 "
    "ORDER BY 1"
)
POLICY = 'format = 1\nconsent = "since"\n[catalog]\ntype = "sqlite"\nfile = "{}"\n'
KEYS = {
    "STEDI_PSEUDONYM_KEY": "the key of a benchmark's lakes",
    "STEDI_FORGOTTEN_KEY": "another key of a benchmark",
}


class Failed(Exception):
    """A command ended with an error, or two lakes do not hold the same."""


class Side:
    """One of the two lakes, and where its feeds are delivered."""

    def __init__(self, lake: str, landing: Path | S3Path, *first: str) -> None:
        self.lake, self.landing, self._first = lake, landing, first
        self.seconds: dict[str, float] = {}

    def deliver(self, feeds: Path, files: list[Path]) -> None:
        """Put some files of the feeds where they are delivered."""
        for file in files:
            to = self.landing / file.parent.name / file.name
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(file.read_bytes())

    def run(self, step: str) -> None:
        """Land what is new."""
        first = self._first if step == "first run" else ()
        self.time(step, "run", "--landing", str(self.landing), *first)

    def time(self, step: str, *command: str) -> str:
        """One command of the product, timed as a whole process; what it prints."""
        started = time.monotonic()
        ended = subprocess.run(
            [sys.executable, "-m", "stedi", *command, "--lake", self.lake],
            capture_output=True,
            text=True,
            check=False,
        )
        self.seconds[step] = time.monotonic() - started
        if ended.returncode:
            raise Failed(f"stedi {' '.join(command)}: {ended.stderr[-600:]}")
        return ended.stdout


@contextmanager
def sides(bucket: str) -> Iterator[list[Side]]:
    """A lake on the disk and one on S3, removed at the end."""
    top = S3Path(bucket, f"stedi-benchmark/{os.getpid()}")
    with tempfile.TemporaryDirectory(prefix="stedi-benchmark-") as folder:
        work = Path(folder)
        (work / "stedi.toml").write_text(POLICY.format(work / "catalog.db"))
        begin = ("--policy", str(work / "stedi.toml"))
        try:
            yield [
                Side(str(work / "lake"), work / "landing"),
                Side(str(top / "lake"), top / "landing", *begin),
            ]
        finally:
            remove_tree(top)


def measure(bucket: str, feeds: Path) -> dict[str, list[float]]:
    """Seconds on the disk and on S3, by step."""
    files = sorted(path for path in feeds.glob("*/*.json*") if path.parent.name != "truth")
    late = {path for path in files if "-late" in path.name}
    with sides(bucket) as both:
        for side in both:
            side.deliver(feeds, [path for path in files if path not in late])
            side.run("first run")
            side.run("nothing new")
            side.deliver(feeds, sorted(late))
            side.run("late files")
        answers = {side.time("query", "sql", QUERY, "--format", "csv") for side in both}
        if len(answers) != 1:
            raise Failed("the two lakes do not hold the same rows")
        who = both[0].time("", "sql", "SELECT email FROM customer_trusted", "--format", "csv")
        email = sorted(who.split())[0]
        for side in both:
            side.time("check", "check")
            side.time("report", "report", "--out", str(feeds.parent / "report.html"))
            side.time("forget one person", "subject", "forget", email, "--yes")
            side.time("maintain", "maintain")
        steps = both[1].seconds  # the address was asked of one
        return {step: [side.seconds[step] for side in both] for step in steps}


def main() -> None:
    """Measure, print a table, write the figures to a file if asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.remote", description=__doc__)
    parser.add_argument("bucket")
    parser.add_argument("--readings", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    os.environ.update(KEYS)
    feeds = Path(tempfile.mkdtemp(prefix="stedi-benchmark-feeds-"))
    try:
        simulate(feeds / "feeds", readings=given.readings, days=DAYS)
        size = sum(file.size for file in files_below(feeds / "feeds"))
        rounds = [measure(given.bucket, feeds / "feeds") for _ in range(given.rounds)]
    finally:
        shutil.rmtree(feeds, ignore_errors=True)
    figures = [_figure(step, rounds) for step in rounds[0]]
    _print(figures, given.readings, size)
    if given.json:
        told = {"machine": machine.describe(), "readings": given.readings, "figures": figures}
        given.json.write_text(json.dumps(told, indent=1) + "\n")


def _figure(step: str, rounds: list[dict[str, list[float]]]) -> dict[str, object]:
    """Medians over the rounds; the ratio is that of the median round, not of two medians."""
    pairs = [found[step] for found in rounds]
    ratios = sorted(remote / local for local, remote in pairs)
    return {
        "step": step,
        "disk": round(median(local for local, _ in pairs), 2),
        "s3": round(median(remote for _, remote in pairs), 2),
        "ratio": round(median(ratios), 2),
        "ratios": [round(one, 2) for one in ratios],
    }


def _print(figures: list[dict[str, object]], readings: int, size: int) -> None:
    out = sys.stdout.write
    out(f"{readings:,} readings, {size / 1e6:.0f} MB delivered\n\n")
    out("| step | disk, s | S3, s | ratio | ratios of the rounds |\n|---|---|---|---|---|\n")
    for one in figures:
        row: Mapping[str, object] = one
        out(f"| {row['step']} | {row['disk']} | {row['s3']} | {row['ratio']} | {row['ratios']} |\n")


if __name__ == "__main__":
    main()
