"""results/README.md: the figures as tables, in relation, with the machine described."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

from benchmarks import plot
from benchmarks.contenders import CONTENDERS, STEDI
from benchmarks.costs import report as costs
from benchmarks.markdown import table
from benchmarks.results import FOLDER, Results

All = Mapping[str, Results]

INTRODUCTION = """\
# Benchmarks

Written by `python -m benchmarks` from the figures in this folder; `make bench` takes them anew.

Every figure is of a whole process, from its start to its exit, over simulated feeds that lie in
the page cache. Contenders run in turns, each beside a `stedi run` on a fresh lake of its own;
ratios are taken within such a pair, and all figures are medians. `cpu` is user and system
seconds together, `memory` the peak resident memory of the largest process.

`stedi run` lands every line with its file and line count, gives every row a verdict and a
reason, checks each table, commits Iceberg snapshots and syncs them to disk. The DuckDB, Polars
and pandas scripts write the same five tables to Parquet and do none of this; their row counts
are checked against the simulation's truth after every run, as are the product's.

![Seconds of whole processes](times.svg)
"""
PYSPARK = """\
The published solutions compare e-mail addresses as they are spelt, keep readings from before
the consent, and join on the instant alone, so their row counts differ. Simulated people exercise
at the same hours, so that last join pairs each of them with all others: as it stands it writes
{published:,} rows where there are {true:,}. "Joined by person" mends this one join, and takes one
record a customer, so that nothing but the work itself is compared. Both read the JSON with
declared schemas and keep one session for all five statements, which the published jobs do not.
"""


def write(results: All, folder: Path = FOLDER) -> None:
    """Write the README and its plots into the folder that keeps the figures."""
    plot.draw(results, folder / "times.svg")
    parts = [INTRODUCTION, _goals(results), *map(_size, results.values())] if results else []
    parts += [_growth(results), _pyspark(results)]
    parts += [_machine(list(results.values())[-1])] if results else []
    parts += [costs.page(folder)]
    (folder / "README.md").write_text("\n".join(part for part in parts if part))


def tables(results: All) -> str:
    """The figures of all sizes as text."""
    return "\n".join([*map(_size, results.values()), _growth(results), _goals(results)])


def _goals(results: All) -> str:
    """What was wanted, and what came out."""
    lines = [line for goal in (_sample, _pairs, _linear) for line in goal(results)]
    return table("Goals", ("goal", "at most", "measured"), lines) if lines else ""


def _sample(results: All) -> list[list[str]]:
    if "sample" not in results:
        return []
    wall = results["sample"].median(STEDI.name, "wall")
    return [["seconds of `stedi run` on feeds of the public sample's size", "1.5", f"{wall:.2f}"]]


def _pairs(results: All) -> list[list[str]]:
    found = results.get("5m")
    if found is None:
        return []
    lines = []
    if bare := found.ratios("duckdb", "wall"):
        ratio = 1 / median(bare)
        lines.append(["`stedi run` by the bare DuckDB script", "1.6", f"{ratio:.2f}"])
    if spark := found.ratios("pyspark", "wall"):
        lines.append(
            ["`stedi run` by the five statements in PySpark", "1/8", f"1/{median(spark):.1f}"]
        )
    return lines


def _linear(results: All) -> list[list[str]]:
    if not {"5m", "50m"} <= results.keys():
        return []
    each = {name: _each(results[name]) for name in ("5m", "50m")}
    memory = max(run.rss_mb for run in results["50m"].of(STEDI.name))
    return [
        ["seconds a reading, 50 million by 5.5 million", "1.2", f"{each['50m'] / each['5m']:.2f}"],
        ["peak memory at 50 million readings, MB", "2,000", f"{memory:,.0f}"],
    ]


def _each(results: Results) -> float:
    return results.median(STEDI.name, "wall") / results.size.readings


def _size(results: Results) -> str:
    feeds = results.feeds
    lines = ", ".join(f"{count:,} {feed}" for feed, count in feeds["lines"].items())
    title = f"{results.size.label.capitalize()}\n\n{lines} lines in {feeds['files']} files, " + (
        f"{feeds['bytes'] / 1e6:,.0f} MB, {results.size.days} days."
    )
    head = ("", "wall s", "range", "cpu s", "memory MB", "wall by stedi", "cpu by stedi", "runs")
    return table(title, head, [_line(results, name) for name in results.contenders])


def _line(results: Results, name: str) -> list[str]:
    walls = sorted(run.wall for run in results.of(name))
    return [
        CONTENDERS[name].title,
        f"{results.median(name, 'wall'):.2f}",
        f"{walls[0]:.2f} to {walls[-1]:.2f}",
        f"{results.median(name, 'cpu'):.2f}",
        f"{results.median(name, 'rss_mb'):,.0f}",
        *(_ratio(results.ratios(name, figure)) for figure in ("wall", "cpu")),
        str(len(walls)),
    ]


def _ratio(ratios: list[float]) -> str:
    return f"{median(ratios):.2f}" if ratios else "1"


def _growth(results: All) -> str:
    """Seconds a reading of `stedi run` from size to size, and the straight line through them."""
    if len(results) < 3:
        return ""
    lines = [
        [
            f"{one.size.readings:,}",
            f"{one.median(STEDI.name, 'wall'):.2f}",
            f"{_each(one) * 1e6:.3f}",
            f"{one.median(STEDI.name, 'cpu') / one.size.readings * 1e6:.3f}",
            f"{one.median(STEDI.name, 'rss_mb'):,.0f}",
        ]
        for one in results.values()
    ]
    head = ("readings", "wall s", "wall s a million", "cpu s a million", "memory MB")
    fixed, slope = line(results)
    fit = f"\nA straight line through them: {fixed:.2f} s and {slope * 1e6:.3f} s a million.\n"
    return table("Growth of `stedi run`", head, lines) + fit


def line(results: All, weight: Callable[[float], float] = lambda x: 1 / x) -> tuple[float, float]:
    """Seconds at zero and seconds a reading, least squares of relative errors."""
    points = [(r.size.readings, r.median(STEDI.name, "wall")) for r in results.values()]
    weights = [weight(seconds) ** 2 for _, seconds in points]
    total = sum(weights)
    mean_x = sum(w * x for w, (x, _) in zip(weights, points, strict=True)) / total
    mean_y = sum(w * y for w, (_, y) in zip(weights, points, strict=True)) / total
    over = sum(w * (x - mean_x) * (y - mean_y) for w, (x, y) in zip(weights, points, strict=True))
    under = sum(w * (x - mean_x) ** 2 for w, (x, _) in zip(weights, points, strict=True))
    return mean_y - over / under * mean_x, over / under


def _pyspark(results: All) -> str:
    """What the PySpark figures mean, and what its start-up is of them."""
    found = results.get("sample")
    if found is None or not found.of("pyspark-published"):
        return ""
    true = found.of(STEDI.name)[0].rows["machine_learning_curated"]
    published = found.of("pyspark-published")[0].rows["machine_learning_curated"]
    lines = [_startup(one, n) for one in results.values() for n in one.contenders if "spark" in n]
    head = ("feeds", "", "wall s", "of which session start", "wall by stedi without it")
    text = PYSPARK.format(published=published, true=true)
    return table("PySpark", head, lines) + "\n" + text


def _startup(results: Results, name: str) -> list[str]:
    start = median(run.startup or 0 for run in results.of(name))
    wall, stedi = results.median(name, "wall"), results.median(STEDI.name, "wall")
    title = CONTENDERS[name].title
    ratio = (wall - start) / stedi
    return [results.size.label, title, f"{wall:.2f}", f"{start:.2f}", f"{ratio:.2f}"]


def _machine(results: Results) -> str:
    about = results.machine
    packages = ", ".join(f"{name} {version}" for name, version in about["packages"].items())
    return (
        "## Machine\n\n"
        f"{about['cores']} cores of {about['processor']}, {about['memory_gb']:g} GB of memory, "
        f"{about['system']}. Python {about['python']}, Java {about['java']}, {packages}. "
        f"Taken on {about['day']} at commit {about['commit']}, at a load average of "
        f"{median(run.load for run in results.runs):.1f} before a run (median).\n"
    )
