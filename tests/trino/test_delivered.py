"""The feeds as delivered, as `stedi ddl --dialect athena` declares them, read by Trino.

Of its Hive connector only the reader of such lines (OpenX JSON) is here: the part that the columns
and the mapping of names depend on.
"""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from sqlglot import exp

from helpers import line
from stedi.contract import load_tables
from stedi.contract.ddl import ddl
from stedi.simulate import simulate
from trino.server import java

pytestmark = pytest.mark.xdist_group("openx")
FEEDS = [table.feed for table in load_tables().values() if table.feed]
NUMBERS = {"bigint": int, "int": int, "double": float}
CONSENT = "shareWithResearchAsOfDate"
ODD = [
    b'{"customerName": ',
    b"{}",
    line("customer", CONSENT, customerName="absent"),
    line("customer", customerName="null", **{CONSENT: None}),
    b'{"CUSTOMERNAME": "Ada", "birthday": "1390-01-01", "email": "ada@test.com"}',
]
Row = dict[str, Any]


def declared(feed: str) -> exp.Create:
    """The CREATE EXTERNAL TABLE of a feed."""
    for tree in sqlglot.parse(ddl(load_tables(), "athena"), read="athena"):
        table = tree.find(exp.Table) if isinstance(tree, exp.Create) else None
        if table is not None and table.name == f"{feed}_raw":
            return tree
    raise LookupError(feed)


@cache
def columns(feed: str) -> dict[str, str]:
    """Names and types as declared."""
    found = declared(feed).this.expressions
    return {column.name: column.args["kind"].sql("hive").lower() for column in found}


def properties(feed: str) -> dict[str, str]:
    """What the SerDe is told."""
    found = declared(feed).find(exp.SerdeProperties)
    assert found is not None
    return {each.this.name: each.args["value"].name for each in found.expressions}


@pytest.fixture(scope="module")
def read(files: dict[str, list[Path]]) -> dict[str, list[Row]]:
    """The rows of every feed's files, read by one Java."""
    orders = [
        order
        for feed in FEEDS
        for order in (
            f"table {feed}",
            *(f"column {name} {kind}" for name, kind in columns(feed).items()),
            *(f"property {name}={value}" for name, value in properties(feed).items()),
            *(f"file {file}" for file in files[feed]),
        )
    ]
    done = subprocess.run(
        java("OpenX.java"), input="\n".join(orders), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = [line.split(" ") for line in done.stdout.splitlines() if line.startswith("row ")]
    return {feed: [row(feed, cells) for _, name, *cells in found if name == feed] for feed in FEEDS}


def row(feed: str, cells: list[str]) -> Row:
    texts = [None if cell == "-" else bytes.fromhex(cell[1:]).decode() for cell in cells]
    return {
        name: None if text is None else NUMBERS.get(kind, str)(text)
        for (name, kind), text in zip(columns(feed).items(), texts, strict=True)
    }


def fields(feed: str) -> dict[str, str]:
    """A feed's columns, and what they are called in its files."""
    table = next(table for table in load_tables().values() if table.feed == feed)
    return {column.name: column.field for column in table.columns if column.field}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Well-formed feeds of 20 people by feed; the last file of customers has odd lines alone."""
    landing = tmp_path_factory.mktemp("clean") / "landing"
    simulate(landing, people=20, days=1, minutes=0.02)
    found = {feed: sorted((landing / feed).glob("*.json")) for feed in FEEDS}
    odd = landing / "odd.json"
    odd.write_bytes(b"\n".join(ODD))
    found["customer"].append(odd)
    return found


def test_lines_that_are_no_records_are_rows_of_nulls(read: dict[str, list[Row]]) -> None:
    cut, empty, absent, null, _ = read["customer"][-len(ODD) :]

    assert set(cut.values()) == set(empty.values()) == {None}
    assert (absent["customername"], null["customername"]) == ("absent", "null")
    assert absent[CONSENT.lower()] is null[CONSENT.lower()] is None


def test_a_field_is_found_by_its_very_name(read: dict[str, list[Row]]) -> None:
    assert read["customer"][-1] == dict.fromkeys(fields("customer")) | {"email": "ada@test.com"}


def given(found: Row) -> Row:
    """With null for consent dates that were not given, which are delivered as 0 and "" too."""
    return {
        name: None if name.startswith("sharewith") and each in (0, "") else each
        for name, each in found.items()
    }


@pytest.mark.parametrize("feed", FEEDS)
def test_every_column_is_read_from_its_field(
    feed: str, read: dict[str, list[Row]], files: dict[str, list[Path]]
) -> None:
    wanted = [
        given({column: record.get(field) for column, field in fields(feed).items()})
        for file in files[feed]
        if file.name != "odd.json"
        for record in map(json.loads, file.read_text("utf-8").splitlines())
    ]

    assert len(wanted) > 10
    assert [given(each) for each in read[feed][: len(wanted)]] == wanted
    assert len(read[feed]) == len(wanted) + (len(ODD) if feed == "customer" else 0)
    assert all(any(each[name] is not None for each in wanted) for name in fields(feed))
