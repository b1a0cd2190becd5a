"""The scenarios on lakes of their own: many small runs, upkeep after them, watching."""

from __future__ import annotations

import shutil
from typing import Any

from benchmarks.costs import watching
from benchmarks.costs.bench import Bench, Scenario, cost, first_run, tell
from benchmarks.costs.feeds import Delivery, rows_of
from benchmarks.costs.results import Cost
from benchmarks.costs.site import DAYS, STEDI, UNKNOWN, Absent, Site
from benchmarks.measure import Failed

SMALL_INSTANTS, WATCHED_INSTANTS = 40, 250
RUNS_A_DAY = 10
ARRIVALS = 10


def _small(bench: Bench) -> list[Cost]:
    """One run after the other, each with a little of all three feeds; ten a day."""
    site = bench.small
    done = [first_run(bench, site, "small-first", 0)]
    site.spoil()
    for number in range(1, bench.small_runs + 1):
        day = Delivery(DAYS + number // RUNS_A_DAY, SMALL_INSTANTS, number % RUNS_A_DAY)
        done.append(_small_run(bench, "small", number, day))
    site.check()
    site.save()
    return done


def _small_run(bench: Bench, scenario: str, number: int, delivery: Delivery) -> Cost:
    site = bench.small
    site.deliver([delivery])
    person = site.state.holders[number % len(site.state.holders)]
    site.change([person], consents=True)
    site.state.runs += 1
    return cost(bench, scenario, number, site.run, readings=delivery.readings, people=1)


def _maintain(bench: Bench) -> list[Cost]:
    """Upkeep after all the small runs, and a small run after it."""
    site = bench.small
    before = site.weigh()
    done = cost(bench, "maintain", 0, lambda: site.stedi("maintain"), runs=site.state.runs)
    done.facts.update(before=before, after=site.weigh())
    site.spoil()
    after = _small_run(bench, "small-after", 0, site.next_day(SMALL_INSTANTS))
    site.check()
    site.save()
    return [done, after]


def _watch(bench: Bench) -> list[Cost]:
    """Files renamed into place under a watcher, until their rows are there."""
    site = bench.watched
    first = first_run(bench, site, "watch-first", 0)
    site.spoil()
    arrivals = [_arrival(site, number) for number in range(ARRIVALS)]
    command = [STEDI, "watch", "--landing", str(site.landing), "--lake", str(site.lake)]
    found = watching.delays(command, site.lake, arrivals)
    _stood(found)
    site.check()
    shutil.rmtree(site.folder / "arriving")
    site.save()
    delays = _delays(bench, found)
    for delay in delays:
        tell(delay)
    return [first, *delays]


def _arrival(site: Site, number: int) -> watching.Arrival:
    delivery = Delivery(DAYS, WATCHED_INSTANTS, number)
    apart = site.folder / "arriving"
    site.deliver([delivery], apart)
    files = [
        (str(apart / feed / delivery.name), str(site.landing / feed / delivery.name))
        for feed in ("step_trainer", "accelerometer")
    ]
    state = site.state
    return watching.Arrival(files, rows_of(state.deliveries, state.people, state.holders))


def _stood(found: dict[str, Any]) -> None:
    if found["code"] == 2 and any(text in found["said"] for text in UNKNOWN):
        raise Absent("`stedi watch` is not part of this version")
    if found["code"] or len(found["delays"]) < ARRIVALS:
        raise Failed(f"stedi watch ended with {found['code']}:\n{found['said'][-3000:]}")


def _delays(bench: Bench, found: dict[str, Any]) -> list[Cost]:
    watcher = {"cpu_of_all": round(found["cpu"], 2), "rss_mb": round(found["rss_mb"], 1)}
    facts = {"readings": WATCHED_INSTANTS * 4, **watcher}
    pairs = zip(found["delays"], found["loads"], strict=True)
    return [
        Cost("watch", number, round(delay, 3), round(load, 2), bench.session, facts=facts)
        for number, (delay, load) in enumerate(pairs)
    ]


SCENARIOS = (
    Scenario("small", _small, "small", after=""),
    Scenario("maintain", _maintain, "small", after="small"),
    Scenario("watch", _watch, "watched", after=""),
)
