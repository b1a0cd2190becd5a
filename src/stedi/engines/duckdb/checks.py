"""Declared checks as queries that return the rows which break them."""

from __future__ import annotations

from datetime import datetime

import duckdb

from stedi.contract import Check, Table, load_tables
from stedi.contract.sql import translate, used
from stedi.engines.base import Finding, Params
from stedi.engines.duckdb.session import name


def run(connection: duckdb.DuckDBPyConnection, table: Table, params: Params) -> list[Finding]:
    """All checks of a table over the views of its tables, counted in one query."""
    queries = [_broken(table, check) for check in table.checks]
    if not queries:
        return []
    counts = " UNION ALL ".join(
        f"SELECT {position} AS position, (SELECT count(*) FROM ({query})) AS broken"
        for position, query in enumerate(queries)
    )
    broken = dict(connection.execute(counts, used(params, counts)).fetchall())
    return [
        Finding(
            check,
            table.full_name,
            broken[position],
            _example(connection, query, params) if broken[position] else "",
        )
        for position, (check, query) in enumerate(zip(table.checks, queries, strict=True))
    ]


def _example(connection: duckdb.DuckDBPyConnection, query: str, params: Params) -> str:
    """One of the rows as words, without what may name a person."""
    columns = (column for table in load_tables().values() for column in table.columns)
    personal = {"person"} | {column.name for column in columns if column.pii != "none"}
    first = f"SELECT * FROM ({query}) LIMIT 1"
    rows = connection.sql(first, params=used(params, query)).to_arrow_table().to_pylist()
    shown = {key: value for key, value in rows[0].items() if key not in personal} if rows else {}
    return ", ".join(f"{key} {_plain(value)}" for key, value in shown.items())


def _plain(value: object) -> str:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)


def _broken(table: Table, check: Check) -> str:
    view = name(table.name)
    match check.kind:
        case "unique":
            keys = ", ".join(check.columns)
            return (
                f"SELECT {keys}, count(*) AS times FROM {view} GROUP BY {keys} HAVING count(*) > 1"
            )
        case "not_null":
            missing = " OR ".join(f"{name(column)} IS NULL" for column in check.columns)
            return f"SELECT * FROM {view} WHERE {missing}"
        case "range":
            column = name(check.column)
            bounds = f"{check.min} AND {check.max}"
            return f"SELECT {column} FROM {view} WHERE {column} NOT BETWEEN {bounds}"
        case "fresh":
            newest = f"max({name(check.column)})"
            return (
                f"SELECT {newest} AS newest FROM {view} HAVING {newest} IS NOT NULL "
                f"AND {newest} < now() - INTERVAL {check.days} DAY"
            )
        case _:
            return translate(check.sql, "duckdb")
