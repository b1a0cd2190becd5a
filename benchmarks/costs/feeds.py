"""Deliveries of readings, a file a feed and delivery, written by DuckDB.

python -m benchmarks.costs.feeds reads an order (JSON) from stdin; a process of its own keeps the
caller small. A session is a few instants of one person, one a second; an instant is three
readings of the phone and one of the device.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path

from benchmarks.costs import crowd

READINGS_AN_INSTANT = 4
INSTANTS_A_SESSION = 10
ROOT = Path(__file__).parents[2]
_STRIDE, _DAY_STEP, _PART_STEP = 7919, 104_729, 611_953  # primes: who records when


@dataclass(frozen=True)
class Delivery:
    """Readings of one day: `instants`, shared out among sessions of about ten.

    `part` tells deliveries of the same day apart: their instants are never the same.
    """

    day: int
    instants: int
    part: int = 0

    @property
    def name(self) -> str:
        """The name of its files."""
        return f"day-{self.day:03}-part-{self.part:03}.json"

    @property
    def readings(self) -> int:
        """Lines of both feeds."""
        return READINGS_AN_INSTANT * self.instants

    def sessions(self, people: int) -> int:
        """How many of so many people record: all of them, if there is enough for ten each."""
        return min(people, ceil(self.instants / INSTANTS_A_SESSION))

    def start(self) -> int:
        """A number that shifts who records first."""
        return self.day * _DAY_STEP + self.part * _PART_STEP


def stride(people: int) -> int:
    """A step that visits everybody once."""
    return _STRIDE if people % _STRIDE else _STRIDE + 2


def rows_of(deliveries: Sequence[Delivery], people: int, holders: Collection[int]) -> int:
    """Accelerometer readings of the `holders` in the deliveries: rows of the curated table."""
    inverse = pow(stride(people), -1, people)
    return 3 * sum(
        _instants(delivery, people, (number - delivery.start()) * inverse % people)
        for delivery in deliveries
        for number in holders
    )


def _instants(delivery: Delivery, people: int, rank: int) -> int:
    sessions = delivery.sessions(people)
    if rank >= sessions:
        return 0
    return (rank + 1) * delivery.instants // sessions - rank * delivery.instants // sessions


def write(landing: Path, people: int, seed: int, deliveries: Sequence[Delivery]) -> None:
    """Write the files of the deliveries below `landing`, in another process."""
    order = {
        "landing": str(landing.absolute()),
        "people": people,
        "seed": seed,
        "deliveries": [asdict(delivery) for delivery in deliveries],
    }
    command = [sys.executable, "-m", "benchmarks.costs.feeds"]
    subprocess.run(command, input=json.dumps(order), text=True, check=True, cwd=ROOT)


def _main() -> None:
    order = json.load(sys.stdin)
    landing = Path(order["landing"])
    for feed in ("customer", "accelerometer", "step_trainer"):
        (landing / feed).mkdir(parents=True, exist_ok=True)
    _write_all(landing, order["people"], order["seed"], order["deliveries"])


def _write_all(landing: Path, people: int, seed: int, deliveries: list[dict[str, int]]) -> None:
    import duckdb
    import pyarrow as pa

    with duckdb.connect() as connection:
        known = [(p.number, p.email, p.serial) for p in crowd.people(people, seed)]
        columns = zip(("number", "email", "serial"), zip(*known, strict=True), strict=True)
        connection.register("people", pa.table({name: list(column) for name, column in columns}))
        for fields in deliveries:
            delivery = Delivery(**fields)
            connection.execute(_sessions(delivery, people))
            for feed, select in (("accelerometer", _PHONE), ("step_trainer", _DEVICE)):
                path = landing / feed / delivery.name
                connection.execute(f"COPY ({select}) TO '{path}' (FORMAT json)")


def _sessions(delivery: Delivery, people: int) -> str:
    """In order of time, from three in the morning on for twenty hours."""
    count, instants = delivery.sessions(people), delivery.instants
    midnight = crowd.START_MS + delivery.day * crowd.DAY_MS
    return f"""
        CREATE OR REPLACE TEMP TABLE sessions AS
        SELECT
          rank, email, serial, {delivery.day} AS day,
          {midnight + 3 * 3_600_000 + 7 * delivery.part} + rank * 72000 // {count} * 1000 AS began,
          (rank + 1) * {instants} // {count} - rank * {instants} // {count} AS instants
        FROM range({count}) AS ranks(rank)
        JOIN people ON number = (rank * {stride(people)} + {delivery.start()}) % {people}
        ORDER BY rank
    """


_PHONE = """
    SELECT
      email AS "user", began + i // 3 * 1000 AS "timestamp",
      round(sin(rank * 12.9898 + i * 78.233 + day), 4) AS x,
      round(cos(rank * 4.1414 + i * 39.425 + day), 4) AS y,
      round(i % 3 + 9.3 + 0.4 * sin(rank + i * 0.7), 4) AS z
    FROM (SELECT *, unnest(range(3 * instants)) AS i FROM sessions)
"""
_DEVICE = """
    SELECT
      began + i * 1000 AS "sensorReadingTime", serial AS "serialNumber",
      200 + (rank * 31 + i * 17 + day) % 101 AS "distanceFromObject"
    FROM (SELECT *, unnest(range(instants)) AS i FROM sessions)
"""


if __name__ == "__main__":
    _main()
