"""A lake, its landing folder, and what has been delivered: kept from one scenario to the next."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.costs import crowd, feeds
from benchmarks.costs.feeds import Delivery
from benchmarks.measure import Ended, Failed, succeeded, timed

DAYS = 60
STEDI = str(Path(sys.executable).with_name("stedi"))
CURATED = "curated.machine_learning_curated"
UNKNOWN = ("No such command", "No such option", "Missing command")


class Absent(Exception):
    """The installed `stedi` has no such command or option."""


@dataclass
class State:
    """What the landing folder and the lake hold; `holders` are the people who consent now.

    `touched` people changed their mind or were forgotten: they are not chosen again.
    """

    readings: int
    people: int
    seed: int
    deliveries: list[Delivery] = field(default_factory=list)
    changes: int = 0
    holders: list[int] = field(default_factory=list)
    touched: list[int] = field(default_factory=list)
    rewritten: bool = False
    runs: int = 0


class Site:
    """A folder with feeds and a lake of about `readings` readings.

    Whoever changes it saves it when all is well; what is not saved is made anew.
    """

    def __init__(self, folder: Path, readings: int, seed: int) -> None:
        self.folder = folder.absolute()
        self.landing, self.lake = self.folder / "landing", self.folder / "lake"
        self._saved = self.folder / "state.json"
        self.state = self._load(readings, seed)

    @property
    def ready(self) -> bool:
        """Whether the lake holds what has been delivered."""
        return self._saved.exists()

    @property
    def day_instants(self) -> int:
        """Instants of one of the days that the lake begins with."""
        return round(self.state.readings / feeds.READINGS_AN_INSTANT / DAYS)

    def _load(self, readings: int, seed: int) -> State:
        fresh = State(readings, crowd.number_of_people(readings), seed)
        if not self._saved.exists():
            return fresh
        raw = json.loads(self._saved.read_text())
        state = State(**{**raw, "deliveries": [Delivery(**d) for d in raw["deliveries"]]})
        same = (state.readings, state.seed) == (readings, seed)
        if not same:
            self._saved.unlink()
        return state if same else fresh

    def save(self) -> None:
        """Say that feeds and lake are what `state` says."""
        self._saved.write_text(json.dumps(asdict(self.state)))

    def spoil(self) -> None:
        """Say that they may not be, until they are saved again."""
        self._saved.unlink(missing_ok=True)

    def begin(self) -> None:
        """The first 60 days as feeds, all of them in the page cache, and no lake."""
        usable = self.ready and not self.state.rewritten
        self.spoil()
        shutil.rmtree(self.lake, ignore_errors=True)
        state = self.state
        first = [Delivery(day, self.day_instants) for day in range(DAYS)]
        if usable:
            self._keep(first)
        else:
            self._make(first)
        everybody = list(crowd.people(state.people, state.seed))
        (self.landing / "customer" / "000.json").write_text(
            "".join(person.record(person.consents) for person in everybody)
        )
        holders = [person.number for person in everybody if person.consents]
        self.state = State(state.readings, state.people, state.seed, first, holders=holders)
        self.warm()

    def _keep(self, deliveries: Sequence[Delivery]) -> None:
        names = {delivery.name for delivery in deliveries}
        for path in self.files():
            if path.name not in names:
                path.unlink()

    def _make(self, deliveries: Sequence[Delivery]) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        feeds.write(self.landing, self.state.people, self.state.seed, deliveries)

    def next_day(self, instants: int) -> Delivery:
        """Readings of the day after the last one that has any."""
        return Delivery(max(delivery.day for delivery in self.state.deliveries) + 1, instants)

    def deliver(self, deliveries: Sequence[Delivery], into: Path | None = None) -> None:
        """Write readings below the landing folder, or apart from it to be moved there later."""
        feeds.write(into or self.landing, self.state.people, self.state.seed, deliveries)
        self.state.deliveries += deliveries

    def change(self, numbers: Iterable[int], consents: bool, into: Path | None = None) -> Path:
        """Write a customer file in which people give or withdraw their consent."""
        state, chosen = self.state, list(numbers)
        state.changes += 1
        folder = (into or self.landing) / "customer"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"change-{state.changes:03}.json"
        records = (crowd.Person(n, state.seed).record(consents, state.changes) for n in chosen)
        path.write_text("".join(records))
        others = set(state.holders) - set(chosen)
        state.holders = sorted(others | set(chosen) if consents else others)
        return path

    def choose(self, consenting: bool) -> list[int]:
        """100 of 20,000 people, or as many in proportion, who were not chosen before."""
        state = self.state
        count = max(1, round(state.people / 200))
        touched, holders = set(state.touched), set(state.holders)
        free = [n for n in range(state.people) if n not in touched and (n in holders) == consenting]
        if len(free) < count:
            raise Failed(f"only {len(free)} people are left to choose from; ask for fewer rounds")
        step = len(free) // count
        chosen = free[::step][:count]
        state.touched += chosen
        return chosen

    def stedi(self, *words: str) -> Ended:
        """A `stedi` command on the lake, measured; Failed, or Absent if it does not exist."""
        command = [STEDI, *words, "--lake", str(self.lake)]
        ended = timed(command, self.folder / "log.txt")
        if ended.code == 2 and any(text in ended.said for text in UNKNOWN):
            raise Absent(f"`stedi {' '.join(words[:3])}` is not part of this version")
        return succeeded(command, ended)

    def run(self, *options: str) -> Ended:
        """`stedi run` over the landing folder, measured."""
        return self.stedi("run", "--landing", str(self.landing), *options)

    def check(self) -> None:
        """Failed unless nothing is in quarantine and the curated table holds the rows due."""
        rows = self.rows()
        due = feeds.rows_of(self.state.deliveries, self.state.people, self.state.holders)
        if rows[CURATED] != due or rows["landing.quarantine"]:
            found = f"{rows[CURATED]:,} rows, {rows['landing.quarantine']:,} in quarantine"
            raise Failed(f"{CURATED} should hold {due:,} rows: {found}")

    def rows(self) -> dict[str, int]:
        """Rows of every table."""
        command = [STEDI, "status", "--format", "json", "--lake", str(self.lake)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return {table["table"]: int(table["rows"]) for table in json.loads(said)}

    def files(self) -> list[Path]:
        """The delivered files."""
        return [path for path in self.landing.rglob("*.json") if path.is_file()]

    def warm(self) -> None:
        """Read every delivered file once, so that nobody pays for the disk."""
        for path in self.files():
            with path.open("rb") as file:
                while file.read(1 << 22):
                    pass

    def describe(self) -> dict[str, Any]:
        """The feeds in numbers."""
        files = self.files()
        state = self.state
        return {
            "people": state.people,
            "days": DAYS,
            "seed": state.seed,
            "readings": sum(delivery.readings for delivery in state.deliveries),
            "files": len(files),
            "bytes": sum(path.stat().st_size for path in files),
        }

    def weigh(self) -> dict[str, int]:
        """Files and bytes of the lake on disk."""
        sizes = [path.stat().st_size for path in self.lake.rglob("*") if path.is_file()]
        return {"files": len(sizes), "bytes": sum(sizes)}
