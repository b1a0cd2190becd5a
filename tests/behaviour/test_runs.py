"""What a run does, and what it leaves alone, seen from outside."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import sites
from helpers import (
    PROMOTED,
    SERIAL,
    T0,
    Row,
    deliver,
    record,
    rows_of,
    snapshots_of,
    tables_of,
)
from stedi.api import Lake
from stedi.places import Place

NewLake = Callable[..., Lake]
KEY = "the same key for all lakes that are compared"


def reading(at: int, x: float = 1.0, **changes: object) -> Row:
    return record("accelerometer", timestamp=T0 + at, x=x, **changes)


def step(at: int, distance: int = 250) -> Row:
    return record("step_trainer", sensorReadingTime=T0 + at, distanceFromObject=distance)


def customer(update: int = 0, research: int | None = 0, **changes: object) -> Row:
    since = None if research is None else T0 + research
    changed = {"lastUpdateDate": T0 + update, "shareWithResearchAsOfDate": since}
    return record("customer", **(changed | changes))


BOB = record("customer", email="bob@test.com", serialNumber="b" * 36)
FILES: list[tuple[str, str, list[Row]]] = [
    ("customer", "1.json", [customer()]),
    ("customer", "2.json", [customer(5, 3), BOB]),
    ("accelerometer", "1.json", [reading(1), reading(2), reading(86_400_000)]),
    ("accelerometer", "2.json", [reading(3), reading(3, 2.0), reading(3, 2.0), reading(4)]),
    ("accelerometer", "3.json", [reading(3), reading(4, user="ADA@test.com"), reading(9)]),
    ("step_trainer", "1.json", [step(n) for n in range(6)]),
    ("step_trainer", "2.json", [step(4, 251), step(9), step(86_400_000)]),
]


def in_order(order: Sequence[int], batches: int) -> list[list[int]]:
    cuts = [len(order) * n // batches for n in range(batches + 1)]
    return [list(order[a:b]) for a, b in itertools.pairwise(cuts)]


@pytest.mark.on_s3
def test_a_second_run_changes_nothing(lake: Lake, landing: Path):
    for file in FILES:
        deliver(landing, *file)
    assert lake.run(landing).changed
    before, status = snapshots_of(lake), lake.status()
    second = lake.run(landing)
    assert not second.changed
    assert snapshots_of(lake) == before
    assert lake.status() == status


def test_a_run_without_landing_refreshes_nothing_new(lake: Lake, landing: Path):
    deliver(landing, *FILES[0])
    lake.run(landing)
    before = snapshots_of(lake)
    assert not lake.run().changed
    assert snapshots_of(lake) == before


def test_a_touched_file_is_not_landed_again(lake: Lake, landing: Path):
    path = deliver(landing, *FILES[2])
    lake.run(landing)
    sites.touch(path)
    assert not lake.run(landing).changed


@pytest.fixture(scope="module")
def of_one_run(engine_name: str, new_site: Callable[[], Place]) -> dict[str, list[Row]]:
    """The promoted tables after one run over all files."""
    root = new_site()
    for file in FILES:
        deliver(root / "landing", *file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEDI_PSEUDONYM_KEY", KEY)
        with sites.create(root / "lake", engine=engine_name) as lake:
            lake.run(root / "landing")
            return tables_of(lake)


@pytest.mark.parametrize(("seed", "batches"), [(1, 2), (2, 3), (3, 7)])
def test_late_and_shuffled_deliveries_give_the_tables_of_one_run(
    new_lake: NewLake,
    landing: Path,
    of_one_run: dict[str, list[Row]],
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    batches: int,
):
    order = list(range(len(FILES)))
    random.Random(seed).shuffle(order)
    monkeypatch.setenv("STEDI_PSEUDONYM_KEY", KEY)
    grown = new_lake("grown")
    for batch in in_order(order, batches):
        for number in batch:
            deliver(landing, *FILES[number])
        grown.run(landing)
        grown.run(landing)
    assert tables_of(grown) == of_one_run
    assert len(of_one_run["machine_learning_curated"]) == 4
    assert [line.balanced for line in grown.account()] == [True] * 8


def test_the_same_lines_in_another_file_change_no_promoted_table(lake: Lake, landing: Path):
    for file in FILES:
        deliver(landing, *file)
    lake.run(landing)
    before = tables_of(lake)
    for feed, name, rows in FILES:
        deliver(landing, feed, f"again-{name}", rows)
    lake.run(landing)
    assert tables_of(lake) == before
    excluded = {line.table: line.excluded for line in lake.account()}
    assert excluded["trusted.accelerometer_trusted"]["exact duplicate"] >= 10


@pytest.mark.on_s3
def test_a_changed_file_replaces_its_old_lines(lake: Lake, landing: Path):
    deliver(landing, *FILES[0])
    deliver(landing, "accelerometer", "1.json", [reading(1), b"bad", b"worse"])
    deliver(landing, "accelerometer", "2.json", [reading(7)])
    lake.run(landing)
    deliver(landing, "accelerometer", "1.json", [reading(2), reading(3), b"other"])
    count = lake.run(landing).landed["accelerometer"]
    assert (count.lines, count.landed, count.quarantined, count.replaced) == (3, 2, 1, 1)
    times = {row["timestamp"] for row in rows_of(lake, "accelerometer_landing")}
    assert len(times) == 3
    assert rows_of(lake, "accelerometer_trusted") == rows_of(
        lake, "accelerometer_landing", None, "_source_file"
    )
    assert [row["text"] for row in rows_of(lake, "quarantine")] == ["other"]
    assert all(line.balanced for line in lake.account())


def test_a_file_emptied_takes_its_lines_with_it(lake: Lake, landing: Path):
    deliver(landing, *FILES[0])
    deliver(landing, "accelerometer", "1.json", [reading(1), b"bad"])
    lake.run(landing)
    deliver(landing, "accelerometer", "1.json", [])
    lake.run(landing)
    assert rows_of(lake, "accelerometer_landing") == rows_of(lake, "accelerometer_trusted") == []
    assert rows_of(lake, "quarantine") == []
    assert all(line.balanced for line in lake.account())


@pytest.mark.on_s3
def test_consent_withdrawn_takes_the_person_out_at_the_next_run(lake: Lake, landing: Path):
    for file in FILES:
        deliver(landing, *file)
    lake.run(landing)
    assert rows_of(lake, "machine_learning_curated")
    deliver(landing, "customer", "3.json", [customer(99, None)])
    lake.run(landing)
    assert "ada@test.com" not in {row["email"].lower() for row in rows_of(lake, "customer_trusted")}
    for name in ("accelerometer_trusted", "step_trainer_trusted", "machine_learning_curated"):
        assert rows_of(lake, name) == [], name


def test_a_change_of_policy_takes_effect_at_the_next_run(lake: Lake, landing: Path):
    deliver(landing, "customer", "1.json", [customer(0, 5)])
    deliver(landing, "accelerometer", "1.json", [reading(1), reading(5)])
    deliver(landing, "step_trainer", "1.json", [step(1), step(5)])
    lake.run(landing)
    assert len(rows_of(lake, "machine_learning_curated")) == 1
    for consent, rows in (("any", 2), ("since", 1)):
        result = lake.run(landing, consent=consent)
        refreshed = {entry.account.table for entry in result.refreshed}
        assert len(rows_of(lake, "machine_learning_curated")) == rows
        assert "trusted.accelerometer_trusted" in refreshed
        assert "trusted.customer_trusted" not in refreshed


def test_the_past_can_be_read_by_time_and_by_snapshot(lake: Lake, landing: Path):
    deliver(landing, *FILES[0])
    lake.run(landing)
    (_, first), *_ = [pair for pair in lake.history("customer_trusted") if pair[1].rows]
    deliver(landing, "customer", "2.json", [BOB])
    lake.run(landing)
    assert len(rows_of(lake, "customer_trusted")) == 2
    for as_of in (str(first.id), first.at.isoformat(), first.at.replace(tzinfo=None).isoformat()):
        assert [row["email"] for row in rows_of(lake, "customer_trusted", as_of)] == [
            "ada@test.com"
        ]
        counted = lake.sql("SELECT count(*) AS n FROM trusted.customer_trusted", as_of)
        assert list(counted) == [{"n": 1}]
    assert rows_of(lake, "customer_trusted", "2020-01-01") == []


def test_lines_delivered_are_lines_landed_and_quarantined(lake: Lake, landing: Path):
    bad = [b"", b"{", b'{"user": 1}', b"\xff", b"[]"]
    deliver(landing, "accelerometer", "1.json", [reading(1), *bad, reading(2)])
    deliver(landing, "step_trainer", "1.json", [step(1)])
    deliver(landing, "customer", "1.json", [b"nothing"])
    landed = lake.run(landing).landed
    counts = {feed: (c.lines, c.landed, c.quarantined) for feed, c in landed.items()}
    assert counts == {"accelerometer": (6, 2, 4), "step_trainer": (1, 1, 0), "customer": (1, 0, 1)}
    numbers = {(row["feed"], row["line"]) for row in rows_of(lake, "quarantine")}
    assert numbers == {("accelerometer", n) for n in (3, 4, 5, 6)} | {("customer", 1)}
    assert all(line.balanced for line in lake.account())


def test_the_account_tells_every_reason(lake: Lake, landing: Path):
    for file in FILES:
        deliver(landing, *file)
    deliver(landing, "step_trainer", "3.json", [record("step_trainer", serialNumber="x")])
    lake.run(landing)
    account = {line.table.partition(".")[2]: line for line in lake.account()}
    assert set(account) == set(PROMOTED) | {
        f"{f}_landing" for f in ("customer", "accelerometer", "step_trainer")
    }
    for line in account.values():
        assert line.balanced
        assert line.rows_in == line.rows_out + sum(line.excluded.values())
    excluded = account["step_trainer_trusted"].excluded
    assert excluded == {"recorded before consent": 3, "unknown device": 1}
    assert all(result.passed for result in lake.check() if result.severity == "fail")


PEOPLE = ["O'Neil@test.com ", "ÉVA@test.com", "  Ñandú@test.com", "張偉@\u0391\u03b8.com"]


def test_why_finds_a_person_as_the_tables_know_them(lake: Lake, landing: Path):
    serials = [f"{SERIAL[:-1]}{n}" for n in range(len(PEOPLE))]
    deliver(
        landing,
        "customer",
        "1.json",
        [record("customer", email=e, serialNumber=s) for e, s in zip(PEOPLE, serials, strict=True)],
    )
    deliver(landing, "accelerometer", "1.json", [reading(1, user=one) for one in PEOPLE])
    deliver(
        landing,
        "step_trainer",
        "1.json",
        [step(1) | {"serialNumber": serial} for serial in serials],
    )
    lake.run(landing)
    for email in PEOPLE:
        assert {trail.rows_out for trail in lake.why(email)} == {1}, email
