"""How people's consent to research runs: the records of a customer, and the answer they give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stedi.simulate.choices import DAY_MS

# One in twenty people each, so that twenty people hold every kind; the first consents.
KINDS = (
    "registration", "never", "later", "registration", "withdrawn",
    "registration", "never", "moved", "registration", "never",
    "after", "refused tie", "later", "registration", "never",
    "registration", "consenting tie", "regained", "never", "never",
)  # fmt: skip
# People of these places in twenty own a second device, or two more.
DEVICES = {3: 2, 8: 2, 16: 2, 17: 3}


@dataclass(frozen=True)
class Record:
    """One state of a customer: at `updated`, device number `device`, consent since `since`."""

    updated: int
    device: int
    since: int | None


@dataclass(frozen=True)
class Calendar:
    """The times (epoch ms) a person's consent may hang on.

    `registered` lies at least a day before `start`; `within` is the time of an instant in one
    of the person's recordings; `after` is later than any reading.
    """

    registered: int
    start: int
    within: int
    after: int


def kind_of(person: int) -> str:
    """How the consent of a person runs."""
    return KINDS[person % len(KINDS)]


def devices_of(person: int) -> int:
    """Devices a person owns."""
    return DEVICES.get(person % len(KINDS), 1)


def borrowed_from(person: int) -> int | None:
    """The person whose first device this one claims as well, if any: one in twenty does."""
    distance = {6: 1, 27: 2}.get(person % 40)
    return None if distance is None else person - distance


def history(person: int, calendar: Calendar, rng: np.random.Generator) -> list[Record]:
    """Every record of a person, oldest first; only the ties share a time."""
    changes = _changes(kind_of(person), calendar, rng)
    first = changes[0]
    added = [
        Record(calendar.registered + number * int(rng.integers(60_000, 20 * 3_600_000) // 3),
               number, first.since)
        for number in range(1, devices_of(person) + (borrowed_from(person) is not None))
    ]  # fmt: skip
    records = [first, *sorted(added, key=lambda record: record.updated), *changes[1:]]
    if person % 5 == 3:
        records.append(_renewed(records[-1], rng))
    return records


def current(records: list[Record]) -> int | None:
    """The consent date of a person, or None.

    The latest record decides, over all devices. Of equally recent records one refusal
    outweighs the rest, and the latest of several dates holds.
    """
    newest = max(record.updated for record in records)
    dates = [record.since for record in records if record.updated == newest]
    given = [date for date in dates if date is not None]
    return max(given) if len(given) == len(dates) else None


def _changes(kind: str, at: Calendar, rng: np.random.Generator) -> list[Record]:
    """The records in which consent changes, the registration first."""
    given, withheld = Record(at.registered, 0, at.registered), Record(at.registered, 0, None)
    between = int(rng.integers(at.registered + DAY_MS, at.start + DAY_MS // 2))
    # Half of the dates fall on the very instant of a reading: the reading is in.
    within = at.within - int(rng.choice([0, 13]))
    match kind:
        case "never":
            return [withheld]
        case "later":
            return [withheld, Record(within, 0, within)]
        case "after":
            return [withheld, Record(at.after, 0, at.after)]
        case "moved":
            return [given, Record(at.after, 0, within)]
        case "withdrawn":
            return [given, Record(between, 0, None)]
        case "regained":
            return [given, Record(between, 0, None), Record(at.after, 0, within)]
        case "refused tie":
            return [withheld, Record(between, 0, between), Record(between, 0, None)]
        case "consenting tie":
            earlier = Record(at.after, 0, within - DAY_MS)
            return [withheld, earlier, Record(at.after, 1, within)]
    return [given]


def _renewed(record: Record, rng: np.random.Generator) -> Record:
    """The same state, delivered again with a newer date."""
    later = record.updated + int(rng.integers(DAY_MS, 5 * DAY_MS))
    return Record(later, record.device, record.since)
