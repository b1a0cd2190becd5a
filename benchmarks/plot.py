"""results/times.svg: seconds of whole processes, a panel a size, and how the product grows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.contenders import CONTENDERS, STEDI
from benchmarks.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OURS, THEIRS, INK, FAINT = "#0b6e99", "#b9c2ca", "#1f2328", "#d8dee4"
HEIGHT_OF_A_BAR, HEIGHT_OF_A_TITLE, HEIGHT_OF_GROWTH = 0.42, 0.85, 3.2


def draw(results: Mapping[str, Results], path: Path) -> None:
    """Write the plot, on a light background."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update(
        {"font.size": 10, "text.color": INK, "svg.hashsalt": "stedi", "svg.fonttype": "none"}
    )
    from matplotlib import pyplot
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    compared = [one for one in results.values() if len(one.contenders) > 1]
    heights = [len(one.contenders) * HEIGHT_OF_A_BAR + HEIGHT_OF_A_TITLE for one in compared]
    grows = len(results) > 2
    heights += [HEIGHT_OF_GROWTH] * grows
    if not heights:
        return
    figure, axes = pyplot.subplots(
        len(heights), 1, figsize=(8.6, sum(heights)), squeeze=False, facecolor="white",
        layout=ConstrainedLayoutEngine(h_pad=0.14), gridspec_kw={"height_ratios": heights},
    )  # fmt: skip
    for axis, one in zip(axes[:, 0], compared, strict=False):
        _bars(axis, one)
    if grows:
        _growth(axes[-1, 0], list(results.values()))
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _bars(axis: Axes, results: Results) -> None:
    names = results.contenders
    walls = [results.median(name, "wall") for name in names]
    colours = [OURS if name == STEDI.name else THEIRS for name in names]
    axis.barh(range(len(names)), walls, color=colours, height=0.62)
    axis.set_yticks(range(len(names)), [CONTENDERS[name].title for name in names])
    axis.invert_yaxis()
    for position, (name, wall) in enumerate(zip(names, walls, strict=True)):
        cpu, memory = results.median(name, "cpu"), results.median(name, "rss_mb")
        label = f"  {wall:.1f} s   ({cpu:.1f} s cpu, {memory:,.0f} MB)"
        axis.text(wall, position, label, va="center")
    axis.set_xlim(0, max(walls) * 1.45)
    plain(axis, f"{results.size.label}: seconds from start to exit, median")
    axis.tick_params(axis="y", length=0)


def _growth(axis: Axes, results: list[Results]) -> None:
    readings = [one.size.readings for one in results]
    walls = [one.median(STEDI.name, "wall") for one in results]
    axis.loglog(readings, walls, color=OURS, marker="o")
    for one, wall in zip(results, walls, strict=True):
        memory = one.median(STEDI.name, "rss_mb")
        axis.annotate(
            f"{wall:.1f} s, {memory:,.0f} MB", (one.size.readings, wall),
            xytext=(8, -12), textcoords="offset points",
        )  # fmt: skip
    axis.set_xlim(min(readings) / 1.5, max(readings) * 4)
    axis.set_ylim(min(walls) / 2, max(walls) * 2)
    axis.xaxis.set_major_formatter("{x:,.0f}")
    axis.yaxis.set_major_formatter("{x:g}")
    axis.set_xlabel("readings")
    axis.set_ylabel("seconds")
    axis.grid(color=FAINT, linewidth=0.6)
    plain(axis, "stedi run by the number of readings, with its peak memory")


def plain(axis: Axes, title: str) -> None:
    """A title, and no more lines than are needed."""
    axis.set_title(title, loc="left", fontweight="bold", fontsize=11)
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_axisbelow(True)
