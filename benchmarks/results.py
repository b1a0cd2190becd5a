"""Figures taken: kept as JSON, read back, put in relation pair by pair."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.contenders import CONTENDERS, STEDI
from benchmarks.feeds import SIZES, Size
from benchmarks.measure import Run

FOLDER = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Results:
    """The runs over the feeds of one size, and what they were taken on."""

    size: Size
    feeds: dict[str, Any]
    machine: dict[str, Any]
    runs: list[Run]

    @property
    def contenders(self) -> list[str]:
        """Who ran, the product first."""
        ran = {run.contender for run in self.runs}
        return [name for name in CONTENDERS if name in ran]

    def of(self, contender: str) -> list[Run]:
        """The runs of one contender."""
        return [run for run in self.runs if run.contender == contender]

    def median(self, contender: str, figure: str) -> float:
        """The median of `wall`, `cpu` or `rss_mb`."""
        return median([float(getattr(run, figure)) for run in self.of(contender)])

    def ratios(self, contender: str, figure: str) -> list[float]:
        """The contender's figure by the product's, pair by pair."""
        pairs: dict[tuple[str, int], dict[str, Run]] = {}
        for run in self.runs:
            pairs.setdefault((run.pair, run.round), {})[run.contender] = run
        return [
            getattr(pair[contender], figure) / getattr(pair[STEDI.name], figure)
            for (name, _), pair in pairs.items()
            if name == contender and len(pair) == 2
        ]

    def save(self) -> None:
        """Write `results/<size>.json`."""
        FOLDER.mkdir(exist_ok=True)
        content = {
            "size": self.size.name,
            "feeds": self.feeds,
            "machine": self.machine,
            "runs": [run.as_json() for run in self.runs],
        }
        (FOLDER / f"{self.size.name}.json").write_text(json.dumps(content, indent=1) + "\n")


def load(folder: Path = FOLDER) -> dict[str, Results]:
    """All results kept, by size, the smallest first."""
    return {name: _read(folder / f"{name}.json") for name in _kept(folder)}


def _kept(folder: Path) -> Iterable[str]:
    return [name for name in SIZES if (folder / f"{name}.json").exists()]


def _read(path: Path) -> Results:
    raw = json.loads(path.read_text())
    runs = [Run(**run) for run in raw["runs"]]
    return Results(SIZES[raw["size"]], raw["feeds"], raw["machine"], runs)
