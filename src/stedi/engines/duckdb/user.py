"""Queries of people: one SELECT, in a database of its own that holds nothing but views."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa

from stedi.contract import load_tables
from stedi.engines.duckdb.session import connect, literal, name, rows_of
from stedi.errors import QueryError
from stedi.lake.model import Query

BATCH_ROWS = 50_000


def run(memory: str, scratch: Path, query: Query) -> pa.RecordBatchReader:
    """Stream the rows of one SELECT; QueryError says what is wrong with it."""
    relation = relate(connect(memory, scratch), query)
    try:
        return relation.to_arrow_reader(BATCH_ROWS)
    except duckdb.Error as error:
        raise QueryError(str(error)) from error


def relate(connection: duckdb.DuckDBPyConnection, query: Query) -> duckdb.DuckDBPyRelation:
    """The query as a lazy relation of that connection, over views of its sources."""
    try:
        _gate(connection, query.sql)
        _make_views(connection, query)
        return connection.sql(query.sql.rstrip().rstrip(";"), params=dict(query.params) or None)
    except duckdb.Error as error:
        raise QueryError(str(error)) from error


def _gate(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise QueryError(f"give one statement, found {len(statements)}")
    if statements[0].type != duckdb.StatementType.SELECT:
        kind = str(statements[0].type).rpartition(".")[2]
        raise QueryError(f"only SELECT is possible here, the lake is read-only; found {kind}")


def _make_views(connection: duckdb.DuckDBPyConnection, query: Query) -> None:
    """Each source under its bare name and under zone.name."""
    for view, source in query.sources.items():
        zone = load_tables()[view].zone
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {name(zone)}")
        for place in ("main", zone):
            connection.execute(f"CREATE VIEW {name(place)}.{name(view)} AS {rows_of(source)}")


def copy_to(memory: str, scratch: Path, query: Query, path: Path) -> int:
    """Write the result to a .parquet or .csv file; the number of rows."""
    connection = connect(memory, scratch)
    relation = relate(connection, query)
    kind = path.suffix.lstrip(".").lower()
    options = "FORMAT csv, HEADER" if kind == "csv" else "FORMAT parquet, COMPRESSION zstd"
    try:
        relation.create_view("result")
        copied = f"COPY (SELECT * FROM result) TO {literal(str(path))} ({options})"
        return int(connection.execute(copied).fetchall()[0][0])
    except duckdb.Error as error:
        raise QueryError(str(error)) from error
