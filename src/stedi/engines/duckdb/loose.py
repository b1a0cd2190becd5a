"""Reading any announced or known field as JSON text, with a proof for each line.

A line is proven if every announced field has the right JSON type and its characters add up:
all quotation marks and commas in it belong to fields that were read.
"""

from __future__ import annotations

from collections.abc import Mapping

from stedi.contract import Column, Table
from stedi.engines.duckdb.session import TYPES
from stedi.engines.duckdb.typed import INT32, alike, announced, count
from stedi.engines.sql.session import name
from stedi.feeds.judge import DAY_MS, EARLIEST_MS, EMAILS

_DIGITS = "('-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9')"


def proof(table: Table, extras: Mapping[str, str], line: str, now_ms: int) -> str:
    """A condition over the columns read as JSON and the column `line`; never NULL."""
    fields = announced(table)
    present = [name(column.name) for column in fields] + [name(extra) for extra in extras]
    quotes = " + ".join(f"coalesce(2 + {count(field, chr(34))}, 0)" for field in present)
    commas = " + ".join(f"coalesce(1 + {count(field, ',')}, 0)" for field in present)
    conditions = [_sound(column, now_ms) for column in fields]
    conditions += [_fits(name(extra), kind) for extra, kind in extras.items()]
    conditions += [f"{count(line, chr(34))} = {quotes}", f"{count(line, ',')} + 1 = {commas}"]
    return "coalesce(" + " AND ".join(conditions) + ", false)"


def values(table: Table, extras: Mapping[str, str]) -> str:
    """The columns of the landing table from the columns read as JSON."""
    named = {column.name: column.type for column in announced(table)} | dict(extras)
    return ", ".join(f"{_value(kind, name(n))} AS {name(n)}" for n, kind in named.items())


def _number(field: str) -> str:
    return f"TRY_CAST({field} AS DOUBLE)"


def _is_number(field: str) -> str:
    return f"left({field}, 1) IN {_DIGITS} AND isfinite({_number(field)})"


def _is_text(field: str) -> str:
    return f"(left({field}, 1) = '\"' AND NOT contains({field}, '\\'))"


def _is_whole(field: str, least: int, most: int) -> str:
    number = _number(field)
    return (
        f"{_is_number(field)} AND {number} = floor({number}) "
        f"AND {number} BETWEEN {least} AND {most}"
    )


def _sound(column: Column, now_ms: int) -> str:
    field = name(column.name)
    match column.type:
        case "timestamp":
            sound = _is_whole(field, EARLIEST_MS, now_ms + DAY_MS)
        case "int":
            sound = _is_whole(field, -INT32, INT32 - 1)
        case "double":
            sound = _is_number(field)
        case "date":
            sound = (
                f"regexp_full_match({field}, '\"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}\"') "
                f"AND NOT starts_with({field}, '\"0000') "
                f"AND TRY_CAST({field} ->> '$' AS DATE) IS NOT NULL"
            )
        case _:
            sound = _is_text(field)
            if column.name in EMAILS:
                sound += f" AND contains({field}, '@') AND {alike(field)}"
    return f"({sound})" if column.required else f"({field} IS NULL OR ({sound}))"


def _fits(field: str, kind: str) -> str:
    match kind:
        case "long":
            whole = f"regexp_full_match({field}, '-?[0-9]+')"
            fits = f"{whole} AND TRY_CAST({field} AS BIGINT) IS NOT NULL"
        case "double":
            fits = _is_number(field)
        case "boolean":
            fits = f"{field} IN ('true', 'false')"
        case _:
            fits = f"({_is_text(field)} OR {field} IN ('true', 'false') OR ({_is_number(field)}))"
    return f"({field} IS NULL OR ({fits}))"


def _value(kind: str, field: str) -> str:
    match kind:
        case "timestamp":
            return f"make_timestamptz(CAST({_number(field)} AS BIGINT) * 1000)"
        case "int":
            return f"CAST({_number(field)} AS INTEGER)"
        case "double":
            return f"{_number(field)} + 0.0"
        case "long" | "boolean":
            return f"CAST({field} AS {TYPES[kind]})"
        case "date":
            return f"CAST({field} ->> '$' AS DATE)"
        case _:
            quoted = f"left({field}, 1) = '\"'"
            return f"CASE WHEN {quoted} THEN {field} ->> '$' ELSE {as_text(field)} END"


def as_text(field: str) -> str:
    """An unannounced value as text, the same whatever type it was stored as before."""
    text = f"CAST({field} AS VARCHAR)"
    plain = f"regexp_replace(CAST({_number(field)} + 0.0 AS VARCHAR), '[.]0$', '')"
    return f"CASE WHEN left({text}, 1) IN {_DIGITS} THEN {plain} ELSE {text} END"
