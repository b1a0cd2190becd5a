"""Who the simulated people are: address, devices, and the history of their consent."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import numpy as np

from stedi.simulate import consent, plan
from stedi.simulate.arrays import Ints, stream
from stedi.simulate.choices import DAY_MS, Choices
from stedi.simulate.consent import Record

FIRST = (
    "Santosh", "Bobby", "Trevor", "Ashley", "Chris", "Lyn", "Sarah", "Jaya", "Neeraj", "Ben",
    "Dakota", "Travis", "Gail", "Edward", "Manoj", "Liz", "Danny", "Spencer", "Larry", "Frank",
    "Christina", "Suresh", "Senthil", "Eric", "Craig", "David", "Jason", "Angie", "Leslie",
    "Mark", "Chad", "Nadia", "Olga", "Pedro", "Quinn", "Rosa", "Tariq", "Ulla", "Viktor", "Wanda",
)  # fmt: skip
LAST = (
    "Clayton", "Habschied", "Anandh", "Khatri", "Doshi", "Staples", "Mitra", "Davis", "Gonzalez",
    "Harris", "Jones", "Smith", "Fibonnaci", "Sanchez", "Ahmed", "Abram", "Lincoln", "Wu",
    "Olson", "Rosewell", "Spencer", "Aristides", "Bianchi", "Okafor", "Nakamura", "Petrov",
    "Quispe", "Romero", "Sato", "Tran", "Ueda", "Varga", "Weiss", "Xu", "Yilmaz", "Zhang",
    "Silva", "Kovacs", "Novak", "Lopez",
)  # fmt: skip


@dataclass(frozen=True)
class Person:
    """One customer. `address` is the e-mail in lower case, the person of the tables' rules.

    `devices` are serial numbers, a claimed one of another person last; `contested` tells for
    each whether customer records of two people name it. `since` is the consent date in epoch
    ms or None. `readings_since` and `readings_any` tell whether any accelerometer reading is
    promoted, of those taken since consent and of all.
    """

    number: int
    name: str
    address: str
    devices: tuple[str, ...]
    contested: tuple[bool, ...]
    records: tuple[Record, ...]
    since: int | None
    phone: bool
    readings_since: bool
    readings_any: bool

    def curated(self, policy: str) -> bool:
        """Whether the person is in customers_curated under a policy."""
        return self.readings_since if policy == "since" else self.readings_any

    def spellings(self) -> tuple[str, ...]:
        """Ways the address is written: all are the same person."""
        title = self.address.title()
        return self.address, title, self.address.upper(), f" {self.address} ", f"{title}  "


def draw(choices: Choices, people: int, recordings: plan.Recordings) -> list[Person]:
    """All customers; the same seed, people and recordings give the same."""
    shift = int(stream(choices.seed, "names").integers(len(FIRST) * len(LAST)))
    phones = plan.has_phone(people)
    last, within = _instants(choices, people, recordings)
    return [
        _person(choices, number, people, shift, bool(phones[number]),
                int(last[number]), int(within[number]))
        for number in range(people)
    ]  # fmt: skip


def _person(
    choices: Choices, number: int, people: int, shift: int, phone: bool, last: int, within: int
) -> Person:
    rng = stream(choices.seed, "customer", number)
    records = consent.history(number, _calendar(choices, within, rng), rng)
    since = consent.current(records)
    recorded = phone and since is not None and last >= 0
    name = _name(number + shift)
    devices, contested = _devices(choices.seed, number, people)
    return Person(
        number=number,
        name=name,
        address=_address(name, number + shift),
        devices=devices,
        contested=contested,
        records=tuple(records),
        since=since,
        phone=phone,
        readings_since=recorded and since is not None and since <= last,
        readings_any=recorded,
    )


def _calendar(choices: Choices, within: int, rng: np.random.Generator) -> consent.Calendar:
    registered = choices.start_ms - int(rng.integers(DAY_MS, 400 * DAY_MS))
    after = choices.end_ms + 2 * DAY_MS + int(rng.integers(DAY_MS))
    return consent.Calendar(registered, choices.start_ms, within, after)


def _instants(choices: Choices, people: int, plan: plan.Recordings) -> tuple[Ints, Ints]:
    """For each person, two times that surely lie before the end of a recording.

    The first in the last recording with readings, the second in one picked at random. A
    quarter of the intended length is reached whatever is lost or repeated, and every recording
    ends with an accelerometer reading. Without readings, -1 and the start of the simulation.
    """
    early = plan.time(plan.first + plan.instants // 4)
    with_lines = np.flatnonzero(plan.lines)
    last = np.full(people, -1)
    last[plan.person[with_lines]] = early[with_lines]
    shuffled = stream(choices.seed, "within").permutation(with_lines)
    within = np.full(people, choices.start_ms)
    within[plan.person[shuffled]] = early[shuffled]
    return last, within


def _name(number: int) -> str:
    first, last = number % len(FIRST), number // len(FIRST)
    return f"{FIRST[first]} {LAST[(first + last) % len(LAST)]}"


def _address(name: str, number: int) -> str:
    again = number // (len(FIRST) * len(LAST))
    return f"{name.replace(' ', '.').lower()}{again or ''}@test.com"


def _devices(seed: int, number: int, people: int) -> tuple[tuple[str, ...], tuple[bool, ...]]:
    own = [_serial(seed, number, place) for place in range(consent.devices_of(number))]
    claimed = any(
        consent.borrowed_from(other) == number
        for other in range(number + 1, min(number + 3, people))
    )
    contested = [claimed] + [False] * (len(own) - 1)
    lender = consent.borrowed_from(number)
    if lender is not None:
        own.append(_serial(seed, lender, 0))
        contested.append(True)
    return tuple(own), tuple(contested)


def _serial(seed: int, number: int, place: int) -> str:
    raw = stream(seed, "serial", number * 8 + place).bytes(16)
    return str(uuid.UUID(bytes=raw, version=4))
