"""The customer feed, and what the customer tables must make of it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from stedi.simulate.arrays import stream
from stedi.simulate.choices import Choices
from stedi.simulate.consent import Record
from stedi.simulate.people import Person
from stedi.simulate.rules import Account

RECORDS_PER_FILE = 50_000
# Ways in which a consent that was not given is written; None stands for an absent key.
NOT_GIVEN = (None, None, None, None, None, None, None, "null", '""', "0")


@dataclass(frozen=True)
class Line:
    """One delivered record of a person, on the day it is delivered."""

    day: date
    person: Person
    record: Record
    text: str


def lines(choices: Choices, people: list[Person]) -> list[Line]:
    """Every line of the customer feed in order of delivery, a few of them twice."""
    once = [line for person in people for line in _lines(choices, person)]
    rng = stream(choices.seed, "customer repeats")
    again = rng.random(len(once)) < 0.02
    # The first line of all, of a person who consents, is always among the repeats.
    again[0] = True
    last = max(line.day for line in once) + timedelta(days=1)
    repeats = [
        Line(last, line.person, line.record, line.text)
        for line, repeat in zip(once, again, strict=True)
        if repeat
    ]
    return sorted([*once, *repeats], key=lambda line: line.day)


def files(delivered: list[Line]) -> dict[str, list[Line]]:
    """The lines by name of the file that delivers them: one a day, or more when it is full."""
    named: dict[str, list[Line]] = defaultdict(list)
    counts: Counter[date] = Counter()
    for line in delivered:
        named[f"{line.day}-{counts[line.day] // RECORDS_PER_FILE:04}.json"].append(line)
        counts[line.day] += 1
    return dict(named)


def trusted(delivered: list[Line]) -> Account:
    """The account of customer_trusted: one row a consenting person and device."""
    account = Account()
    newest: dict[tuple[int, int], int] = {}
    for line in delivered:
        key = line.person.number, line.record.device
        newest[key] = max(newest.get(key, 0), line.record.updated)
    seen = set()
    for line in delivered:
        key = line.person.number, line.record.device
        if line.person.since is None:
            account.excluded["no research consent"] += 1
        elif line.record.updated < newest[key]:
            account.excluded["superseded by a newer record"] += 1
        elif key in seen:
            account.excluded["exact duplicate"] += 1
        else:
            seen.add(key)
    account.out = len(seen)
    return account


def curated(people: list[Person], policy: str) -> Account:
    """The account of customers_curated: those with an accelerometer reading."""
    account = Account()
    for person in people:
        if person.since is not None and person.curated(policy):
            account.out += len(person.devices)
        elif person.since is not None:
            account.excluded["no accelerometer readings"] += len(person.devices)
    return account


def _lines(choices: Choices, person: Person) -> list[Line]:
    rng = stream(choices.seed, "customer text", person.number)
    fixed = _fixed(person, rng)
    first = choices.start - timedelta(days=1)
    return [
        Line(max(first, _day(record.updated)), person, record, _text(person, record, fixed, rng))
        for record in person.records
    ]


def _fixed(person: Person, rng: np.random.Generator) -> dict[str, Any]:
    """What all records of a person say; a tenth of the birthdays are nonsense."""
    year = int(rng.integers(900, 1500) if rng.random() < 0.1 else rng.integers(1930, 2008))
    return {
        "customerName": person.name,
        "phone": str(int(rng.integers(2_000_000_000, 9_999_999_999))),
        "birthDay": f"{year:04}-{int(rng.integers(1, 13)):02}-{int(rng.integers(1, 29)):02}",
        "registrationDate": person.records[0].updated,
    }


def _text(person: Person, record: Record, fixed: dict[str, Any], rng: np.random.Generator) -> str:
    spelling = 0 if rng.random() < 0.75 else int(rng.integers(1, 3))
    fields = [
        *((key, json.dumps(fixed[key])) for key in ("customerName", "phone", "birthDay")),
        ("email", json.dumps(person.spellings()[spelling])),
        ("serialNumber", json.dumps(person.devices[record.device])),
        ("registrationDate", str(fixed["registrationDate"])),
        ("lastUpdateDate", str(record.updated)),
        ("shareWithResearchAsOfDate", _given(record.since, rng)),
        ("shareWithPublicAsOfDate", _perhaps(record, rng)),
        ("shareWithFriendsAsOfDate", _perhaps(record, rng)),
    ]
    present = (f'"{key}":{value}' for key, value in fields if value is not None)
    return "{" + ",".join(present) + "}\n"


def _perhaps(record: Record, rng: np.random.Generator) -> str | None:
    return _given(record.updated if rng.random() < 0.5 else None, rng)


def _given(since: int | None, rng: np.random.Generator) -> str | None:
    return NOT_GIVEN[int(rng.integers(len(NOT_GIVEN)))] if since is None else str(since)


def _day(time: int) -> date:
    return datetime.fromtimestamp(time / 1000, UTC).date()
