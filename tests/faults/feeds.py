"""Three deliveries of hand-made feeds, each file kept small; what is dirty in them is known.

0  customers, readings of one day, malformed lines
1  a withdrawn consent, a second day, an unannounced field (a number)
2  a file of delivery 0 replaced (its malformed line too), the unannounced field as text
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DELIVERIES = 3
PEOPLE, INSTANTS = 6, 12
_DAY_MS = 86_400_000
_START = 1_767_600_000_000 - 1_767_600_000_000 % _DAY_MS


def deliver(landing: Path, number: int) -> None:
    """Write the files of one delivery below `landing`; the earlier ones stay."""
    for name, lines in (_first, _second, _third)[number]().items():
        path = landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(line + "\n" for line in lines), "utf-8")


def _first() -> dict[str, list[str]]:
    people = [_customer(i, consents=i != 5) for i in range(PEOPLE)]
    return {
        "customer/0.json": [*people, '{"customerName": "cut o'],
        "accelerometer/0.json": [*_phone(0), "not JSON"],
        "accelerometer/1.json": _phone(0, people=range(3, PEOPLE)),
        "step_trainer/0.json": [*_trainer(0), '{"serialNumber": 7}'],
    }


def _second() -> dict[str, list[str]]:
    return {
        "customer/1.json": [_customer(1, consents=False, updated=1), _customer(5, True, 1)],
        "accelerometer/2.json": _phone(1, firmware=7),
        "step_trainer/1.json": [*_trainer(1), "[]"],
    }


def _third() -> dict[str, list[str]]:
    return {
        "customer/0.json": [_customer(i, consents=i != 4) for i in range(PEOPLE)],
        "accelerometer/0.json": [*_phone(0, shift=1.5), '{"user": null}'],
        "accelerometer/3.json": _phone(2, people=range(4), firmware="7b"),
        "step_trainer/0.json": [*_trainer(0), *_trainer(2), "{}"],
    }


def _email(person: int) -> str:
    return f"Person.{person}@Example.com"


def _serial(person: int) -> str:
    return f"00000000-0000-4000-8000-{person:012d}"


def _customer(person: int, consents: bool, updated: int = 0) -> str:
    when = _START - 30 * _DAY_MS + updated * _DAY_MS
    fields: dict[str, Any] = {
        "customerName": f"Person {person}",
        "email": _email(person),
        "phone": "5550000",
        "birthDay": "1967-01-01",
        "serialNumber": _serial(person),
        "registrationDate": _START - 30 * _DAY_MS,
        "lastUpdateDate": when,
    }
    if consents:
        fields["shareWithResearchAsOfDate"] = _START + (3000 if person == 2 else -1000)
    return json.dumps(fields)


def _times(day: int) -> list[int]:
    return [_START + day * _DAY_MS + 3_600_000 + 500 * i for i in range(INSTANTS)]


def _phone(
    day: int, people: range = range(PEOPLE - 3), shift: float = 0.0, **more: Any
) -> list[str]:
    return [
        json.dumps(
            {"user": _email(p), "timestamp": t, "x": shift + i, "y": -1.0 * p, "z": 9.5} | more
        )
        for p in people
        for i, t in enumerate(_times(day))
    ]


def _trainer(day: int) -> list[str]:
    return [
        json.dumps({"sensorReadingTime": t, "serialNumber": _serial(p), "distanceFromObject": d})
        for p in range(PEOPLE)
        for d, t in enumerate(_times(day), 200 + p)
    ]
