"""python -m benchmarks: run the contenders in pairs with `stedi run`, keep and show the figures."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path

from benchmarks import feeds, machine, report, results
from benchmarks.contenders import CONTENDERS, OTHERS, STEDI
from benchmarks.feeds import SIZES, Size
from benchmarks.measure import Run, measure


def main() -> None:
    """Run what was asked for; figures go to stdout and to benchmarks/results."""
    wanted = _arguments()
    for name in wanted.sizes:
        size = SIZES[name]
        folder = feeds.make(size, wanted.work)
        feeds.warm(folder)
        described = feeds.describe(folder)
        runs = _rounds(size, folder, wanted)
        results.Results(size, described, machine.describe(), runs).save()
        if wanted.discard:
            shutil.rmtree(folder)
    report.write(results.load())
    print(report.tables(results.load()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    sizes, names = ", ".join(SIZES), ", ".join(other.name for other in OTHERS)
    parser.add_argument("--sizes", type=_list(SIZES), default="sample,5m", help=sizes)
    parser.add_argument("--rounds", type=int, default=5, help="pairs a contender (default 5)")
    parser.add_argument("--only", type=_list(CONTENDERS), help=f"beside stedi run: {names}")
    parser.add_argument("--discard", action="store_true", help="remove the feeds after use")
    work = Path(tempfile.gettempdir()) / "stedi-benchmarks"
    parser.add_argument("--work", type=Path, default=work, help="folder for feeds and tables")
    return parser.parse_args()


def _list(known: Collection[str]) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        chosen = [name for name in text.split(",") if name]
        for name in chosen:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r}: use {', '.join(known)}")
        return chosen

    return names


def _rounds(size: Size, folder: Path, wanted: argparse.Namespace) -> list[Run]:
    """Pairs A B A B of the product and each other contender, round by round."""
    names = size.against if wanted.only is None else wanted.only
    others = [other for other in OTHERS if other.name in names]
    runs = []
    for number in range(wanted.rounds):
        due = [o for o in others if not o.slow or number < -(-wanted.rounds // 3)]
        for pair in [[STEDI, other] for other in due] or [[STEDI]]:
            for contender in pair:
                run = measure(contender, folder, wanted.work, number, pair[-1].name)
                _tell(size, run)
                runs.append(run)
    return runs


def _tell(size: Size, run: Run) -> None:
    sys.stderr.write(
        f"{size.name:7} round {run.round} {run.contender:18} {run.wall:8.2f} s "
        f"{run.cpu:8.2f} s cpu {run.rss_mb:7.0f} MB  load {run.load}\n"
    )


if __name__ == "__main__":
    main()
