"""Delivered lines of a small world: few people, devices and instants, so that they collide."""

from __future__ import annotations

import json
from dataclasses import dataclass

from helpers import Row, record

DAY = 86_400_000
MIDNIGHT = 1_769_990_400_000  # 2026-02-02T00:00:00Z
PEOPLE = ("ada@test.com", "bob@test.com", "cyd@test.com", "dan@test.com")
DEVICES = ("one", "two", "three", "four")
NOBODY = "eve@test.com"
UNKNOWN = "unknown device"
# The first and the last millisecond of four days.
INSTANTS = tuple(MIDNIGHT + day * DAY + part for day in range(4) for part in (0, DAY - 1))
SPELLINGS = (str, str.upper, lambda address: f" {address.title()} ")


@dataclass(frozen=True)
class Customer:
    """A customer record: the `updated`-th second; consent since an instant, or None for none.

    `since` counts INSTANTS; one below the first and one beyond the last are allowed.
    """

    who: int
    device: int
    updated: int
    since: int | None
    spelled: int = 0
    phone: str = "1"
    public: bool = True

    feed = "customer"

    @property
    def person(self) -> str:
        return PEOPLE[self.who]

    @property
    def row(self) -> Row:
        given = {} if self.since is None else {"shareWithResearchAsOfDate": consented(self.since)}
        left_out = ["shareWithResearchAsOfDate"] + ["shareWithPublicAsOfDate"] * (not self.public)
        return given | record(
            "customer",
            *left_out,
            email=SPELLINGS[self.spelled](self.person),
            serialNumber=DEVICES[self.device],
            lastUpdateDate=MIDNIGHT - DAY + 1000 * self.updated,
            phone=self.phone,
        )


@dataclass(frozen=True)
class Reading:
    """An accelerometer reading of a person, None for somebody unknown, at an instant."""

    who: int | None
    at: int
    x: float = 1.0
    spelled: int = 0
    firmware: str | int | None = None

    feed = "accelerometer"

    @property
    def person(self) -> str:
        return NOBODY if self.who is None else PEOPLE[self.who]

    @property
    def row(self) -> Row:
        unannounced = {} if self.firmware is None else {"firmware": self.firmware}
        user = SPELLINGS[self.spelled](self.person)
        return record(self.feed, user=user, timestamp=INSTANTS[self.at], x=self.x, **unannounced)


@dataclass(frozen=True)
class Step:
    """A step-trainer reading of a device, None for an unknown one, at an instant."""

    device: int | None
    at: int
    distance: int = 250

    feed = "step_trainer"

    @property
    def row(self) -> Row:
        serial = UNKNOWN if self.device is None else DEVICES[self.device]
        return record(
            self.feed,
            serialNumber=serial,
            sensorReadingTime=INSTANTS[self.at],
            distanceFromObject=self.distance,
        )


@dataclass(frozen=True)
class Malformed:
    """A line of a feed that goes to quarantine."""

    feed: str
    text: str = "not JSON"


Line = Customer | Reading | Step | Malformed


def consented(since: int) -> int:
    """The consent date, in epoch ms, that admits INSTANTS[since] and later."""
    return MIDNIGHT + (since // 2) * DAY + (DAY - 1) * (since % 2)


def text_of(line: Line) -> bytes:
    """The line as it is delivered."""
    return (line.text if isinstance(line, Malformed) else json.dumps(line.row)).encode()
