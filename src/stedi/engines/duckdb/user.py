"""Queries of people: one SELECT, in a database of its own that holds nothing but views."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from stedi.contract import load_tables
from stedi.engines.duckdb.session import (
    connect,
    interruptions,
    literal,
    of_lent,
    rows_of,
    seeing_s3,
)
from stedi.engines.sql.session import name
from stedi.errors import QueryError, StorageError
from stedi.lake.model import Query

BATCH_ROWS = 50_000


def run(memory: str, scratch: Path, query: Query) -> pa.RecordBatchReader:
    """Stream the rows of one SELECT; QueryError says what is wrong with it."""
    with query_errors():
        return _closed(connect(memory, scratch), query).to_arrow_reader(BATCH_ROWS)


def relate(connection: duckdb.DuckDBPyConnection, query: Query) -> duckdb.DuckDBPyRelation:
    """The query as a lazy relation of somebody's connection, over views of its sources."""
    with query_errors():
        _gate(connection, query.sql)
        _make_views(seeing_s3(connection), query)
        return _bound(connection, query)


def _closed(
    connection: duckdb.DuckDBPyConnection, query: Query, *out: str
) -> duckdb.DuckDBPyRelation:
    """The same on a connection of our own, closed off before the query is looked at."""
    _gate(connection, query.sql)
    _make_views(seeing_s3(connection), query)
    _close_off(connection, query, *out)
    return _bound(connection, query)


def _bound(connection: duckdb.DuckDBPyConnection, query: Query) -> duckdb.DuckDBPyRelation:
    return connection.sql(query.sql.rstrip().rstrip(";"), params=dict(query.params) or None)


@contextmanager
def query_errors() -> Iterator[None]:
    """Say what is wrong with a query, or with the files below it."""
    try:
        with interruptions():
            yield
    except duckdb.IOException as error:
        raise _unreadable(str(error)) from error
    except duckdb.CatalogException as error:
        known = ", ".join(load_tables())
        raise QueryError(f"{str(error).partition(chr(10))[0]}; the tables are {known}") from error
    except duckdb.Error as error:
        if lent := of_lent(error):
            raise _unreadable(lent) from error
        raise QueryError(str(error)) from error


def _unreadable(why: str) -> StorageError:
    return StorageError(
        f"a data file of the lake cannot be read ({why}); if it is gone for good, read an "
        "older version with --as-of"
    )


def _close_off(connection: duckdb.DuckDBPyConnection, query: Query, *out: str) -> None:
    """Let the query read the lake's files and nothing else."""
    files = [file.path for source in query.sources.values() for file in source.files]
    allowed = ", ".join(literal(path) for path in (*files, *out))
    connection.execute(f"SET allowed_paths = [{allowed}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


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
    kind = path.suffix.lstrip(".").lower()
    options = "FORMAT csv, HEADER" if kind == "csv" else "FORMAT parquet, COMPRESSION zstd"
    with query_errors():
        _closed(connection, query, str(path)).create_view("result")
        copied = (
            f"COPY (SELECT * FROM result) TO {literal(str(path))} ({options}, USE_TMP_FILE false)"
        )
        return int(connection.execute(copied).fetchall()[0][0])
