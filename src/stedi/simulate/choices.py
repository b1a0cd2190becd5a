"""What a simulation is asked for, what it answers, and which requests are refused."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from stedi.errors import UsageError

START = date(2026, 1, 5)
PEOPLE = 20
TRUTH_ROWS_UP_TO = 5_000_000
BYTES_PER_READING = 110
# Consent may be given, and a record renewed, some days after the last reading.
DAYS_AFTER = 10
MOST_MINUTES = 720
MOST_HERTZ = 1000
DAY_MS = 86_400_000

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Choices:
    """The arguments of one simulation; `simulate` says what each means."""

    out: Path
    people: int | None
    readings: int | None
    minutes: float
    days: int
    rate: float
    seed: int
    dirty: float
    start: date
    rotated: bool
    irregular: bool
    compress: bool
    truth_rows: bool | None
    workers: int

    @property
    def start_ms(self) -> int:
        """Midnight (UTC) of the first day, in epoch milliseconds."""
        first = datetime(self.start.year, self.start.month, self.start.day, tzinfo=UTC)
        return int(first.timestamp()) * 1000

    @property
    def end_ms(self) -> int:
        """Midnight (UTC) after the last day, in epoch milliseconds."""
        return self.start_ms + self.days * DAY_MS


@dataclass(frozen=True)
class Simulated:
    """Where a simulation lies and how large it is.

    `accelerometer_readings` and `step_trainer_readings` count delivered well-formed lines,
    repeats included; `malformed` counts the lines of all three feeds that are not well-formed.
    """

    out: Path
    truth: Path
    people: int
    days: int
    customer_records: int
    accelerometer_readings: int
    step_trainer_readings: int
    malformed: int
    steps: int
    files: int
    bytes: int
    seconds: float

    @property
    def readings(self) -> int:
        """Readings of both devices, as `--readings` counts them."""
        return self.accelerometer_readings + self.step_trainer_readings

    @property
    def customer(self) -> Path:
        """The folder of the customer feed."""
        return self.out / "customer"

    @property
    def accelerometer(self) -> Path:
        """The folder of the accelerometer feed."""
        return self.out / "accelerometer"

    @property
    def step_trainer(self) -> Path:
        """The folder of the step trainer feed."""
        return self.out / "step_trainer"


def check(choices: Choices) -> None:
    """Refuse, with the remedy, what cannot be simulated; raises UsageError."""
    _check_size(choices)
    _check_numbers(choices)
    _check_calendar(choices)
    _check_folder(choices.out)


def _check_size(choices: Choices) -> None:
    if choices.people is not None and choices.readings is not None:
        raise UsageError(
            f"people={choices.people} and readings={choices.readings} were both given, "
            "and each decides the size: give one of them"
        )
    _at_least_one("people", choices.people)
    _at_least_one("readings", choices.readings)
    _at_least_one("days", choices.days)
    _at_least_one("workers", choices.workers)


def _at_least_one(name: str, value: int | None) -> None:
    if value is not None and value < 1:
        raise UsageError(f"{name}={value} is too few: give {name} of 1 or more")


def _check_numbers(choices: Choices) -> None:
    if not 0 < choices.rate <= MOST_HERTZ:
        raise UsageError(f"rate={choices.rate} Hz: give more than 0 and at most {MOST_HERTZ} Hz")
    if not 0 < choices.minutes <= MOST_MINUTES:
        raise UsageError(
            f"minutes={choices.minutes} per person and day: "
            f"give more than 0 and at most {MOST_MINUTES}"
        )
    if not 0 <= choices.dirty <= 0.5:
        raise UsageError(
            f"dirty={choices.dirty}: give the share of malformed lines, between 0 and 0.5"
        )
    if choices.seed < 0:
        raise UsageError(f"seed={choices.seed} is negative: give 0 or more")
    if choices.people is not None and math.floor(choices.minutes * 60 * choices.rate) < 1:
        raise UsageError(
            f"minutes={choices.minutes} at rate={choices.rate} Hz hold no reading: raise either"
        )


def _check_calendar(choices: Choices) -> None:
    today = datetime.now(UTC).date()
    try:
        last = choices.start + timedelta(days=choices.days + DAYS_AFTER)
    except OverflowError:
        last = date.max
    if last > today:
        raise UsageError(
            f"start={choices.start} and days={choices.days} reach past today ({today}), and "
            "readings of the future are refused at landing: start earlier or take fewer days"
        )
    if choices.start < date(2002, 1, 1):
        raise UsageError(
            f"start={choices.start}: readings and registrations before 2000 are refused at "
            "landing: start in 2002 or later"
        )


def _check_folder(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file: name a folder that is new or empty")
    if out.is_dir() and any(out.iterdir()):
        raise UsageError(f"{out} is not empty: name a folder that is new or empty")


def check_space(out: Path, readings: int) -> None:
    """Refuse what the disk cannot hold, before the first byte; `out` must exist."""
    needed, free = readings * BYTES_PER_READING, shutil.disk_usage(out).free
    if needed > free:
        raise UsageError(
            f"{readings:,} readings need about {needed / 1e9:.1f} GB and {out} has "
            f"{free / 1e9:.1f} GB free: ask for fewer readings or name another disk"
        )
