"""The lines of a recording, sorted into those delivered promptly and those that come later."""

from __future__ import annotations

from dataclasses import dataclass, field

from stedi.simulate import lines
from stedi.simulate.arrays import Bytes, Flags, Small
from stedi.simulate.deliveries import AGAIN, LATE, RESPELT, UNKNOWN
from stedi.simulate.recording import Recording
from stedi.simulate.rules import device_readings


@dataclass
class Lines:
    """Lines of one file: their text in parts, and their number."""

    parts: list[bytes | memoryview] = field(default_factory=list)
    count: int = 0

    def add(self, text: Bytes, count: int) -> None:
        """Append the text of `count` lines."""
        self.parts.append(text.data)
        self.count += count


@dataclass
class Feed:
    """Lines of one feed: of the day's file, and of the file that follows it."""

    prompt: Lines = field(default_factory=Lines)
    later: Lines = field(default_factory=Lines)


def accelerometer(made: Recording, feed: Feed) -> None:
    """Add the accelerometer lines of a recording."""
    units, instant = made.readings
    way = made.deliveries.phone_way[instant]
    prompt = (way != LATE) & (way != UNKNOWN)

    def add(file: Lines, user: str, chosen: Flags) -> None:
        if count := int(chosen.sum()):
            time = made.time[instant[chosen]]
            file.add(lines.accelerometer(user, time, units[chosen]), count)

    add(feed.prompt, made.names.user, prompt)
    add(feed.prompt, made.names.stranger, way == UNKNOWN)
    add(feed.later, made.names.user, (way == LATE) | (way == AGAIN))
    add(feed.later, made.names.respelt, way == RESPELT)


def step_trainer(made: Recording, feed: Feed) -> None:
    """Add the step trainer lines of a recording, device by device."""
    way = made.deliveries.trainer_way
    prompt = (way != LATE) & (way != UNKNOWN)
    values = (made.distance, made.second)

    def add(file: Lines, serial: str, distance: Small, chosen: Flags) -> None:
        if count := int(chosen.sum()):
            file.add(lines.step_trainer(serial, made.time[chosen], distance[chosen]), count)

    for (place, count), distance in zip(device_readings(made), values, strict=True):
        serial, there = made.person.devices[place], count > 0
        add(feed.prompt, serial, distance, there & prompt)
        add(feed.prompt, made.names.strange_device, distance, there & (way == UNKNOWN))
        add(feed.later, serial, distance, there & ((way == LATE) | (way == AGAIN)))
