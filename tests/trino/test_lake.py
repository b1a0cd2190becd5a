"""The lake as Athena's engine reads it: the tables, their past, the saved queries."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest

from stedi.api import Lake
from stedi.athena import databases, in_databases
from stedi.contract import load_tables
from stedi.contract.queries import SavedQuery, load_queries
from trino.conftest import PREFIX
from trino.server import Trino, TrinoError

pytestmark = pytest.mark.xdist_group("trino")  # one server is enough
TYPES = {
    "string": "varchar",
    "boolean": "boolean",
    "int": "integer",
    "long": "bigint",
    "double": "double",
    "date": "date",
    "timestamp": "timestamp(6) with time zone",
}
TABLE = "accelerometer_trusted"
Cells = list[tuple[Any, ...]]


def asked(server: Trino, lake: Lake, sql: str) -> Cells:
    return server.ask(in_databases(sql, databases(lake.home))).rows


def on_duckdb(lake: Lake, sql: str, as_of: str | None = None) -> Cells:
    return [tuple(row.values()) for row in lake.sql(sql, as_of)]


def ordered(rows: Cells) -> Cells:
    return sorted(rows, key=repr)


def same(left: Any, right: Any) -> bool:
    """Whether two cells are one value; means of doubles depend on the order of adding them."""
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-9)
    return type(left) is type(right) and left == right


def assert_same(theirs: Cells, ours: Cells) -> None:
    assert len(theirs) == len(ours)
    for left, right in zip(theirs, ours, strict=True):
        assert len(left) == len(right)
        assert all(map(same, left, right)), (left, right)


# ---------------------------------------------------------------- tables


@pytest.mark.parametrize("name", load_tables())
def test_every_table_has_its_columns_and_rows(name: str, server: Trino, lake: Lake) -> None:
    table = load_tables()[name]
    found = server.ask(f'SELECT * FROM "{PREFIX}{table.zone}"."{name}"')

    assert found.columns == [(column.name, TYPES[column.type]) for column in table.columns]
    assert found.rows, f"{name} is empty: nothing is compared"
    assert ordered(found.rows) == ordered(on_duckdb(lake, f"SELECT * FROM {name}"))


def test_a_table_is_not_in_another_zones_database(server: Trino, lake: Lake) -> None:
    with pytest.raises(TrinoError, match="does not exist"):
        server.ask(f"SELECT 1 FROM {PREFIX}curated.customer_trusted")
    with pytest.raises(TrinoError, match="does not exist"):
        server.ask("SELECT 1 FROM trusted.customer_trusted")
    assert asked(server, lake, "SELECT count(*) FROM trusted.customer_trusted")[0][0] > 0


# ---------------------------------------------------------------- saved queries


@pytest.mark.parametrize("query", load_queries(), ids=lambda query: query.name)
def test_every_saved_query_gives_the_rows_it_gives_here(
    query: SavedQuery, server: Trino, lake: Lake
) -> None:
    theirs, ours = asked(server, lake, query.sql), on_duckdb(lake, query.sql)

    assert ours or query.name == "devices_claimed_by_several"
    if "ORDER BY" in query.sql:
        assert_same(theirs, ours)
    else:
        assert_same(ordered(theirs), ordered(ours))


def test_a_day_is_asked_for_alike(server: Trino, lake: Lake) -> None:
    (newest,) = on_duckdb(lake, f'SELECT max("timestamp") FROM {TABLE}')[0]
    day = newest.replace(hour=0, minute=0, second=0, microsecond=0)
    query = (
        f'SELECT count(*), min("timestamp") FROM {TABLE} WHERE "timestamp" >= '
        f"TIMESTAMP '{day:%Y-%m-%d} 00:00:00 UTC'"
    )
    theirs = asked(server, lake, query)

    assert theirs == on_duckdb(lake, query.replace("TIMESTAMP '", "TIMESTAMPTZ '"))
    assert 0 < theirs[0][0] < len(on_duckdb(lake, f"SELECT 1 FROM {TABLE}"))


# ---------------------------------------------------------------- the past


def test_older_versions_are_read_as_they_were(server: Trino, lake: Lake) -> None:
    versions = [snapshot for _, snapshot in lake.history(TABLE)]
    assert len({snapshot.rows for snapshot in versions}) > 1

    for snapshot in versions:
        theirs = asked(server, lake, f"SELECT * FROM {TABLE} FOR VERSION AS OF {snapshot.id}")
        ours = on_duckdb(lake, f"SELECT * FROM {TABLE}", str(snapshot.id))
        assert ordered(theirs) == ordered(ours)
        assert len(theirs) == snapshot.rows


def test_a_time_finds_the_version_of_then(server: Trino, lake: Lake) -> None:
    first, *_, last = [snapshot for _, snapshot in lake.history(TABLE)]
    query = "SELECT count(*) FROM {} FOR TIMESTAMP AS OF TIMESTAMP '{:%Y-%m-%d %H:%M:%S.%f} UTC'"
    before, shortly = timedelta(days=1), timedelta(milliseconds=1)

    assert asked(server, lake, query.format(TABLE, last.at)) == [(last.rows,)]
    assert asked(server, lake, query.format(TABLE, last.at - shortly)) == [(first.rows,)]
    with pytest.raises(TrinoError, match="No version history"):
        asked(server, lake, query.format(TABLE, first.at - before))


def test_snapshots_say_which_run_made_them(server: Trino, lake: Lake) -> None:
    found = asked(
        server,
        lake,
        f"SELECT snapshot_id, element_at(summary, 'stedi.run') FROM \"{TABLE}$snapshots\"",
    )
    kept = {(each.id, each.summary.get("stedi.run")) for _, each in lake.history(TABLE)}

    assert set(found) == kept
