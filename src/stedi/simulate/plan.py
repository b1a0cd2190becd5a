"""Who records when, and how many readings: drawn before the first reading is made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stedi.simulate.arrays import Flags, Floats, Ints, stream
from stedi.simulate.choices import DAY_MS, PEOPLE, Choices

# Lines delivered an instant, repeats included; a person without the app has the trainer's only.
LINES_PER_INSTANT = 3.98
LINES_WITHOUT_PHONE = 1.0
# A recording longer than this is cut in pieces, so that a block of work stays small.
MOST_INSTANTS = 65_536
LINES_PER_BLOCK = 250_000
# People exercise at the same hours: morning, noon, evening, and some about midnight (UTC).
MORNING, NOON, EVENING, MIDNIGHT = 7.0, 12.5, 18.0, 24.0
WITHOUT_PHONE = 13


@dataclass(frozen=True)
class Recordings:
    """One entry per recording: a person's unbroken piece of a day, ordered by day and person.

    `first` is the index of its first instant on the common grid, `instants` its intended
    length, `lines` the exact number of readings it delivers, `period` milliseconds an instant.
    """

    person: Ints
    day: Ints
    first: Ints
    instants: Ints
    lines: Ints
    period: float

    def time(self, index: Ints) -> Ints:
        """Epoch milliseconds of instants of the grid: the same for everybody."""
        return np.asarray(np.floor(index * self.period), dtype=np.int64)

    @property
    def readings(self) -> int:
        """Lines of both reading feeds, malformed ones not counted."""
        return int(self.lines.sum())


@dataclass(frozen=True)
class Block:
    """Recordings `start` to `stop` (one day, neighbouring people) that fill one file a feed."""

    number: int
    day: int
    start: int
    stop: int
    lines: int


def has_phone(people: int) -> Flags:
    """Which people ever open the app: one in twenty never does."""
    return np.asarray(np.arange(people) % 20 != WITHOUT_PHONE)


def people_of(choices: Choices) -> int:
    """People asked for, or as many as the readings take when each records for `minutes`."""
    if choices.readings is None:
        return PEOPLE if choices.people is None else choices.people
    each = choices.minutes * 60 * choices.rate * choices.days * LINES_PER_INSTANT * 0.96
    return max(PEOPLE, round(choices.readings / each))


def recordings(choices: Choices, people: int) -> Recordings:
    """Place every recording of every person and share the readings out among them."""
    pieces = _pieces(choices, people)
    day, person, piece = (
        grid.ravel()
        for grid in np.meshgrid(
            np.arange(choices.days), np.arange(people), np.arange(pieces), indexing="ij"
        )
    )
    each = np.where(has_phone(people), LINES_PER_INSTANT, LINES_WITHOUT_PHONE)[person]
    lines = _share(_total(choices, people, each, pieces), each)
    instants = np.maximum(1, np.round(lines / each)).astype(np.int64)
    seconds = _seconds(choices, people, pieces, person, piece, instants)
    first = np.ceil((choices.start_ms / 1000 + day * DAY_MS / 1000 + seconds) * choices.rate)
    return Recordings(
        person, day, first.astype(np.int64), instants, lines, period=1000 / choices.rate
    )


def blocks(plan: Recordings) -> list[Block]:
    """Cut the recordings into blocks of one day and about 250,000 lines."""
    found: list[Block] = []
    start = lines = 0
    for at in range(len(plan.lines)):
        lines += int(plan.lines[at])
        last = at + 1 == len(plan.lines) or plan.day[at + 1] != plan.day[at]
        if last or lines >= LINES_PER_BLOCK:
            found.append(Block(len(found), int(plan.day[at]), start, at + 1, lines))
            start, lines = at + 1, 0
    return found


def _instants(choices: Choices, people: int) -> float:
    """Instants a person and day, on average."""
    if choices.readings is None:
        return choices.minutes * 60 * choices.rate
    return choices.readings / (people * choices.days * LINES_PER_INSTANT)


def _pieces(choices: Choices, people: int) -> int:
    """Recordings a person and day: one, two from two minutes on, more when they are long."""
    instants = _instants(choices, people)
    usual = 2 if instants >= 120 * choices.rate else 1
    return max(usual, int(np.ceil(instants / MOST_INSTANTS)))


def _total(choices: Choices, people: int, each: Floats, pieces: int) -> int:
    if choices.readings is not None:
        return choices.readings
    return max(1, round(float(each.sum()) * _instants(choices, people) / pieces))


def _share(total: int, weight: Floats) -> Ints:
    """Whole numbers in proportion to `weight` that add up to `total`."""
    edges = np.round(total * np.cumsum(weight) / weight.sum()).astype(np.int64)
    return np.asarray(np.diff(edges, prepend=0))


def _seconds(
    choices: Choices, people: int, pieces: int, person: Ints, piece: Ints, instants: Ints
) -> Floats:
    """Seconds after midnight at which each recording starts."""
    longest = float(instants.max()) / choices.rate
    rng = stream(choices.seed, "hours")
    if pieces > 2 or longest > 3600:
        # Twice the length keeps the pieces apart, whatever a recording's exact end is.
        habit = rng.choice([0.0, MORNING, NOON, MIDNIGHT - 0.5], people) * 3600
        return np.asarray(habit[person] + piece * np.ceil(2 * longest + 8 / choices.rate))
    return _hours(rng, people, person, piece, instants / choices.rate)


def _hours(
    rng: np.random.Generator, people: int, person: Ints, piece: Ints, length: Floats
) -> Floats:
    """Starts near the usual hours, a few minutes apart, so that people share instants."""
    night = rng.random(people) < 0.15
    night[0] = True
    early = np.where(rng.random(len(person)) < 0.6, MORNING, NOON) * 3600
    late = np.where(night[person], MIDNIGHT, EVENING) * 3600
    last = (piece == piece.max()) & (night[person] | (piece.max() > 0))
    hour = np.where(last, late, early)
    wait = rng.random(len(person)) * np.minimum(180.0, length)
    return np.where(hour == MIDNIGHT * 3600, hour - 0.5 * length, hour + wait)
