"""What the promoted tables must hold, in plain Python, written from the design, not the SQL."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from helpers import FEEDS, PROMOTED, Row, moment
from histories.erasure import Erasure, any_takes
from histories.lines import Customer, Line, Malformed, Reading, Step
from stedi.contract import load_tables
from stedi.people import pseudonym

Rows = Counter[tuple[Any, ...]]
FORGOTTEN = "forgotten person"
COLUMNS = {name: tuple(c.name for c in load_tables()[name].columns) for name in PROMOTED}


@dataclass(frozen=True)
class Account:
    """Rows of one table: in, out, excluded by reason. Landing tables have two reasons."""

    rows_in: int
    rows_out: int
    excluded: dict[str, int]


class Truth:
    """Tables and account of a lake that was given these lines, by the rules of the design.

    Lines of forgotten people that are still delivered are kept out; `bad` are feed and text of
    the quarantined lines.
    """

    def __init__(
        self, lines: Iterable[Line], policy: str, key: bytes, erasures: Sequence[Erasure] = ()
    ) -> None:
        self.policy, self.key = policy, key
        self.tables: dict[str, Rows] = {}
        self.account: dict[str, Account] = {}
        self._take(list(lines), erasures)
        self._customer_trusted()
        self._accelerometer_trusted()
        self._customers_curated()
        self._step_trainer_trusted()
        self._machine_learning_curated()

    def _take(self, delivered: list[Line], erasures: Sequence[Erasure]) -> None:
        lines = [line for line in delivered if not any_takes(erasures, line)]
        self.customers = [line for line in lines if isinstance(line, Customer)]
        self.readings = [line for line in lines if isinstance(line, Reading)]
        self.steps = [line for line in lines if isinstance(line, Step)]
        self.bad = Counter((line.feed, line.text) for line in lines if isinstance(line, Malformed))
        came, left = (Counter(line.feed for line in some) for some in (delivered, lines))
        for feed, table in FEEDS.items():
            bad = sum(often for (of, _), often in self.bad.items() if of == feed)
            reasons = {"quarantined": bad, FORGOTTEN: came[feed] - left[feed]}
            excluded = {reason: rows for reason, rows in reasons.items() if rows}
            self.account[table.name] = Account(came[feed], left[feed] - bad, excluded)
        self.since = {line.person: self._since(line.person) for line in self.customers}
        self.claimed: dict[int, set[str]] = defaultdict(set)
        for line in self.customers:
            self.claimed[line.device].add(line.person)

    def _since(self, person: str) -> int | None:
        """The consent date by the latest records; equally recent ones: the refusal, the later."""
        records = [line for line in self.customers if line.person == person]
        latest = max(line.updated for line in records)
        dates = [
            line.row.get("shareWithResearchAsOfDate") for line in records if line.updated == latest
        ]
        return None if None in dates else max(dates)

    def _early(self, person: str, time: int) -> bool:
        since = self.since[person]
        return self.policy == "since" and since is not None and time < since

    def _publish(self, table: str, judged: Iterable[tuple[Row, str | None]]) -> None:
        """Keep the distinct promoted rows; count the rest."""
        reasons: Counter[str] = Counter()
        kept: set[tuple[Any, ...]] = set()
        for row, reason in judged:
            values = tuple(row[name] for name in COLUMNS[table])
            reasons[reason or ("exact duplicate" if values in kept else "")] += 1
            if reason is None:
                kept.add(values)
        total = sum(reasons.values())
        reasons.pop("", None)
        self.tables[table] = Counter(kept)
        self.account[table] = Account(total, len(kept), dict(reasons))

    def _customer_trusted(self) -> None:
        newest: dict[tuple[str, int], tuple[Any, ...]] = {}
        for line in self.customers:
            pair = (line.person, line.device)
            newest[pair] = min(newest.get(pair, _recency(line)), _recency(line))
        self._publish("customer_trusted", (self._customer(line, newest) for line in self.customers))

    def _customer(
        self, line: Customer, newest: dict[tuple[str, int], tuple[Any, ...]]
    ) -> tuple[Row, str | None]:
        since = self.since[line.person]
        if since is None:
            return _stored(line), "no research consent"
        row = _stored(line) | {"sharewithresearchasofdate": moment(since)}
        old = _recency(line) > newest[line.person, line.device]
        return row, "superseded by a newer record" if old else None

    def _accelerometer_trusted(self) -> None:
        judged = [(_stored(line), self._reading(line)) for line in self.readings]
        self._publish("accelerometer_trusted", judged)

    def _reading(self, line: Reading) -> str | None:
        if line.person not in self.since:
            return "unknown customer"
        if self.since[line.person] is None:
            return "no research consent"
        early = self._early(line.person, line.row["timestamp"])
        return "recorded before consent" if early else None

    def _customers_curated(self) -> None:
        self.walkers = {_person(row[0]) for row in self.tables["accelerometer_trusted"]}
        judged = []
        for values in self.tables["customer_trusted"]:
            row = dict(zip(COLUMNS["customer_trusted"], values, strict=True))
            walks = _person(row["email"]) in self.walkers
            judged.append((row, None if walks else "no accelerometer readings"))
        self._publish("customers_curated", judged)

    def _step_trainer_trusted(self) -> None:
        judged = [(_stored(line), self._step(line)) for line in self.steps]
        self._publish("step_trainer_trusted", judged)

    def _step(self, line: Step) -> str | None:
        people = self.claimed.get(line.device, set()) if line.device is not None else set()
        if len(people) != 1:
            return "device claimed by several people" if people else "unknown device"
        (person,) = people
        if self.since[person] is None:
            return "no research consent"
        if person not in self.walkers:
            return "owner has no accelerometer readings"
        early = self._early(person, line.row["sensorReadingTime"])
        return "recorded before consent" if early else None

    def _machine_learning_curated(self) -> None:
        distances = defaultdict(set)
        for line in self.steps:
            if self._step(line) is None:
                (person,) = self.claimed[line.device]
                distances[person, moment(line.row["sensorReadingTime"])].add(line.distance)
        self._publish("machine_learning_curated", self._pairs(distances))

    def _pairs(self, distances: dict[Any, set[int]]) -> Iterable[tuple[Row, str | None]]:
        for values in self.tables["accelerometer_trusted"]:
            row = dict(zip(COLUMNS["accelerometer_trusted"], values, strict=True))
            person = _person(row["user"])
            found = distances.get((person, row["timestamp"]), set())
            row["subject_id"] = pseudonym(self.key, person)
            row["distancefromobject"] = min(found, default=None)
            if not found:
                yield row, "no step-trainer reading at that instant"
            else:
                yield row, "step-trainer readings disagree" if len(found) > 1 else None


def _person(address: str) -> str:
    return address.strip(" ").lower()


def _recency(line: Customer) -> tuple[Any, ...]:
    """The newest first; equally recent ones by their values, a missing date last."""
    return (-line.updated, line.row["email"], line.phone, not line.public)


def _stored(line: Line) -> Row:
    """A record as its landing table holds it."""
    names = {c.field: c for c in FEEDS[line.feed].columns if c.field}
    return {c.name: _value(c.type, line.row.get(field)) for field, c in names.items()}


def _value(kind: str, value: Any) -> Any:
    if value is None:
        return None
    return {"timestamp": moment, "date": date.fromisoformat}.get(kind, lambda same: same)(value)
