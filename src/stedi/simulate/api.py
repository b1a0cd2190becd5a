"""The one entry point. It loads numpy and pyarrow when called, not when imported."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path

from stedi.errors import storage_error
from stedi.simulate.choices import START, Choices, Progress, Simulated, check


def simulate(
    out: str | os.PathLike[str],
    *,
    people: int | None = None,
    readings: int | None = None,
    minutes: float = 5.0,
    days: int = 2,
    rate: float = 20.0,
    seed: int = 7,
    dirty: float = 0.0,
    start: date | None = None,
    rotated: bool = True,
    irregular: bool = False,
    compress: bool = False,
    truth_rows: bool | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Simulated:
    """Write the three feeds and their truth into the new or empty folder `out`.

    people      customers; without `readings`, 20
    readings    accelerometer and step trainer readings together, hit exactly; the number of
                people follows (at least 20, who then record for less than `minutes`)
    minutes     minutes of readings a person and day
    days        days with readings, from `start` (midnight UTC of a date; default 2026-01-05)
    rate        instants a second, on one grid for all people; an instant holds about three
                accelerometer readings and one step trainer reading
    seed        the same arguments give byte-identical files
    dirty       share of malformed lines among the lines of each feed; they come on top
    rotated     phones lie in pockets at any rotation; False: x sideways, y up, z forward
    irregular   phones sample unevenly, one to four times an instant
    compress    every second reading file is a .gz
    truth_rows  write the very rows expected; default: up to 5 million readings
    workers     threads; default: the processors there are, at most 4
    progress    called with (readings done, readings in all)

    `truth/expected.json` is written last: without it, a simulation is unfinished.
    Raises stedi.errors.UsageError for a request that cannot be met, StorageError when the
    files cannot be written.
    """
    choices = Choices(
        out=Path(out),
        people=people,
        readings=readings,
        minutes=minutes,
        days=days,
        rate=rate,
        seed=seed,
        dirty=dirty,
        start=_day(START if start is None else start),
        rotated=rotated,
        irregular=irregular,
        compress=compress,
        truth_rows=truth_rows,
        workers=min(os.cpu_count() or 1, 4) if workers is None else workers,
    )
    check(choices)
    from stedi.simulate.run import run

    try:
        return run(choices, progress)
    except OSError as error:
        raise storage_error(error, str(choices.out)) from error


def _day(start: date) -> date:
    """The UTC day of a date, or of a time (one without a zone counts as UTC)."""
    if isinstance(start, datetime):
        return (start if start.tzinfo is None else start.astimezone(UTC)).date()
    return start
