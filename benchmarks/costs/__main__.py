"""python -m benchmarks.costs: what a run costs on a lake that exists, beside a full run of it."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import benchmarks.report
import benchmarks.results
from benchmarks import machine
from benchmarks.costs import report, results
from benchmarks.costs.bench import Bench, sites
from benchmarks.costs.results import Cost, Costs
from benchmarks.costs.scenarios import ALONG, ORDER, SCENARIOS
from benchmarks.costs.site import Absent
from benchmarks.measure import Failed


def main() -> int:
    """Measure what was asked for; figures go to stdout and to benchmarks/results."""
    wanted = _arguments()
    bench = _bench(wanted)
    costs = results.read(wanted.out, wanted.readings)
    well = _all(bench, costs, wanted)
    if wanted.discard:
        for site in bench.sites():
            shutil.rmtree(site.folder, ignore_errors=True)
    _show(costs, wanted.out)
    return 0 if well else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.costs", description=__doc__)
    parser.add_argument("--readings", type=_readings, default=50_000_000, metavar="N",
                        help="of the lake (default 50 million)")  # fmt: skip
    parser.add_argument("--only", type=_names, default=ORDER, help=", ".join(SCENARIOS))
    parser.add_argument("--rounds", type=_positive, default=3, help="of each (default 3)")
    parser.add_argument("--small-runs", type=_positive, default=100, metavar="N",
                        help="runs on the small lake (default 100)")  # fmt: skip
    parser.add_argument("--seed", type=int, default=1, help="of the feeds")
    parser.add_argument("--discard", action="store_true", help="remove feeds and lakes after use")
    work = Path(tempfile.gettempdir()) / "stedi-benchmarks"
    parser.add_argument("--work", type=Path, default=work, help="folder for feeds and lakes")
    parser.add_argument("--out", type=Path, default=results.FOLDER, help="folder for the figures")
    return parser.parse_args()


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number, at least 1")
    return int(text)


def _readings(text: str) -> int:
    number = _positive(text.replace("_", ""))
    if number < 50_000:
        raise argparse.ArgumentTypeError(f"{text}: give at least 50000")
    return number


def _names(text: str) -> list[str]:
    asked = [name for name in text.split(",") if name]
    if unknown := [name for name in asked if name not in SCENARIOS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r}: use {', '.join(SCENARIOS)}")
    return [name for number, name in enumerate(ORDER) if name in asked and _counts(number, asked)]


def _counts(number: int, asked: Sequence[str]) -> bool:
    """A scenario that comes twice is done after something else was, or once."""
    first = ORDER.index(ORDER[number]) == number
    return first or any(name in asked for name in ORDER[ORDER.index(ORDER[number]) + 1 : number])


def _bench(wanted: argparse.Namespace) -> Bench:
    session = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    main, small, watched = sites(wanted.work, wanted.readings, wanted.seed)
    return Bench(main, small, watched, wanted.rounds, wanted.small_runs, session)


def _all(bench: Bench, costs: Costs, wanted: argparse.Namespace) -> bool:
    """Whether every scenario asked for was measured or is not part of this version."""
    measured: dict[str, list[Cost]] = {}
    well, due = True, list(wanted.only)
    while due:
        name = due.pop(0)
        before = SCENARIOS[name].after
        if before and not getattr(bench, SCENARIOS[name].site).ready:
            if before in measured:
                continue  # it was tried, and failed
            due[:0] = [before, name]
            continue
        well &= _one(name, bench, costs, measured)
        costs.save(wanted.out)
    return well


def _one(name: str, bench: Bench, costs: Costs, measured: dict[str, list[Cost]]) -> bool:
    found = measured.setdefault(name, [])
    note, well = "", True
    try:
        done = SCENARIOS[name].measure(bench)
    except Absent as error:
        done, note = [], str(error)
    except (Failed, subprocess.CalledProcessError) as error:
        getattr(bench, SCENARIOS[name].site).spoil()
        done, note, well = [], f"failed: {str(error).splitlines()[0]}", False
        sys.stderr.write(f"{error}\n")
    found += done
    if done and bench.session not in costs.sessions:
        costs.sessions[bench.session] = machine.describe()
    if name == "full" and done:
        costs.about = done[-1].facts
    costs.replace((name, *ALONG.get(name, ())), found, note)
    if note:
        sys.stderr.write(f"{name:16} {note}\n")
    return well


def _show(costs: Costs, out: Path) -> None:
    if find_spec("matplotlib"):
        benchmarks.report.write(benchmarks.results.load(out), out)
    else:
        sys.stderr.write("no page and no plot: matplotlib is missing, `make bench` installs it\n")
    print(report.section(costs))


if __name__ == "__main__":
    sys.exit(main())
