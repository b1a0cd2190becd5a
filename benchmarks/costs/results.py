"""Costs measured: kept as JSON, an entry a process, and put in relation to the full run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

FOLDER = Path(__file__).parents[1] / "results"


@dataclass(frozen=True)
class Cost:
    """One measured process of a scenario, or one measured delay.

    `wall` seconds; `cpu` user and system together; `rss_mb` peak resident memory, 0 where
    nothing but time was taken; `load` the load average before it; `session` when the
    measurements began that it belongs to; `facts` what was done, in numbers.
    """

    scenario: str
    round: int
    wall: float
    load: float
    session: str
    cpu: float = 0.0
    rss_mb: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass
class Costs:
    """What was measured on lakes of one size.

    `about` describes the lake, `sessions` the machine in each, `notes` says of a scenario why
    it was not measured.
    """

    readings: int
    about: dict[str, Any] = field(default_factory=dict)
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: list[Cost] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)

    def of(self, scenario: str) -> list[Cost]:
        """The measured entries of one scenario, in order."""
        return [run for run in self.runs if run.scenario == scenario]

    def median(self, scenario: str, figure: str = "wall") -> float:
        """The median of `wall`, `cpu` or `rss_mb`."""
        return median(float(getattr(run, figure)) for run in self.of(scenario))

    def ratio(self, scenario: str) -> float | None:
        """Seconds by those of the full run of the same session, the median; None without one."""
        ratios = [run.wall / full for run in self.of(scenario) if (full := self._full(run.session))]
        return median(ratios) if ratios else None

    def _full(self, session: str) -> float:
        same = [run.wall for run in self.of("full") if run.session == session]
        return median(same) if same else 0.0

    def replace(self, scenarios: Sequence[str], runs: Sequence[Cost], note: str = "") -> None:
        """Put new entries (and a note on the first scenario) in place of what was kept."""
        self.runs = [run for run in self.runs if run.scenario not in scenarios] + list(runs)
        for scenario in scenarios:
            self.notes.pop(scenario, None)
        if note:
            self.notes[scenarios[0]] = note

    def save(self, folder: Path) -> None:
        """Write `costs-<size>.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        used = {run.session for run in self.runs}
        self.sessions = {name: about for name, about in self.sessions.items() if name in used}
        (folder / name(self.readings)).write_text(json.dumps(asdict(self), indent=1) + "\n")


def name(readings: int) -> str:
    """The file that keeps a size's figures."""
    for unit, size in (("m", 1_000_000), ("k", 1000)):
        if readings % size == 0:
            return f"costs-{readings // size}{unit}.json"
    return f"costs-{readings}.json"


def read(folder: Path, readings: int) -> Costs:
    """What is kept of a size, or nothing yet."""
    path = folder / name(readings)
    return _read(path) if path.exists() else Costs(readings)


def largest(folder: Path) -> Costs | None:
    """What is kept of the largest size, if anything is."""
    kept = [_read(path) for path in folder.glob("costs-*.json")]
    return max(kept, key=lambda costs: costs.readings, default=None)


def _read(path: Path) -> Costs:
    raw = json.loads(path.read_text())
    return Costs(**{**raw, "runs": [Cost(**run) for run in raw["runs"]]})
