"""Declared checks as queries that return the rows which break them."""

from __future__ import annotations

import duckdb

from stedi.contract import Check, Table
from stedi.contract.sql import translate
from stedi.engines.base import Finding, Params
from stedi.engines.duckdb.session import name


def run(
    connection: duckdb.DuckDBPyConnection, table: Table, check: Check, params: Params
) -> Finding:
    """One check over the views of its tables."""
    query = _broken(table, check)
    bound = {key: value for key, value in params.items() if f"${key}" in query}
    rows = connection.sql(f"SELECT * FROM ({query}) LIMIT 1", params=bound).to_arrow_table()
    if rows.num_rows == 0:
        return Finding(check, table.full_name, 0)
    counted = connection.execute(f"SELECT count(*) FROM ({query})", bound).fetchall()
    example = ", ".join(f"{key} {value}" for key, value in rows.to_pylist()[0].items())
    return Finding(check, table.full_name, counted[0][0], example)


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
