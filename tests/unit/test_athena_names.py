"""Tables by the lake's names, in SQL that Athena runs; and what is one SELECT at all."""

import re

import pytest
import sqlglot
from sqlglot import exp

from stedi.athena import in_databases
from stedi.athena.names import select
from stedi.contract import ZONES, load_tables
from stedi.contract.ddl import ddl
from stedi.contract.queries import SavedQuery, load_queries
from stedi.errors import QueryError

FOUND = {zone: f"team_{zone}" for zone in ZONES}


@pytest.mark.parametrize(
    "sql",
    [
        "",
        ";",
        "VALUES 1",
        "SHOW TABLES",
        "EXPLAIN ANALYZE SELECT 1",
        "PREPARE p FROM SELECT 1",
        "USING EXTERNAL FUNCTION f(x VARCHAR) RETURNS VARCHAR LAMBDA 'f' SELECT f('a')",
        "MERGE INTO runs USING files ON true WHEN MATCHED THEN DELETE",
        "(SELECT 1",
        "SELECT 1 /* open",
        "SELECT 1 SELECT 2",
        "SELECT " + "(" * 5000 + "1" + ")" * 5000,
    ],
)
def test_what_is_no_select_is_refused(sql: str) -> None:
    with pytest.raises(QueryError):
        in_databases(sql, FOUND)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "SELECT * FROM elsewhere.customer_trusted",
        "SELECT * FROM other.trusted.customer_trusted",
        "SELECT * FROM nothing_of_ours",
        "SELECT customer_trusted FROM UNNEST(ARRAY[1]) AS customer_trusted(customer_trusted)",
        "SELECT 'FROM customer_trusted' -- FROM customer_trusted",
        "WITH runs AS (SELECT 1 AS n) SELECT n FROM runs",
        "WITH Runs AS (SELECT 1 AS n) SELECT n FROM runs",
        "WITH RECURSIVE runs(n) AS (SELECT 1 UNION ALL SELECT n FROM runs) SELECT n FROM RUNS",
        "WITH a AS (SELECT 1), runs AS (SELECT * FROM a) SELECT * FROM runs JOIN runs AS b ON true",
    ],
)
def test_names_of_others_stay(sql: str) -> None:
    assert in_databases(sql, FOUND) == sql


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM {T}customer_trusted",
        "select * from {T}CUSTOMER_TRUSTED t",
        'SELECT * FROM {T}"customer_trusted"',
        "SELECT 1 FROM {T}customer_trusted, {C}customers_curated",
        "SELECT 'é🦶' FROM {T}customer_trusted",
        "SELECT 1 -- é\n\tFROM\r\n {T}customer_trusted",
        "SELECT * FROM {T}customer_trusted FOR VERSION AS OF 3 AS t",
        'SELECT * FROM {T}"customer_trusted$snapshots"',
        "SELECT (SELECT max(x) FROM {C}machine_learning_curated) FROM {T}customer_trusted "
        "WHERE email IN (SELECT email FROM {C}customers_curated)",
        "WITH customers_curated AS (SELECT * FROM {C}customers_curated) "
        "SELECT * FROM customers_curated",
        "SELECT 1 FROM {T}customer_trusted UNION (SELECT 2 FROM {C}customers_curated) ORDER BY 1",
        "(SELECT 1 FROM {T}customer_trusted)",
        "SELECT * FROM {T}customer_trusted c "
        "CROSS JOIN LATERAL (SELECT * FROM {C}customers_curated) d",
        "SELECT customer_trusted.email FROM {T}customer_trusted",
        "SELECT 1 FROM {T}customer_trusted a "
        "WHERE EXISTS (SELECT 1 FROM {T}customer_trusted b WHERE a.email = b.email)",
    ],
)
def test_a_bare_name_gets_its_database_and_all_else_stays(sql: str) -> None:
    here, there = sql.format(T="", C=""), sql.format(T='"team_trusted".', C='"team_curated".')

    assert in_databases(here, FOUND) == there


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM {trusted}.customer_trusted",
        "SELECT * FROM {Trusted} . customer_trusted t JOIN {OPS}.runs r ON true",
        'SELECT * FROM {"trusted"}."customer_trusted$files"',
        "SELECT 1 FROM {ops}.runs, {trusted}.runs",
        "WITH runs AS (SELECT 1) SELECT 1 FROM {ops}.runs, runs",
        "SELECT {trusted}.customer_trusted.email FROM {trusted}.customer_trusted",
    ],
)
def test_a_zone_becomes_its_database(sql: str) -> None:
    there = re.sub(r'\{"?(\w+)"?\}', lambda zone: f'"team_{zone[1].lower()}"', sql)

    assert in_databases(re.sub("[{}]", "", sql), FOUND) == there


def test_without_databases_nothing_changes() -> None:
    sql = "SELECT * FROM customer_trusted JOIN ops.runs ON true"

    assert in_databases(sql, {}) == sql


@pytest.mark.parametrize("query", load_queries(), ids=lambda query: query.name)
def test_every_saved_query_finds_all_its_tables(query: SavedQuery) -> None:
    tree = select(in_databases(query.sql, FOUND))
    named = {(table.db, table.name) for table in tree.find_all(exp.Table)}

    assert named == {(f"team_{load_tables()[name].zone}", name) for name in query.tables}


def test_every_statement_of_the_ddl_is_read_on_its_own() -> None:
    text = ddl(load_tables(), "athena")
    parts = [part for part in text.split(";\n") if part.strip()]

    assert len(parts) == len(ZONES) + 3 + len(load_tables())
    for part in parts:
        (tree,) = sqlglot.parse(part, read="athena")
        assert isinstance(tree, exp.Create)
