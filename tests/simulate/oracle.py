"""The rules of the tables in plain Python, line by line, over the feeds as delivered."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

EARLIEST, LATEST = 946684800000, 1893456000000
NUMBERS = {"x", "y", "z"}
FIELDS = {
    "customer": {"email": str, "serialNumber": str, "lastUpdateDate": int},
    "accelerometer": {"user": str, "timestamp": int, "x": float, "y": float, "z": float},
    "step_trainer": {"sensorReadingTime": int, "serialNumber": str, "distanceFromObject": int},
}
TIMES = {
    "customer": "lastUpdateDate",
    "accelerometer": "timestamp",
    "step_trainer": "sensorReadingTime",
}
Line = dict[str, Any]


def raw_lines(out: Path, feed: str) -> list[bytes]:
    """Every line delivered, in order of the files' names."""
    found = []
    for path in sorted((out / feed).iterdir()):
        raw = path.read_bytes()
        found += (gzip.decompress(raw) if path.suffix == ".gz" else raw).split(b"\n")[:-1]
    return found


def landed(out: Path, feed: str) -> list[Line]:
    """The well-formed lines of a feed."""
    return [line for raw in raw_lines(out, feed) if (line := parse(feed, raw)) is not None]


def parse(feed: str, raw: bytes) -> Line | None:
    """A line's fields, or None when it is not well-formed."""
    try:
        line = json.loads(raw.decode(), object_pairs_hook=_agreeing, parse_constant=_refuse)
    except ValueError:
        return None
    if not isinstance(line, dict):
        return None
    if not all(_typed(line.get(key), kind) for key, kind in FIELDS[feed].items()):
        return None
    address = str(line.get("email", line.get("user", "someone")))
    timely = EARLIEST <= line[TIMES[feed]] < LATEST
    return line if timely and address.strip() else None


def _agreeing(pairs: list[tuple[str, Any]]) -> Line:
    line = dict(pairs)
    if any(line[key] != value for key, value in pairs):
        raise ValueError("keys disagree")
    return line


def _refuse(text: str) -> None:
    raise ValueError(text)


def _typed(value: Any, kind: type) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, (int, float) if kind is float else kind)


def person_of(address: str) -> str:
    return address.strip(" ").lower()


class Tables:
    """Rows out (in no order) and excluded counts of every table, under one policy."""

    def __init__(self, feeds: dict[str, list[Line]], policy: str) -> None:
        self.policy = policy
        self.rows: dict[str, list[tuple[Any, ...]]] = {}
        self.excluded: dict[str, Counter[str]] = defaultdict(Counter)
        customers = feeds["customer"]
        self._customers(customers)
        self._accelerometer(feeds["accelerometer"], customers)
        self._customers_curated()
        self._step_trainer(feeds["step_trainer"], customers)
        self._machine_learning()

    def _sort(self, table: str, verdicts: list[tuple[tuple[Any, ...], str | None]]) -> None:
        """Keep promoted rows, each once, and count the rest by reason."""
        seen = set()
        for row, reason in verdicts:
            if reason is None and row not in seen:
                seen.add(row)
            else:
                self.excluded[table][reason or "exact duplicate"] += 1
        self.rows[table] = list(seen)

    def _since(self, customers: list[Line]) -> dict[str, int | None]:
        latest: dict[str, list[Line]] = {}
        for line in customers:
            best = latest.setdefault(person_of(line["email"]), [line])
            if line["lastUpdateDate"] > best[0]["lastUpdateDate"]:
                best[:] = [line]
            elif line["lastUpdateDate"] == best[0]["lastUpdateDate"]:
                best.append(line)
        since: dict[str, int | None] = {}
        for person, lines in latest.items():
            dates = [line.get("shareWithResearchAsOfDate") or 0 for line in lines]
            since[person] = max(dates) if all(dates) else None
        return since

    def _customers(self, customers: list[Line]) -> None:
        self.since = self._since(customers)
        newest: dict[tuple[str, str], int] = {}
        for line in customers:
            key = person_of(line["email"]), line["serialNumber"]
            newest[key] = max(newest.get(key, 0), line["lastUpdateDate"])
        verdicts: list[tuple[tuple[Any, ...], str | None]] = []
        for line in customers:
            key = person_of(line["email"]), line["serialNumber"]
            since = self.since[key[0]]
            reason = None
            if since is None:
                reason = "no research consent"
            elif line["lastUpdateDate"] < newest[key]:
                reason = "superseded by a newer record"
            verdicts.append(((*key, since), reason))
        self._sort("customer_trusted", verdicts)

    def _covered(self, person: str, time: int) -> str | None:
        since = self.since[person]
        if since is None:
            return "no research consent"
        if self.policy == "since" and time < since:
            return "recorded before consent"
        return None

    def _accelerometer(self, readings: list[Line], customers: list[Line]) -> None:
        known = {person_of(line["email"]) for line in customers}
        verdicts: list[tuple[tuple[Any, ...], str | None]] = []
        for line in readings:
            person = person_of(line["user"])
            row = tuple(line[key] for key in ("user", "timestamp", "x", "y", "z"))
            reason = "unknown customer"
            verdicts.append(
                (row, self._covered(person, line["timestamp"]) if person in known else reason)
            )
        self._sort("accelerometer_trusted", verdicts)

    def _customers_curated(self) -> None:
        seen = {person_of(row[0]) for row in self.rows["accelerometer_trusted"]}
        self._sort(
            "customers_curated",
            [
                (row, None if row[0] in seen else "no accelerometer readings")
                for row in self.rows["customer_trusted"]
            ],
        )

    def _step_trainer(self, readings: list[Line], customers: list[Line]) -> None:
        self.owners: dict[str, set[str]] = defaultdict(set)
        for line in customers:
            self.owners[line["serialNumber"]].add(person_of(line["email"]))
        curated = {row[0] for row in self.rows["customers_curated"]}
        verdicts = [
            (
                (line["sensorReadingTime"], line["serialNumber"], line["distanceFromObject"]),
                self._refused(line, curated),
            )
            for line in readings
        ]
        self._sort("step_trainer_trusted", verdicts)

    def _refused(self, line: Line, curated: set[str]) -> str | None:
        owners = self.owners.get(line["serialNumber"], set())
        if not owners:
            return "unknown device"
        if len(owners) > 1:
            return "device claimed by several people"
        (owner,) = owners
        if self.since[owner] is None:
            return "no research consent"
        if owner not in curated:
            return "owner has no accelerometer readings"
        return self._covered(owner, line["sensorReadingTime"])

    def _machine_learning(self) -> None:
        distances: dict[tuple[str, int], set[int]] = defaultdict(set)
        for time, serial, distance in self.rows["step_trainer_trusted"]:
            (owner,) = self.owners[serial]
            distances[owner, time].add(distance)
        verdicts: list[tuple[tuple[Any, ...], str | None]] = []
        for user, *reading in self.rows["accelerometer_trusted"]:
            person = person_of(user)
            found = distances.get((person, reading[0]), set())
            reason = None
            if not found:
                reason = "no step-trainer reading at that instant"
            elif len(found) > 1:
                reason = "step-trainer readings disagree"
            verdicts.append(((person, *reading, max(found, default=0)), reason))
        self._sort("machine_learning_curated", verdicts)
