"""The feeds as delivered, as `stedi ddl --dialect athena` declares them, read by Trino.

Twice: on S3 as tables of Glue, by the Hive connector with the SerDe that the DDL names; and the
same lines by the reader that later Trinos have in its place. Which of them Athena has, nobody says.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
import sqlglot
from sqlglot import exp

from catalogs.servers import AWS
from helpers import line
from s3.server import S3Server, client
from stedi.contract import load_tables
from stedi.contract.ddl import Places, ddl
from stedi.simulate import simulate
from trino.conftest import BUCKET, PREFIX
from trino.server import Trino, java

pytestmark = pytest.mark.xdist_group("trino")  # one server is enough
PLACES = Places(landing=f"s3://{BUCKET}/delivered", prefix=PREFIX)
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
Files = dict[str, list[Path]]


@cache
def declared(feed: str) -> exp.Create:
    """The CREATE EXTERNAL TABLE of a feed."""
    for tree in sqlglot.parse(ddl(load_tables(), "athena", PLACES), read="athena"):
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


@pytest.fixture(scope="module", params=["the SerDe, on S3", "Trino's reader"])
def read(request: pytest.FixtureRequest, files: Files) -> Callable[[str], list[Row]]:
    """Gives the rows of a feed's files, as each reader finds them."""
    if request.param == "Trino's reader":
        found = by_reader(files)
        return lambda feed: found[feed]
    server: Trino = request.getfixturevalue("server")
    for feed in FEEDS:
        for file in files[feed]:
            put(request, location(feed) + file.name, file.read_bytes())
        create(feed, request.getfixturevalue("glue"))
    return lambda feed: by_serde(feed, server, files)


def put(request: pytest.FixtureRequest, to: str, content: bytes) -> None:
    """Write one object."""
    s3: S3Server = request.getfixturevalue("buckets")
    bucket, _, key = to.removeprefix("s3://").partition("/")
    client(s3.endpoint).put_object(Bucket=bucket, Key=key, Body=content)


def location(feed: str) -> str:
    """Where the files of the table lie."""
    found = declared(feed).find(exp.LocationProperty)
    assert found is not None
    return str(found.this.name)


def create(feed: str, glue: str, suffix: str = "") -> None:
    """Let the table be in Glue as Athena leaves it there; with a suffix of its own, elsewhere."""
    catalog: Any = boto3.client(
        "glue",
        endpoint_url=glue,
        region_name=AWS["AWS_REGION"],
        aws_access_key_id=AWS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=AWS["AWS_SECRET_ACCESS_KEY"],
    )
    table, serde = declared(feed).find(exp.Table), declared(feed).find(exp.RowFormatSerdeProperty)
    assert table is not None
    assert serde is not None
    storage = {
        "Columns": [{"Name": name, "Type": kind} for name, kind in columns(feed).items()],
        "Location": location(feed).removesuffix("/") + suffix + "/",
        "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",  # STORED AS TEXTFILE
        "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        "NumberOfBuckets": -1,  # none
        "SerdeInfo": {"SerializationLibrary": serde.this.name, "Parameters": properties(feed)},
    }
    given = {
        "Name": table.name + suffix,
        "TableType": "EXTERNAL_TABLE",
        "StorageDescriptor": storage,
    }
    with suppress(catalog.exceptions.AlreadyExistsException):  # the lake has made it
        catalog.create_database(DatabaseInput={"Name": table.db})
    catalog.create_table(DatabaseName=table.db, TableInput=given)


def by_serde(feed: str, server: Trino, files: Files) -> list[Row]:
    """The rows as Trino reads the table in Glue, file by file in the order they were written."""
    table = declared(feed).find(exp.Table)
    assert table is not None
    names = ", ".join(f'"{name}"' for name in columns(feed))
    found = server.ask(f'SELECT {names}, "$path" FROM "{table.db}"."{table.name}"').rows
    order = {f"{location(feed)}{file.name}": number for number, file in enumerate(files[feed])}
    rows = sorted(found, key=lambda cells: order[cells[-1]])
    return [dict(zip(columns(feed), cells[:-1], strict=True)) for cells in rows]


def by_reader(files: Files) -> dict[str, list[Row]]:
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
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Well-formed feeds of 20 people by feed; the last file of customers has odd lines alone."""
    landing = tmp_path_factory.mktemp("clean") / "landing"
    simulate(landing, people=20, days=1, minutes=0.02)
    found = {feed: sorted((landing / feed).glob("*.json")) for feed in FEEDS}
    odd = landing / "odd.json"
    odd.write_bytes(b"\n".join(ODD))
    found["customer"].append(odd)
    return found


def test_lines_that_are_no_records_are_rows_of_nulls(read: Callable[[str], list[Row]]) -> None:
    cut, empty, absent, null, _ = read("customer")[-len(ODD) :]

    assert set(cut.values()) == set(empty.values()) == {None}
    assert (absent["customername"], null["customername"]) == ("absent", "null")
    assert absent[CONSENT.lower()] is null[CONSENT.lower()] is None


def test_a_field_is_found_by_its_very_name(read: Callable[[str], list[Row]]) -> None:
    assert read("customer")[-1] == dict.fromkeys(fields("customer")) | {"email": "ada@test.com"}


def given(found: Row) -> Row:
    """With null for consent dates that were not given, which are delivered as 0 and "" too.

    Those that were are read as text.
    """
    return {
        name: (None if each in (0, "0", "", None) else str(each)) if "sharewith" in name else each
        for name, each in found.items()
    }


@pytest.mark.parametrize("feed", FEEDS)
def test_every_column_is_read_from_its_field(
    feed: str, read: Callable[[str], list[Row]], files: Files
) -> None:
    rows = read(feed)
    wanted = [
        given({column: record.get(field) for column, field in fields(feed).items()})
        for file in files[feed]
        if file.name != "odd.json"
        for record in map(json.loads, file.read_text("utf-8").splitlines())
    ]

    assert len(wanted) > 10
    assert [given(each) for each in rows[: len(wanted)]] == wanted
    assert len(rows) == len(wanted) + (len(ODD) if feed == "customer" else 0)
    assert all(any(each[name] is not None for each in wanted) for name in fields(feed))


@pytest.mark.parametrize(
    ("delivered", "milliseconds"),
    [(1655293787680, 1655293787680), (0, 0), ("", None), (None, None)],
)
def test_a_consent_is_a_number_in_the_words_of_the_declaration(
    delivered: object,
    milliseconds: int | None,
    request: pytest.FixtureRequest,
    server: Trino,
    glue: str,
) -> None:
    """For the SerDe itself; as a bigint an empty text would end the query."""
    suffix = f"_{len(repr(delivered))}"
    name = location("customer").removesuffix("/") + f"{suffix}/1.json"
    put(request, name, line("customer", customerName="Ada", **{CONSENT: delivered}))
    create("customer", glue, suffix)
    number = f'try_cast("{CONSENT.lower()}" AS bigint)'

    found = server.ask(f'SELECT {number} FROM "{PREFIX}landing"."customer_raw{suffix}"').rows
    assert found == [(milliseconds,)]
