"""python -m benchmarks.scale: the Spark engine beside the published SQL, and beside one process.

For each size, whole processes one after another: `stedi run --engine spark`, a PySpark script
with the published solutions' five statements, and `stedi run`. What Spark moved and computed is
taken from its own event log. Figures go to results/scale-SIZE.json and to stdout.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import feeds, machine, tables
from benchmarks.contenders import CONTENDERS, STEDI
from benchmarks.feeds import SIZES
from benchmarks.measure import succeeded, timed

RESULTS = Path(__file__).parent / "results"
NAMES = ("stedi-spark", "pyspark", "stedi")


def main() -> None:
    """Run what was asked for, keep the figures, print them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--sizes", default="500k,5m,50m", help=", ".join(SIZES))
    parser.add_argument("--rounds", type=int, default=1, help="times each runs (default 1)")
    work = Path(tempfile.gettempdir()) / "stedi-benchmarks"
    parser.add_argument("--work", type=Path, default=work, help="folder for feeds and tables")
    wanted = parser.parse_args()
    for size in wanted.sizes.split(","):
        folder = feeds.make(SIZES[size], wanted.work)
        feeds.warm(folder)
        runs = [_run(name, folder, wanted.work) for _ in range(wanted.rounds) for name in NAMES]
        found = {"size": size, "readings": SIZES[size].readings, "machine": machine.describe()}
        text = json.dumps({**found, "runs": runs}, indent=1)
        (RESULTS / f"scale-{size}.json").write_text(text + "\n")
    print(table())


def _run(name: str, landing: Path, work: Path) -> dict[str, Any]:
    """One process from start to exit: seconds, rows written, and what Spark did in it."""
    out, log = work / "out", work / "events"
    for folder in (out, log):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    load = os.getloadavg()[0]
    with _event_log(log):
        command = _command(name, landing, out)
        ended = succeeded(command, timed(command, work / "log.txt"))
    found = {"contender": name, "wall": round(ended.wall, 2), "load": round(load, 2)}
    if name == "stedi-spark":
        assert tables.written(out) == tables.expected(landing), "not the expected rows"
        found |= {"files": len([*(out / "lake/warehouse").rglob("*.parquet")])}
    found |= _spark_did(log)
    sys.stderr.write(f"{found}\n")
    shutil.rmtree(out)
    return found


def _command(name: str, landing: Path, out: Path) -> list[str]:
    if name == "stedi-spark":
        return [*STEDI.command(landing, out), "--engine", "spark"]
    return CONTENDERS[name].command(landing, out)


@contextmanager
def _event_log(folder: Path) -> Any:
    """Let every Spark that starts here write down what its tasks do."""
    settings = folder.with_name("spark-conf")
    settings.mkdir(exist_ok=True)
    lines = (
        "spark.eventLog.enabled true",
        "spark.eventLog.compress false",
        f"spark.eventLog.dir {folder.as_uri()}",
    )
    (settings / "spark-defaults.conf").write_text("\n".join(lines) + "\n")
    before = os.environ.get("SPARK_CONF_DIR")
    os.environ["SPARK_CONF_DIR"] = str(settings)
    try:
        yield
    finally:
        del os.environ["SPARK_CONF_DIR"]
        if before is not None:
            os.environ["SPARK_CONF_DIR"] = before


def _spark_did(folder: Path) -> dict[str, float]:
    """Seconds of its tasks' work, and the megabytes that they shuffled and spilled."""
    total = {"task_seconds": 0.0, "shuffled_mb": 0.0, "spilled_mb": 0.0}
    for file in (path for path in folder.rglob("*") if path.is_file()):
        for line in file.read_text(errors="replace").splitlines():
            if '"SparkListenerTaskEnd"' in line and "Task Metrics" in line:
                metrics: Mapping[str, Any] = json.loads(line).get("Task Metrics") or {}
                shuffled = metrics.get("Shuffle Write Metrics", {}).get("Shuffle Bytes Written", 0)
                total["task_seconds"] += metrics.get("Executor Run Time", 0) / 1e3
                total["shuffled_mb"] += shuffled / 1e6
                total["spilled_mb"] += metrics.get("Disk Bytes Spilled", 0) / 1e6
    return {key: round(value, 1) for key, value in total.items() if value or key == "shuffled_mb"}


def table() -> str:
    """All figures kept, as a Markdown table; medians over the rounds."""
    lines = [
        "| readings | Spark engine | published SQL | ratio | one process | shuffled | files |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for file in sorted(RESULTS.glob("scale-*.json"), key=lambda f: _read(f)["readings"]):
        found = _read(file)
        spark, script, one = (_median(found["runs"], name) for name in NAMES)
        first = next(run for run in found["runs"] if run["contender"] == "stedi-spark")
        lines.append(
            f"| {found['readings']:,} | {spark:.1f} s | {script:.1f} s | {spark / script:.2f} | "
            f"{one:.1f} s | {first['shuffled_mb']:,.0f} MB | {first['files']:,} |"
        )
    return "\n".join(lines)


def _read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def _median(runs: list[dict[str, Any]], name: str) -> float:
    return median(run["wall"] for run in runs if run["contender"] == name)


if __name__ == "__main__":
    main()
