"""One recording, made: a person's walk as both devices tell it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from stedi.simulate import deliveries, gait, sensors, walk
from stedi.simulate.arrays import Ints, Small, stream
from stedi.simulate.choices import Choices
from stedi.simulate.deliveries import Deliveries
from stedi.simulate.people import Person
from stedi.simulate.plan import Recordings


@dataclass(frozen=True)
class Names:
    """Who a recording's lines say they are from.

    `user` is the address as the app spells it, `respelt` the same address spelt otherwise;
    `main` and `other` are places in the person's devices, the same when only one is used.
    `stranger` and `strange_device` are in no customer record.
    """

    user: str
    respelt: str
    main: int
    other: int
    stranger: str
    strange_device: str


@dataclass(frozen=True)
class Recording:
    """Everything known of one recording of n instants.

    `time` (n,) epoch ms; `units` (n, readings, 3) in 0.0001 m/s², of which an instant's first
    `deliveries.phone` exist; `distance` (n,) of the main device and `second` (n,) of the
    instant's second reading, when there is one; `steps` epoch ms of each true foot contact.
    """

    person: Person
    names: Names
    time: Ints
    deliveries: Deliveries
    units: Small
    distance: Small
    second: Small
    steps: Ints

    @cached_property
    def readings(self) -> tuple[Small, Ints]:
        """The accelerometer readings in order: units (m, 3) and the instant of each (m,)."""
        phone = self.deliveries.phone
        exists = np.arange(self.units.shape[1]) < phone[:, None]
        return self.units[exists], np.repeat(np.arange(len(phone)), phone)


def make(choices: Choices, plan: Recordings, at: int, person: Person) -> Recording:
    """Recording number `at` of the plan, the same whichever are made beside it."""
    rng = stream(choices.seed, "recording", at)
    way = deliveries.draw(int(plan.lines[at]), rng, phone=person.phone, irregular=choices.irregular)
    names = _names(person, rng)
    time = plan.time(plan.first[at] + np.arange(len(way)))
    who = gait.draw(choices.seed, person.number, rotated=choices.rotated)
    walked = walk.draw(who, (len(way) - 1) / choices.rate, rng)
    distance = sensors.distances(who, walked, (time - time[0]) / 1000, rng)
    return Recording(
        person=person,
        names=names,
        time=time,
        deliveries=way,
        units=_units(choices, who, walked, person, len(way), rng),
        distance=distance,
        second=_second(distance, names.main == names.other, rng),
        steps=time[0] + np.floor(walked.contact * 1000).astype(np.int64),
    )


def _units(
    choices: Choices,
    who: gait.Gait,
    walked: walk.Walk,
    person: Person,
    instants: int,
    rng: np.random.Generator,
) -> Small:
    if not person.phone:
        return np.zeros((instants, 0, 3), dtype=np.int32)
    uneven = rng if choices.irregular else None
    times = sensors.sample_times(instants, choices.rate, 4 if choices.irregular else 3, uneven)
    return sensors.accelerations(who, walked, times, choices.rate, rng)


def _second(distance: Small, same_device: bool, rng: np.random.Generator) -> Small:
    """A second reading of an instant, 0 to 3 away; never equal when the device is the same."""
    away = rng.integers(1 if same_device else 0, 4, len(distance), dtype=np.int32)
    return np.where(distance < 250, distance + away, distance - away)


def _names(person: Person, rng: np.random.Generator) -> Names:
    spellings = person.spellings()
    usual = rng.random() < 0.8
    spelling = 0 if usual else int(rng.integers(len(spellings)))
    devices = len(person.devices)
    main = 0 if rng.random() < 0.7 else int(rng.integers(devices))
    return Names(
        user=spellings[spelling],
        respelt=spellings[(spelling + 1 + int(rng.integers(len(spellings) - 1))) % len(spellings)],
        main=main,
        other=(main + int(rng.integers(devices))) % devices,
        stranger=f"visitor{int(rng.integers(10**6))}@elsewhere.test",
        strange_device=str(uuid.UUID(bytes=rng.bytes(16), version=4)),
    )
