"""The scenarios: what is done to a lake, and what is measured of it.

Each goes on from the state in which an earlier one left its lake, checks the rows of the
curated table when it has run, and returns what it measured.
"""

from __future__ import annotations

import os

from benchmarks.costs import crowd, elsewhere, inside
from benchmarks.costs.bench import Bench, Scenario, cost, first_run, tell
from benchmarks.costs.feeds import Delivery
from benchmarks.costs.results import Cost
from benchmarks.costs.site import DAYS, Site
from benchmarks.measure import Failed

IDLE_RUNS = 5


def _full(bench: Bench) -> list[Cost]:
    """The first run over everything, each time into a new lake."""
    return [first_run(bench, bench.main, "full", number) for number in range(bench.rounds)]


def _refresh(bench: Bench) -> list[Cost]:
    """Everything made anew from what has landed."""
    site = bench.main
    rounds = range(bench.rounds)
    done = [cost(bench, "refresh", n, lambda: site.stedi("run", "--full")) for n in rounds]
    site.check()
    return done


def _nothing(bench: Bench) -> list[Cost]:
    """Runs without news, as processes and within one that stays."""
    site = bench.main
    done = [cost(bench, "nothing", number, site.run) for number in range(IDLE_RUNS)]
    load = round(os.getloadavg()[0], 2)
    for number, wall in enumerate(inside.seconds(site.lake, site.landing, IDLE_RUNS)):
        done.append(Cost("nothing-inside", number, round(wall, 4), load, bench.session))
        tell(done[-1])
    site.check()
    return done


def _day(bench: Bench) -> list[Cost]:
    """A hundredth of the lake's readings, on a day after all others."""
    instants = round(bench.main.state.readings / 400)
    return [_delivered(bench, "day", number, bench.main.next_day(instants))
            for number in range(bench.rounds)]  # fmt: skip


def _late(bench: Bench) -> list[Cost]:
    """A hundredth of one day's readings, for an old day."""
    done = []
    for number in range(bench.rounds):
        day = (7 + 11 * number) % DAYS
        part = sum(delivery.day == day for delivery in bench.main.state.deliveries)
        instants = max(1, round(bench.main.day_instants / 100))
        done.append(_delivered(bench, "late", number, Delivery(day, instants, part)))
    return done


def _delivered(bench: Bench, scenario: str, number: int, delivery: Delivery) -> Cost:
    site = bench.main
    site.spoil()
    site.deliver([delivery])
    done = cost(bench, scenario, number, site.run, readings=delivery.readings)
    site.check()
    site.save()
    return done


def _withdraw(bench: Bench) -> list[Cost]:
    """People who consented, and whose readings lie in every day, no longer do."""
    return [_changed(bench, "withdraw", number, False) for number in range(bench.rounds)]


def _consent(bench: Bench) -> list[Cost]:
    """People give their consent, dated before their first reading."""
    return [_changed(bench, "consent", number, True) for number in range(bench.rounds)]


def _changed(bench: Bench, scenario: str, number: int, consents: bool) -> Cost:
    site = bench.main
    people = site.choose(consenting=not consents)
    site.spoil()
    site.change(people, consents)
    done = cost(bench, scenario, number, site.run, people=len(people))
    site.check()
    site.save()
    return done


def _forget(bench: Bench) -> list[Cost]:
    """People are forgotten, proof included."""
    return [_forgotten(bench, number) for number in range(bench.rounds)]


def _forgotten(bench: Bench, number: int) -> Cost:
    site = bench.main
    people = [crowd.Person(n, site.state.seed) for n in site.choose(consenting=True)]
    addresses = site.folder / "forget.txt"
    addresses.write_text("".join(f"{person.email}\n" for person in people))
    words = ("subject", "forget", "--yes", "--file", str(addresses))
    done = cost(bench, "forget", number, lambda: site.stedi(*words), people=len(people))
    site.spoil()
    site.state.holders = sorted(set(site.state.holders) - {person.number for person in people})
    site.state.rewritten = True
    site.check()
    _is_gone(site, people)
    site.save()
    return done


def _is_gone(site: Site, people: list[crowd.Person]) -> None:
    """Failed if a customer file still names one of them."""
    for path in (site.landing / "customer").iterdir():
        text = path.read_text().lower()
        if any(person.email in text or person.serial in text for person in people):
            raise Failed(f"{path.name} still names a person who was forgotten")


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("full", _full, after=""),
        Scenario("nothing", _nothing),
        Scenario("refresh", _refresh),
        Scenario("day", _day),
        Scenario("late", _late),
        Scenario("withdraw", _withdraw),
        Scenario("consent", _consent),
        Scenario("forget", _forget),
        *elsewhere.SCENARIOS,
    )
}
ORDER = (
    *("full", "nothing", "refresh", "day", "nothing", "late", "withdraw", "consent", "forget"),
    *("small", "maintain", "watch"),
)
# What a scenario measures besides what bears its name.
ALONG = {
    "nothing": ("nothing-inside",),
    "small": ("small-first",),
    "maintain": ("small-after",),
    "watch": ("watch-first",),
}
