"""results/costs.svg: seconds of each scenario beside the full run, and of the small runs."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.costs.goals import fifth, last, lines
from benchmarks.costs.results import Cost, Costs
from benchmarks.plot import FAINT, INK, OURS, THEIRS, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GOAL = "#c2410c"
TITLES = {
    "full": "first run, of everything",
    "refresh": "all tables anew",
    "day": "one more day",
    "late": "late readings",
    "withdraw": "consent withdrawn",
    "consent": "consent given late",
    "forget": "people forgotten",
    "nothing": "nothing new",
}


def draw(costs: Costs, path: Path) -> None:
    """Write the plot, on a light background; nothing if there is nothing to show."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update(
        {"font.size": 10, "text.color": INK, "svg.hashsalt": "stedi", "svg.fonttype": "none"}
    )
    from matplotlib import pyplot
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    bars = [name for name in TITLES if costs.of(name)]
    panels = [(_bars, 0.42 * len(bars) + 1.0)] * bool(bars)
    panels += [(_small, 2.8)] * (len(costs.of("small")) > 1)
    if not panels:
        return
    heights = [height for _, height in panels]
    figure, axes = pyplot.subplots(
        len(panels), 1, figsize=(8.6, sum(heights)), squeeze=False, facecolor="white",
        layout=ConstrainedLayoutEngine(h_pad=0.14), gridspec_kw={"height_ratios": heights},
    )  # fmt: skip
    for axis, (panel, _) in zip(axes[:, 0], panels, strict=True):
        panel(axis, costs)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)


def _bars(axis: Axes, costs: Costs) -> None:
    names = [name for name in TITLES if costs.of(name)]
    walls = [costs.median(name) for name in names]
    colours = [THEIRS if name == "full" else OURS for name in names]
    axis.barh(range(len(names)), walls, color=colours, height=0.62)
    axis.set_yticks(range(len(names)), [TITLES[name] for name in names])
    axis.invert_yaxis()
    goals = {line.scenario: line.most for line in lines(costs)}
    for position, (name, wall) in enumerate(zip(names, walls, strict=True)):
        ratio = costs.ratio(name)
        share = f"   ({ratio:.1%} of a full run)" if ratio and name != "full" else ""
        goal = _goal(axis, position, name, goals[name], costs)
        axis.text(max(wall, goal), position, f"  {wall:.2f} s{share}", va="center")
    axis.set_xlim(0, max(walls) * 1.55)
    plain(
        axis, f"A lake of {costs.readings / 1e6:g} million readings: seconds, median; marks: asked"
    )
    axis.tick_params(axis="y", length=0)


def _goal(axis: Axes, position: int, name: str, most: float, costs: Costs) -> float:
    """Mark the seconds that were asked, and return them; 0 where nothing was."""
    full = costs.median("full") if costs.of("full") else 0.0
    seconds = most if name == "nothing" else most * full
    if seconds:
        axis.plot([seconds] * 2, [position - 0.38, position + 0.38], color=GOAL, linewidth=2)
    return seconds


def _small(axis: Axes, costs: Costs) -> None:
    runs = costs.of("small")
    axis.plot([r.round for r in runs], [r.wall for r in runs], ".", color=OURS)
    for chosen in (fifth(runs), last(runs)):
        _mark(axis, chosen)
    axis.set_ylim(0, max(run.wall for run in runs) * 1.2)
    axis.set_xlabel("run")
    axis.set_ylabel("seconds")
    axis.grid(color=FAINT, linewidth=0.6)
    plain(axis, "Small runs one after the other, and the medians that are compared")


def _mark(axis: Axes, runs: list[Cost]) -> None:
    if not runs:
        return
    middle = median(run.wall for run in runs)
    ends = [runs[0].round - 0.5, runs[-1].round + 0.5]
    axis.plot(ends, [middle] * 2, color=GOAL, linewidth=2)
    axis.annotate(f"{middle:.2f} s", (ends[1], middle), xytext=(0, 10),
                  textcoords="offset points", color=GOAL, ha="right")  # fmt: skip
