"""The lakes of a benchmark, and what each scenario has in common."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.costs.results import Cost
from benchmarks.costs.site import Site
from benchmarks.measure import Ended

SMALL_READINGS, WATCHED_READINGS = 200_000, 1_000_000


@dataclass
class Bench:
    """Three lakes, and how often each scenario is done."""

    main: Site
    small: Site
    watched: Site
    rounds: int
    small_runs: int
    session: str

    def sites(self) -> list[Site]:
        """All of them."""
        return [self.main, self.small, self.watched]


@dataclass(frozen=True)
class Scenario:
    """Something done to the lake that `site` names; `after` is done first to make that lake."""

    name: str
    measure: Callable[[Bench], list[Cost]]
    site: str = "main"
    after: str = "full"


def cost(
    bench: Bench, scenario: str, number: int, act: Callable[[], Ended], **facts: object
) -> Cost:
    """What `act` costs, as an entry of the scenario."""
    load = os.getloadavg()[0]
    ended = act()
    done = Cost(
        scenario=scenario,
        round=number,
        wall=round(ended.wall, 3),
        load=round(load, 2),
        session=bench.session,
        cpu=round(ended.cpu, 3),
        rss_mb=round(ended.rss_mb, 1),
        facts=facts,
    )
    tell(done)
    return done


def tell(cost: Cost) -> None:
    """Say on stderr what was measured."""
    sys.stderr.write(
        f"{cost.scenario:16} {cost.round:3} {cost.wall:8.2f} s {cost.cpu:8.2f} s cpu "
        f"{cost.rss_mb:7.0f} MB  load {cost.load}\n"
    )


def first_run(bench: Bench, site: Site, scenario: str, number: int) -> Cost:
    """A run over the first 60 days, into a lake of its own."""
    site.begin()
    done = cost(bench, scenario, number, site.run, **site.describe())
    site.check()
    site.save()
    return done


def sites(work: Path, readings: int, seed: int) -> tuple[Site, Site, Site]:
    """The lake that is asked for, the small one and the watched one."""
    return (
        Site(work / f"costs-{readings}", readings, seed),
        Site(work / "costs-small", SMALL_READINGS, seed),
        Site(work / "costs-watched", WATCHED_READINGS, seed),
    )
