"""Declared checks as queries that return the rows which break them."""

from __future__ import annotations

from datetime import datetime

from stedi.contract import Check, Table, load_tables
from stedi.engines.base import Finding, Params
from stedi.engines.sql.session import Session, name


def run(session: Session, table: Table, params: Params) -> list[Finding]:
    """All checks of a table over the views of its tables, counted in one query."""
    queries = [_broken(session, table, check) for check in table.checks]
    if not queries:
        return []
    counts = " UNION ALL ".join(
        f"SELECT {position} AS position, (SELECT count(*) FROM ({query})) AS broken"
        for position, query in enumerate(queries)
    )
    broken = dict(session.rows(counts, params))
    return [
        Finding(
            check,
            table.full_name,
            broken[position],
            _example(session, query, params) if broken[position] else "",
        )
        for position, (check, query) in enumerate(zip(table.checks, queries, strict=True))
    ]


def _example(session: Session, query: str, params: Params) -> str:
    """One of the rows as words, without what may name a person."""
    columns = (column for table in load_tables().values() for column in table.columns)
    personal = {"person"} | {column.name for column in columns if column.pii != "none"}
    first = f"SELECT * FROM ({query}) LIMIT 1"
    rows = session.arrow(first, params).to_pylist()
    shown = {key: value for key, value in rows[0].items() if key not in personal} if rows else {}
    return ", ".join(f"{key} {_plain(value)}" for key, value in shown.items())


def _plain(value: object) -> str:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)


def _broken(session: Session, table: Table, check: Check) -> str:
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
            return session.house(check.sql)
