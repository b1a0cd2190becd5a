"""The section on running costs: what was asked, what was measured, and whether it suffices."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from benchmarks.costs import plot
from benchmarks.costs.goals import ASKED_READINGS, ASKED_SMALL_RUNS, Line, lines
from benchmarks.costs.results import Cost, Costs, largest
from benchmarks.markdown import table

INTRODUCTION = """\
Written by `python -m benchmarks.costs`. Every figure is of a whole process of the `stedi`
command, from its start to its exit, on the lake that the lines above it left; seconds are
medians, and "of a full run" is taken within one session. Files lie in the page cache. After each
scenario the curated table must hold exactly the rows that are due, and quarantine must be empty.
"""
PLOT = (
    "\n![Seconds of runs beside the full run, and of small runs one after the other](costs.svg)\n"
)
HEAD = ("", "asked", "measured", "reached", "wall s", "range", "cpu s", "memory MB", "load", "runs")


def page(folder: Path) -> str:
    """The section for the largest lake that figures are kept of, and its plot beside it."""
    costs = largest(folder)
    if costs is None or not costs.runs:
        return ""
    plot.draw(costs, folder / "costs.svg")
    return section(costs) + PLOT


def section(costs: Costs) -> str:
    """The same as text."""
    rows = [_row(line, costs) for line in lines(costs)]
    figures = table("Running costs", HEAD, rows)
    title, _, body = figures.partition("\n\n")
    text = [title, "\n\n", INTRODUCTION, "\n", _lakes(costs), "\n", body, "\n", _taken(costs)]
    return "".join(text)


def _row(line: Line, costs: Costs) -> list[str]:
    runs = line.of(costs)
    if not runs:
        note = costs.notes.get(line.scenario, "")
        return [
            line.title,
            line.asked,
            note or "not measured",
            "**no**" if note and line.most else "",
            *[""] * 6,
        ]
    figure = line.figure(costs) if line.figure else None
    shown = "" if figure is None else line.shown.format(figure)
    reached = "" if figure is None else line.reached(figure)
    return [line.title, line.asked, shown, reached, *_figures(runs)]


def _figures(runs: list[Cost]) -> list[str]:
    walls = sorted(run.wall for run in runs)
    return [
        f"{median(walls):.2f}",
        f"{walls[0]:.2f} to {walls[-1]:.2f}",
        _median(runs, "cpu", "{:.2f}"),
        _median(runs, "rss_mb", "{:,.0f}"),
        f"{median(run.load for run in runs):.1f}",
        str(len(runs)),
    ]


def _median(runs: list[Cost], figure: str, shown: str) -> str:
    found = median(getattr(run, figure) for run in runs)
    return shown.format(found) if found else ""


def _lakes(costs: Costs) -> str:
    about = costs.about
    text = ""
    if about:
        text = (
            f"The lake: {about['readings']:,} readings of {about['people']:,} people over "
            f"{about['days']} days, each person's in every day; {about['files']} files, "
            f"{about['bytes'] / 1e6:,.0f} MB. "
        )
    if costs.readings != ASKED_READINGS:
        text += f"What was asked is for {ASKED_READINGS:,} readings: of these, it says little. "
    if costs.of("small") and len(costs.of("small")) != ASKED_SMALL_RUNS:
        text += f"It is for {ASKED_SMALL_RUNS} small runs. "
    return text + _others(costs)


def _others(costs: Costs) -> str:
    """The lakes of the last scenarios, as far as they were measured."""
    texts = []
    for first, title in (("small-first", "The small lake"), ("watch-first", "The watched one")):
        for run in costs.of(first)[:1]:
            texts.append(
                f"{title}: {run.facts['readings']:,} readings of {run.facts['people']:,} people, "
                f"first run {run.wall:.2f} s."
            )
    for run in costs.of("watch")[:1]:
        middle = costs.median("watch")
        texts.append(
            f"Delays are from the renaming of two files ({run.facts['readings']:,} readings) "
            f"into place until all their rows are seen; their median is {middle:.2f} s."
        )
    return " ".join(texts) + "\n"


def _taken(costs: Costs) -> str:
    """When and on what; a plain word if figures are of several sessions."""
    if not costs.sessions:
        return "Nothing was measured.\n"
    newest = costs.sessions[max(costs.sessions)]
    packages = ", ".join(f"{name} {version}" for name, version in newest["packages"].items())
    commits = sorted({about["commit"] for about in costs.sessions.values()})
    text = (
        f"{newest['cores']} cores of {newest['processor']}, {newest['memory_gb']:g} GB of memory, "
        f"{newest['system']}. Python {newest['python']}, {packages}. Taken on {newest['day']} at "
        f"commit {', '.join(commits)} (`+`: with changes), at the load average before a run that "
        "the table shows.\n"
    )
    several = len(costs.sessions)
    return text + (f"\nThe figures are of {several} sessions.\n" if several > 1 else "")
