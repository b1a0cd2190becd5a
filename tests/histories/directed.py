"""Histories written by hand, each named after the way in which news reaches rows long there.

They begin with the same world, so that it is made once.
"""

from __future__ import annotations

from histories.lines import Customer, Malformed, Reading, Step
from histories.steps import Again, Deliver, Event, Forget, Maintain, Plot, Replace, Run, Vanish

# Ada consents from the first instant on, Bob from the fourth, Cyd does not, Dan is no customer
# yet. Ada and Bob meet at instant 4. Ada has readings without a step (2 and 7), a step without a
# reading (3), and is where the device "four" is, which nobody has yet (at 4 and 7).
ADA = (*(Reading(0, at) for at in (0, 2, 4, 7)), *(Step(0, at) for at in (0, 3, 4)))
BOB = (Reading(1, 1), Reading(1, 4), Step(1, 1), Step(1, 4, distance=290))
CYD = (Reading(2, 2), Reading(2, 6), Step(2, 2), Step(2, 6))
OTHERS = (Reading(3, 1), Step(3, 1), Step(3, 4, distance=290), Step(3, 7))
PEOPLE = (Customer(0, 0, 0, since=0), Customer(1, 1, 0, since=3), Customer(2, 2, 0, since=None))
WORLD = Deliver((*PEOPLE, *ADA, *BOB, *CYD, *OTHERS))
BEGINNING: tuple[Event, ...] = (WORLD, Run())
# The files of the world, by the order in which they are written.
READINGS, CUSTOMERS, STEPS, NEXT = range(4)
ADAS, DANS = frozenset(range(4)), frozenset({8})  # their lines in READINGS


def _since(*steps: Event) -> Plot:
    return Plot("since", (*BEGINNING, *steps))


def _any(*steps: Event) -> Plot:
    return Plot("any", (*BEGINNING, *steps))


def _customer(
    who: int, updated: int, since: int | None, device: int | None = None, spelled: int = 0
) -> Deliver:
    return Deliver((Customer(who, who if device is None else device, updated, since, spelled),))


LATE = {
    "a late step finds the reading of days ago": _since(Deliver((Step(0, 2),))),
    "a late reading finds the step of days ago": _since(Deliver((Reading(0, 3),))),
    "a late step disagrees with a promoted one": _since(Deliver((Step(0, 0, distance=290),))),
    "a customer comes after the readings": _since(_customer(3, updated=0, since=0)),
    "a customer comes before the only reading": _since(
        Replace(READINGS, DANS), _customer(3, updated=0, since=0), Run(), Deliver((Reading(3, 4),))
    ),
}

CONSENT = {
    "late consent under any brings all readings in": _any(_customer(2, updated=1, since=6)),
    "late consent under since brings those since in": _since(_customer(2, updated=1, since=6)),
    "consent moves forward and back": _since(
        _customer(0, updated=1, since=3), Run(), _customer(0, updated=2, since=0)
    ),
    "consent moved past all readings empties customers_curated": _since(
        _customer(0, updated=1, since=8)
    ),
    "consent is withdrawn and given again": _since(
        _customer(0, updated=1, since=None), Run(), _customer(0, updated=2, since=0)
    ),
    "an equally recent refusal wins": _since(_customer(0, updated=0, since=None)),
    "an older record changes nothing": _since(
        _customer(0, updated=2, since=3), Run(), _customer(0, updated=1, since=None)
    ),
    "the policy is switched and back": _since(Run("any"), Run("since")),
}

DEVICES = {
    "an address is spelled anew": _since(
        Deliver((Reading(0, 3, spelled=1), Customer(0, 0, 1, since=3, spelled=2))),
    ),
    "a device is changed, and disagrees with the old one": _since(
        _customer(0, updated=1, since=0, device=3)
    ),
    "a device is claimed by a second person, by mistake": _since(
        _customer(1, updated=0, since=0, device=0), Run(), Replace(NEXT, frozenset({0}))
    ),
}

FILES = {
    "a changed file takes a person's readings back": _since(Replace(READINGS, ADAS)),
    "a changed file takes steps back, and a customer": _since(
        Replace(STEPS, frozenset({0}), (Step(0, 2),)), Replace(CUSTOMERS, frozenset({1}))
    ),
    "a file is repeated, alone and amid new lines": _since(
        Again(READINGS), Again(STEPS, (Step(0, 2), Reading(0, 3))), Run(), Run()
    ),
    "a landed file vanishes": _since(Vanish(READINGS), Run(), Deliver((Reading(0, 2),))),
    "an unannounced field turns to text": _since(
        Deliver((Reading(0, 2, firmware=7),)), Run(), Deliver((Reading(1, 2, firmware="seven"),))
    ),
}

KEPT = {
    "upkeep between runs changes nothing": _since(
        Deliver((Reading(0, 3),)), Run(), Maintain(keep=1), Deliver((Step(0, 2),))
    ),
    "all is made anew when asked for": _since(Run(full=True), Deliver((Step(0, 2),))),
}

NEWS = Deliver((Customer(0, 0, 1, None), Reading(1, 7), Step(1, 7), Malformed("accelerometer")))
# Killed after the ledger's commit, and between promoted tables.
KILLED = {
    f"a run is killed at tick {tick}": _since(NEWS, Run(killed=tick), Deliver((Step(1, 5),)))
    for tick in (3, 14)
} | {
    "a run with a new policy is killed": _since(Run("any", killed=1)),
}

NAMED = Malformed("accelerometer", '{"user": "ada@test.com"}')
RETURN = Deliver((*PEOPLE, *ADA, NAMED, Malformed("accelerometer"), Reading(1, 7), Step(1, 7)))
FORGOTTEN = {
    "a forgotten person is delivered again": _since(Forget((0,)), RETURN, Run()),
    "who shared a device is forgotten under any, another withdraws unheard": _any(
        _customer(2, 1, since=0, device=0),
        Run(),
        Deliver((Customer(1, 1, 1, None), NAMED)),
        Forget((2,)),
        Deliver((*CYD, Step(0, 2))),
    ),
    "a run is killed, and then a forgetting": _since(
        Deliver((NAMED, Malformed("accelerometer"))), Run(killed=3), Forget((0,), killed=14), RETURN
    ),
}

DIRECTED = LATE | CONSENT | DEVICES | FILES | KEPT | KILLED | FORGOTTEN

# Those in which some table is made anew as a whole.
WHOLE = {
    "the policy is switched and back",
    "all is made anew when asked for",
    "a run with a new policy is killed",
}
