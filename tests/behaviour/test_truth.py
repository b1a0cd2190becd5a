"""Simulated feeds with dirty lines: the tables are the rows that the simulator expects."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pyarrow.parquet as pq
import pytest

import sites
from helpers import PROMOTED, Row, millis, ordered, rows_of
from stedi.api import Lake
from stedi.people import pseudonym
from stedi.places import Place
from stedi.simulate import Simulated, simulate

SIZES: list[dict[str, Any]] = [
    {"people": 30, "minutes": 0.05, "days": 2, "dirty": 0.05, "seed": 11},
    {"people": 22, "minutes": 0.1, "irregular": True, "dirty": 0.3, "seed": 12, "compress": True},
]


@pytest.fixture(scope="module", params=SIZES, ids=["dirty", "dirtier and compressed"])
def simulated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    return simulate(tmp_path_factory.mktemp("simulated") / "out", **request.param)


@pytest.fixture(scope="module", params=["since", "any"])
def filled(
    request: pytest.FixtureRequest,
    engine_name: str,
    simulated: Simulated,
    new_site: Callable[[], Place],
):
    """A lake after one run over the simulated feeds, its policy the parameter."""
    with sites.create(new_site() / "lake", request.param, engine_name) as lake:
        lake.run(simulated.out)
        yield lake


def comparable(row: Row, key: bytes) -> Row:
    """A row of either side: instants in epoch ms, the person as subject_id."""
    found = {k: millis(v) if hasattr(v, "tzinfo") else v for k, v in row.items()}
    if "person" in found and "x" in found:
        found["subject_id"] = pseudonym(key, found.pop("person"))
    return found


def landed(lake: Lake, table: str) -> list[Row]:
    rows = rows_of(lake, table)
    if not table.startswith("customer"):
        return rows
    return [
        {
            "person": row["email"].strip(" ").lower(),
            "serialnumber": row["serialnumber"],
            "since": row["sharewithresearchasofdate"],
        }
        for row in rows
    ]


@pytest.mark.parametrize("table", PROMOTED)
def test_a_table_holds_exactly_the_rows_expected(filled: Lake, simulated: Simulated, table: str):
    folder = simulated.truth / "expected" / filled.home.consent
    key = filled.home.key()
    wanted = pq.read_table(folder / f"{table}.parquet").to_pylist()
    found = landed(filled, table)
    assert wanted
    assert ordered(comparable(row, key) for row in found) == ordered(
        comparable(row, key) for row in wanted
    )


def test_the_account_is_the_one_expected(filled: Lake, simulated: Simulated):
    expected = json.loads((simulated.truth / "expected.json").read_text())
    account = {line.table.partition(".")[2]: line for line in filled.account()}
    for table, wanted in expected["policies"][filled.home.consent].items():
        excluded = {reason: count for reason, count in wanted["excluded"].items() if count}
        assert dict(account[table].excluded) == excluded, table
        assert (account[table].rows_in, account[table].rows_out) == (wanted["in"], wanted["out"])
    for feed, wanted in expected["feeds"].items():
        line = account[f"{feed}_landing"]
        assert (line.rows_in, line.rows_out) == (wanted["lines"], wanted["landed"])
        assert sum(line.excluded.values()) == wanted["quarantined"]
