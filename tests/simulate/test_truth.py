"""expected.json and the expected rows against an oracle that reads the lines one by one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from simulate.oracle import FIELDS, Tables, landed, raw_lines
from stedi.simulate import Simulated, simulate

SIZES: dict[str, dict[str, Any]] = {
    "every kind of person": {"people": 46, "minutes": 0.04, "days": 3, "dirty": 0.04, "seed": 1},
    "uneven phones": {"people": 20, "minutes": 0.1, "irregular": True, "dirty": 0.1, "seed": 2},
    "a handful of readings": {"readings": 77, "seed": 3},
    "a single person": {"people": 1, "minutes": 0.5, "days": 2, "seed": 4, "dirty": 0.5},
    "an odd rate, compressed": {"readings": 9_999, "rate": 33.3, "seed": 5, "compress": True},
    "slow": {"people": 21, "rate": 0.5, "minutes": 3, "days": 2, "seed": 6},
}
ROWS = {
    "customer_trusted": ("person", "serialnumber", "since"),
    "customers_curated": ("person", "serialnumber", "since"),
    "accelerometer_trusted": ("user", "timestamp", "x", "y", "z"),
    "step_trainer_trusted": ("sensorreadingtime", "serialnumber", "distancefromobject"),
    "machine_learning_curated": ("person", "timestamp", "x", "y", "z", "distancefromobject"),
}


Case = tuple[Simulated, dict[str, list[dict[str, Any]]]]


@pytest.fixture(scope="module", params=SIZES.values(), ids=list(SIZES))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A simulation, and the well-formed lines of each feed."""
    simulated = simulate(tmp_path_factory.mktemp("feeds") / "out", **request.param)
    return simulated, {feed: landed(simulated.out, feed) for feed in FIELDS}


def expected(simulated: Simulated) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((simulated.truth / "expected.json").read_text())
    return content


def rows_of(path: Path, columns: tuple[str, ...]) -> list[tuple[Any, ...]]:
    table = pq.read_table(path)
    assert tuple(table.column_names) == columns
    epoch = [
        pc.cast(column, "int64") if str(column.type).startswith("timestamp") else column
        for column in table.columns
    ]
    return list(zip(*(column.to_pylist() for column in epoch), strict=True))


@pytest.mark.parametrize("policy", ["since", "any"])
def test_tables_are_what_the_oracle_finds(case: Case, policy: str) -> None:
    simulated, feeds = case
    found = Tables(feeds, policy)
    for table, account in expected(simulated)["policies"][policy].items():
        excluded = {reason: count for reason, count in account["excluded"].items() if count}
        assert excluded == dict(found.excluded[table]), table
        assert account["out"] == len(found.rows[table]), table
        assert account["in"] == account["out"] + sum(excluded.values())
        path = simulated.truth / "expected" / policy / f"{table}.parquet"
        assert sorted(rows_of(path, ROWS[table])) == sorted(found.rows[table]), table


@pytest.mark.parametrize("feed", FIELDS)
def test_every_line_is_landed_or_quarantined(case: Case, feed: str) -> None:
    simulated, feeds = case
    account = expected(simulated)["feeds"][feed]
    assert account["lines"] == len(raw_lines(simulated.out, feed))
    assert account["landed"] == len(feeds[feed])
    assert account["quarantined"] == account["lines"] - account["landed"]
    assert account["quarantined"] == sum(account["planted"].values())
    assert account["files"] == len(list((simulated.out / feed).iterdir()))


def test_people_are_those_of_the_customer_feed(case: Case) -> None:
    simulated, feeds = case
    people = pq.read_table(simulated.truth / "people.parquet").to_pylist()
    since = Tables(feeds, "any").since
    assert {row["person"]: row["consents"] for row in people} == {
        person: date is not None for person, date in since.items()
    }


def test_every_reason_occurs(tmp_path: Path) -> None:
    simulated = simulate(tmp_path / "out", dirty=0.02, minutes=2)
    content = expected(simulated)
    for table, account in content["policies"]["since"].items():
        assert all(account["excluded"].values()), table
    assert len(content["feeds"]["accelerometer"]["planted"]) == 10


def test_rows_are_left_out_on_request(tmp_path: Path) -> None:
    simulated = simulate(tmp_path / "out", readings=1000, truth_rows=False)
    assert not (simulated.truth / "expected").exists()
    assert expected(simulated)["policies"]["any"]["accelerometer_trusted"]["out"] > 0
