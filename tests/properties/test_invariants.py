"""Small random worlds, delivered in random batches: the tables are those of the rules.

The oracle is plain Python over the delivered records, written from the design, not the SQL.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

import stedi
from helpers import (
    FEEDS,
    Row,
    deliver,
    millis,
    moment,
    read_source,
    record,
    rows_of,
    stored,
)
from stedi.api import Lake
from stedi.contract import load_tables, refresh_order
from stedi.engines.base import Engine, RefreshTask
from stedi.lake.keys import hmac_pads
from stedi.lake.model import Target
from stedi.lake.schema import contract_fields
from stedi.people import pseudonym

DAY = 86_400_000
T0 = 1_770_000_000_000
PEOPLE = ["ada@test.com", "bob@test.com", "cyd@test.com"]
SPELLED = {"ada@test.com": ["ada@test.com", "ADA@test.com", " Ada@Test.com "]}
DEVICES = {"ada@test.com": "one", "bob@test.com": "two", "cyd@test.com": "three"}
TIMES = [T0, T0 + 1, T0 + DAY]

times = st.sampled_from([T0, T0, *TIMES])
addresses = st.sampled_from(PEOPLE).flatmap(lambda p: st.sampled_from(SPELLED.get(p, [p])))


def person(address: str) -> str:
    return address.strip(" ").lower()


@st.composite
def customers(draw: st.DrawFn) -> Row:
    since = draw(st.sampled_from([None, T0, *TIMES]))
    given = {"shareWithResearchAsOfDate": since} if since else {}
    address = draw(addresses)
    own = DEVICES[person(address)]
    device = draw(st.sampled_from([own] * 5 + ["one", "spare"]))
    kept = record("customer", "shareWithResearchAsOfDate", email=address)
    return kept | {"serialNumber": device, "lastUpdateDate": draw(times)} | given


readings = st.builds(
    lambda user, time, x: record("accelerometer", user=user, timestamp=time, x=x),
    st.sampled_from(["ada@test.com", "ADA@test.com", "bob@test.com", "eve@test.com"]),
    times,
    st.sampled_from([1.0, 2.0]),
)
steps = st.builds(
    lambda device, time, distance: record(
        "step_trainer", serialNumber=device, sensorReadingTime=time, distanceFromObject=distance
    ),
    st.sampled_from(["one", "one", "two", "spare", "unknown"]),
    times,
    st.sampled_from([210, 290]),
)


@dataclass(frozen=True)
class World:
    """Records by feed, and the batches in which they are delivered, some of them twice."""

    customer: list[Row]
    accelerometer: list[Row]
    step_trainer: list[Row]
    batches: list[list[tuple[str, list[Any]]]]


CONSENTING = [
    record("customer", email=one, serialNumber=DEVICES[one], lastUpdateDate=T0)
    | {"shareWithResearchAsOfDate": T0}
    for one in PEOPLE[:2]
]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    feeds = {
        "customer": CONSENTING[: draw(st.integers(0, 2))]
        + draw(st.lists(customers(), min_size=1, max_size=3)),
        "accelerometer": draw(st.lists(readings, min_size=1, max_size=8)),
        "step_trainer": draw(st.lists(steps, min_size=1, max_size=10)),
    }
    lines = [(feed, row) for feed, rows in feeds.items() for row in rows]
    lines += draw(st.lists(st.sampled_from(lines), max_size=3))
    lines += [(feed, b"not JSON") for feed in draw(st.lists(st.sampled_from([*feeds]), max_size=2))]
    count = draw(st.integers(1, 3))
    batches: list[dict[str, list[Any]]] = [defaultdict(list) for _ in range(count)]
    for feed, row in draw(st.permutations(lines)):
        batches[draw(st.integers(0, count - 1))][feed].append(row)
    delivered = {
        feed: [row for name, row in lines if name == feed and isinstance(row, dict)]
        for feed in feeds
    }
    return World(**delivered, batches=[list(batch.items()) for batch in batches])


class Oracle:
    """What the tables must hold, as counted rows, by the rules of the design."""

    def __init__(self, world: World, policy: str) -> None:
        self.policy = policy
        self.since = {one: self._since(world, one) for one in PEOPLE}
        self.claims = defaultdict(set)
        for row in world.customer:
            self.claims[row["serialNumber"]].add(person(row["email"]))
        self.customers = {
            (person(row["email"]), row["serialNumber"], self.since[person(row["email"])])
            for row in world.customer
            if self.since[person(row["email"])]
        }
        self.readings = {
            (row["user"], row["timestamp"], row["x"])
            for row in world.accelerometer
            if self._kept(person(row["user"]), row["timestamp"])
        }
        walkers = {person(user) for user, *_ in self.readings}
        self.curated = {row for row in self.customers if row[0] in walkers}
        self.steps = {
            (row["sensorReadingTime"], row["serialNumber"], row["distanceFromObject"])
            for row in world.step_trainer
            if (owner := self._owner(row["serialNumber"])) in walkers
            and self._kept(owner, row["sensorReadingTime"])
        }
        self.pairs = set(self._pairs())

    def _since(self, world: World, one: str) -> int | None:
        rows = [row for row in world.customer if person(row["email"]) == one]
        latest = max((row["lastUpdateDate"] for row in rows), default=0)
        given = [
            row.get("shareWithResearchAsOfDate") for row in rows if row["lastUpdateDate"] == latest
        ]
        return max(given) if given and all(given) else None

    def _kept(self, one: str | None, time: int) -> bool:
        since = self.since.get(one or "")
        return since is not None and (self.policy == "any" or time >= since)

    def _owner(self, device: str) -> str | None:
        owners = self.claims.get(device, set())
        return next(iter(owners)) if len(owners) == 1 else None

    def _pairs(self):
        for user, time, x in self.readings:
            found = {
                distance
                for at, device, distance in self.steps
                if at == time and self._owner(device) == person(user)
            }
            if len(found) == 1:
                yield person(user), time, x, found.pop()


Rows = Callable[[str], list[Row]]


def run(lake: Lake, landing: Path, world: World) -> None:
    for feed in ("customer", "accelerometer", "step_trainer"):
        (landing / feed).mkdir(parents=True)
    for number, batch in enumerate(world.batches):
        for feed, rows in batch:
            deliver(landing, feed, f"{number}.json", rows)
        lake.run(landing)


def agree(rows: Rows, key: bytes, oracle: Oracle) -> None:
    names = {pseudonym(key, one): one for one in PEOPLE}
    found = {
        "customers": customers_of(rows, "customer_trusted"),
        "curated": customers_of(rows, "customers_curated"),
        "readings": [
            (row["user"], millis(row["timestamp"]), row["x"])
            for row in rows("accelerometer_trusted")
        ],
        "steps": [
            (millis(row["sensorreadingtime"]), row["serialnumber"], row["distancefromobject"])
            for row in rows("step_trainer_trusted")
        ],
        "pairs": [
            (
                names[row["subject_id"]],
                millis(row["timestamp"]),
                row["x"],
                row["distancefromobject"],
            )
            for row in rows("machine_learning_curated")
        ],
    }
    for name, listed in found.items():
        assert Counter(listed) == Counter(getattr(oracle, name)), name


def customers_of(rows: Rows, table: str) -> list[tuple[str, str, int]]:
    return [
        (person(row["email"]), row["serialnumber"], millis(row["sharewithresearchasofdate"]))
        for row in rows(table)
    ]


def every_row_is_accounted_for(lake: Lake) -> None:
    for line in lake.account():
        assert line.rows_in == line.rows_out + sum(line.excluded.values()), line
        assert line.stored == line.rows_out, line


def nobody_without_consent(rows: Rows, key: bytes, world: World, oracle: Oracle) -> None:
    """From the tables alone: consent, its date, and one person on both sides of a pair."""
    for row in rows("machine_learning_curated"):
        (one,) = [who for who in PEOPLE if pseudonym(key, who) == row["subject_id"]]
        time = millis(row["timestamp"])
        assert oracle.since[one] is not None
        assert oracle.policy == "any" or oracle.since[one] <= time
        assert any(
            oracle.claims[s["serialNumber"]] == {one}
            for s in world.step_trainer
            if (s["sensorReadingTime"], s["distanceFromObject"])
            == (time, row["distancefromobject"])
        )


@pytest.mark.parametrize("policy", ["since", "any"])
@settings(max_examples=6, suppress_health_check=list(HealthCheck))
@given(world=worlds())
def test_tables_are_what_the_rules_say_however_they_are_delivered(
    engine_name: str, policy: str, world: World
):
    oracle = Oracle(world, policy)
    with (
        tempfile.TemporaryDirectory() as folder,
        stedi.create(Path(folder) / "lake", policy, engine_name) as lake,
    ):
        run(lake, Path(folder) / "landing", world)
        every_row_is_accounted_for(lake)
        agree(lambda name: rows_of(lake, name), lake.home.key(), oracle)


KEY = b"the key of no lake"


def landed(feed: str, rows: list[Row]) -> list[Row]:
    """Records of a feed as rows of its landing table."""
    columns = {c.field: c for c in FEEDS[feed].columns if c.field}
    return [
        {
            columns[field].name: _value(columns[field].type, value)
            for field, value in row.items()
            if value is not None
        }
        for row in rows
    ]


def _value(kind: str, value: Any) -> Any:
    return {"timestamp": moment, "date": date.fromisoformat}.get(kind, lambda same: same)(value)


def refreshed(engine: Engine, world: World, policy: str, folder: Path) -> dict[str, list[Row]]:
    """All promoted tables made by the engine alone, without a lake, each account balanced."""
    feeds = {feed: landed(feed, getattr(world, feed)) for feed in FEEDS}
    sources = {FEEDS[feed].name: stored(FEEDS[feed], rows, folder) for feed, rows in feeds.items()}
    for table in refresh_order():
        target = Target(
            table.name, str(folder / table.name), contract_fields(table), table.day_column
        )
        params = {"consent": policy, **hmac_pads(KEY)}
        read = {name: sources[name] for name in table.sources}
        result = engine.refresh(RefreshTask(table, read, target, params))
        counted = result.tally
        assert result.candidates == counted.rows_in
        assert counted.rows_in == counted.rows_out + sum(counted.excluded.values())
        sources[table.name] = result.staged
    return {name: read_source(source) for name, source in sources.items()}


@pytest.mark.parametrize("policy", ["since", "any"])
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(world=worlds())
def test_queries_say_what_the_rules_say(engine: Engine, policy: str, world: World):
    oracle = Oracle(world, policy)
    with tempfile.TemporaryDirectory() as folder:
        tables = refreshed(engine, world, policy, Path(folder))
    agree(tables.__getitem__, KEY, oracle)
    nobody_without_consent(tables.__getitem__, KEY, world, oracle)


FAULTS = [
    ("accelerometer_trusted", ":consent = 'since'", "false"),
    ("step_trainer_trusted", ":consent = 'since'", "false"),
    ("customer_trusted", "lower(trim(email))", "email"),
    ("machine_learning_curated", "s.person = p.person AND ", ""),
]


@pytest.mark.parametrize(("name", "old", "new"), FAULTS)
def test_a_fault_in_a_query_is_found(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, name: str, old: str, new: str
):
    table = load_tables()[name]
    assert old in table.query
    faulty = replace(table, query=table.query.replace(old, new))
    order = [faulty if one is table else one for one in refresh_order()]
    monkeypatch.setattr(sys.modules[__name__], "refresh_order", lambda: order)
    few = settings(
        max_examples=300, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    assert find(worlds(), lambda world: differs(engine, world), settings=few)


def differs(engine: Engine, world: World) -> bool:
    try:
        with tempfile.TemporaryDirectory() as folder:
            tables = refreshed(engine, world, "since", Path(folder))
        agree(tables.__getitem__, KEY, Oracle(world, "since"))
    except Exception:
        return True
    return False
