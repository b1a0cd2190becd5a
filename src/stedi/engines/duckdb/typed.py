"""Reading announced fields straight into their types, and when that may be trusted.

Where every announced field of a feed is required, a line that holds them all has at least two
quotation marks a name and two a text value, and a comma between any two fields. A line with
exactly so many has nothing else in it: no unannounced field, no repeated name, no number in
quotation marks, no trailing comma. What is left to rule out are literals read as numbers and
bare values read as text.
"""

from __future__ import annotations

import json

from stedi.contract import Column, Table
from stedi.engines.duckdb.session import literal
from stedi.engines.sql.session import name
from stedi.feeds.judge import DAY_MS, EARLIEST_MS, EMAILS, UNALIKE

INT32 = 2**31


def announced(table: Table) -> list[Column]:
    """The columns that the feed announces."""
    return [column for column in table.columns if column.field]


def applies(table: Table) -> bool:
    """Whether the feed's lines all hold the same announced fields."""
    return all(column.required for column in announced(table))


def types(table: Table) -> dict[str, str]:
    """The type to read each announced field as, by the feed's spelling."""
    return {
        c.field: "VARCHAR" if c.type in ("string", "date") else "DOUBLE" for c in announced(table)
    }


def shape(table: Table) -> str:
    """The same as a structure for json_transform."""
    return literal(json.dumps(types(table)))


def characters(table: Table, line: str) -> str:
    """A condition: the line has exactly the quotation marks and commas of a clean one."""
    fields = announced(table)
    texts = sum(column.type in ("string", "date") for column in fields)
    return (
        f"{count(line, chr(34))} = {2 * (len(fields) + texts)} "
        f"AND {count(line, ',')} = {len(fields) - 1} "
        f"AND NOT contains({line}, 'true') AND NOT contains({line}, 'false')"
    )


def count(field: str, character: str) -> str:
    """How often an ASCII character stands in a text."""
    return f"(strlen({field}) - strlen(replace({field}, {literal(character)}, '')))"


def value(column: Column) -> str:
    """A field read by `types` as the column's value; -0.0 becomes 0.0, which equals it."""
    field = name(column.field)
    match column.type:
        case "timestamp":
            return f"make_timestamptz(CAST({field} AS BIGINT) * 1000)"
        case "double":
            return f"{field} + 0.0"
        case "int":
            return f"CAST({field} AS INTEGER)"
        case _:
            return field


def sound(column: Column, now_ms: int) -> str:
    """A condition: the rules of `stedi.feeds.judge` accept the field."""
    field = name(column.field)
    match column.type:
        case "timestamp":
            return (
                f"{field} BETWEEN {EARLIEST_MS} AND {now_ms + DAY_MS} AND {field} = floor({field})"
            )
        case "double":
            return f"isfinite({field})"
        case "int":
            return f"{field} BETWEEN {-INT32} AND {INT32 - 1} AND {field} = floor({field})"
        case _:
            stood = _stood_in_quotes(column)
            return f"{stood} AND {alike(field)}" if column.name in EMAILS else stood


def _stood_in_quotes(column: Column) -> str:
    """True for e-mail addresses and UUIDs; false for any text a bare JSON value turns into."""
    field = name(column.field)
    like = "%@%" if column.name in EMAILS else "________-____-%"
    return (
        f"{field} LIKE {literal(like)} "
        f"AND NOT starts_with({field}, '[') AND NOT starts_with({field}, '{{')"
    )


def alike(field: str) -> str:
    """A condition: no character of the address is one that engines read differently."""
    unalike = literal(f"[{UNALIKE}]")
    return f"(strlen({field}) = length({field}) OR NOT regexp_matches({field}, {unalike}))"
