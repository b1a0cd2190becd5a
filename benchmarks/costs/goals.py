"""What is shown of each scenario, what was asked of it, and whether it was reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from benchmarks.costs.results import Cost, Costs

ASKED_READINGS, ASKED_SMALL_RUNS = 50_000_000, 100
FEWEST_SMALL_RUNS = 9  # so that the runs compared are not the same


@dataclass(frozen=True)
class Line:
    """A line of the table: a scenario, its title, and the goal it has, if any.

    `most` is the largest figure that reaches the goal (below it, if `under`); `shown` says how
    a figure is written.
    """

    scenario: str
    title: str
    figure: Callable[[Costs], float | None] | None = None
    most: float = 0.0
    under: bool = False
    shown: str = "{:.1%} of a full run"
    runs: Callable[[list[Cost]], list[Cost]] = lambda runs: runs

    def of(self, costs: Costs) -> list[Cost]:
        """The measured entries that belong to it."""
        return self.runs(costs.of(self.scenario))

    @property
    def asked(self) -> str:
        """The goal in words."""
        if not self.most:
            return ""
        return f"{'under' if self.under else 'at most'} {self.shown.format(self.most)}"

    def reached(self, figure: float) -> str:
        """Whether a figure reaches the goal."""
        if not self.most:
            return ""
        return "yes" if figure < self.most or (figure == self.most and not self.under) else "**no**"


def _ratio(scenario: str) -> Callable[[Costs], float | None]:
    return lambda costs: costs.ratio(scenario)


def _seconds(scenario: str, of: Callable[[list[float]], float]) -> Callable[[Costs], float | None]:
    def figure(costs: Costs) -> float | None:
        walls = [run.wall for run in costs.of(scenario)]
        return of(walls) if walls else None

    return figure


def fifth(runs: list[Cost]) -> list[Cost]:
    """Runs 4 to 6."""
    return [run for run in runs if 4 <= run.round <= 6]


def last(runs: list[Cost]) -> list[Cost]:
    """The last three."""
    return runs[-3:]


def _growth(costs: Costs) -> float | None:
    early, late = fifth(costs.of("small")), last(costs.of("small"))
    if len(costs.of("small")) < FEWEST_SMALL_RUNS:
        return None
    return median(run.wall for run in late) / median(run.wall for run in early)


def lines(costs: Costs) -> list[Line]:
    """The lines of the table, in order; titles hold the numbers that were measured with."""
    people = _number(costs, "withdraw", "people")
    new, late = _number(costs, "day", "readings"), _number(costs, "late", "readings")
    count = len(costs.of("small"))
    return [
        Line("full", "first run, of everything"),
        Line("refresh", "`stedi run --full`: all tables anew", _ratio("refresh")),
        Line("day", f"one more day: {new} readings", _ratio("day"), 0.04),
        Line("late", f"late: {late} readings of an old day", _ratio("late")),
        Line("withdraw", f"consent withdrawn by {people} people", _ratio("withdraw"), 0.35),
        Line("consent", f"consent given late by {people} people", _ratio("consent")),
        Line("forget", f"{people} people forgotten and proved", _ratio("forget"), 0.5, under=True),
        Line("nothing", "nothing new", _seconds("nothing", median), 0.5, shown="{:.2f} s"),
        Line("nothing-inside", "nothing new, within a process that stays"),
        Line("small", "small lake: runs 4 to 6", runs=fifth),
        Line("small", f"small lake: the last 3 of {count}", _growth, 1.2,
             shown="{:.2f} of runs 4 to 6", runs=last),
        Line("maintain", f"`stedi maintain` after them{_weights(costs)}"),
        Line("small-after", "small lake: a run after that"),
        Line("watch", "`stedi watch`: arrival to rows, the worst", _seconds("watch", max), 3.0,
             under=True, shown="{:.2f} s"),
    ]  # fmt: skip


def _number(costs: Costs, scenario: str, fact: str) -> str:
    runs = costs.of(scenario)
    return f"{runs[0].facts[fact]:,}" if runs else "some"


def _weights(costs: Costs) -> str:
    runs = costs.of("maintain")
    if not runs:
        return ""
    before, after = runs[0].facts["before"], runs[0].facts["after"]
    return (
        f": {before['files']:,} files, {before['bytes'] / 1e6:.0f} MB to "
        f"{after['files']:,} files, {after['bytes'] / 1e6:.0f} MB"
    )
