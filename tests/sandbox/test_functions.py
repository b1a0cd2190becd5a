"""Every function of this DuckDB has been looked at: a new version's new ones fail here first.

`functions.txt` lists, after a word of what they may be used for, all names but collations:
`open` to queries, `closed` to them. Whoever adds a name decides that; `gate.py` must agree.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from stedi.engines.duckdb.gate import _CATALOG, TABLE_FUNCTIONS, refusal

LISTED = Path(__file__).with_name("functions.txt")
TABLES = [("curated", "customers_curated")]
CALLABLE = "function_type IN ('scalar', 'aggregate', 'macro', 'window')"


def names(where: str) -> set[str]:
    sql = f"SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE {where}"
    return {name for (name,) in duckdb.connect().execute(sql).fetchall()}


def listed(word: str) -> set[str]:
    lines = (line.split(maxsplit=1) for line in LISTED.read_text().splitlines())
    return {name for first, name in lines if first == word}


def callable_names() -> set[str]:
    found = names(CALLABLE)
    return {name for name in found if not name.startswith(("collate_", "icu_collate_"))}


def test_every_function_was_looked_at():
    assert callable_names() == listed("open") | listed("closed")
    assert not listed("open") & listed("closed")


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    made.execute("SET errors_as_json = true")
    return made


def call(name: str) -> str:
    return 'SELECT "' + name.replace('"', '""') + '"()'


@pytest.mark.parametrize("word", ["open", "closed"])
def test_the_gate_agrees(word: str, connection: duckdb.DuckDBPyConnection):
    shut = {name for name in listed(word) if refusal(connection, call(name), TABLES)}
    assert shut == (listed(word) if word == "closed" else set())


def test_of_functions_that_make_rows_six_are_open(connection: duckdb.DuckDBPyConnection):
    found = names("function_type IN ('table', 'table_macro')")
    assert len(found) > 100
    let = {name for name in found if not refusal(connection, f"FROM {name}()", TABLES)}
    assert let == TABLE_FUNCTIONS


def test_every_view_of_the_catalog_has_a_name_that_is_kept(
    connection: duckdb.DuckDBPyConnection,
):
    views = connection.execute("SELECT schema_name, view_name FROM duckdb_views()").fetchall()
    assert len(views) > 40
    for schema, view in views:
        assert refusal(connection, f"FROM {view}", TABLES)
        assert refusal(connection, f'FROM "{schema}"."{view}"', TABLES)
        assert schema != "main" or _CATALOG.match(view)
