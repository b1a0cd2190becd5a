"""The first rows of a table, sorted and filtered, as one SELECT made from names and literals.

Names are those of columns that the role sees; a value becomes a literal of its column's type, or
is refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from operator import itemgetter

from stedi.contract import Table
from stedi.engines.sql.session import name
from stedi.errors import UsageError
from stedi.lake.model import DataFile, Source
from stedi.people import quoted

ROWS = 500
COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
EMPTINESS = {"is null": "IS NULL", "is not null": "IS NOT NULL"}
OPERATORS = (*COMPARISONS, "contains", *EMPTINESS)
MOST_FILTERS = 50
LONGEST = 1000
WHOLE = {"int": 2**31, "long": 2**63}
EXAMPLES = {
    "int": "a whole number",
    "long": "a whole number",
    "double": "a number such as 1.5",
    "boolean": "true or false",
    "date": "a date such as 2026-01-31",
    "timestamp": "a time such as 2026-01-31T12:00 (UTC)",
}


@dataclass(frozen=True)
class Filter:
    """What the values of one column have to be; `value` is unused by `is null`."""

    column: str
    operator: str
    value: str = ""


@dataclass(frozen=True)
class Wish:
    """What to see of a table: conditions that all hold, and an order."""

    filters: Sequence[Filter] = ()
    sort: str = ""
    desc: bool = False


def wish(filters: str, sort: str, desc: str) -> Wish:
    """What a request asks for: `filters` is JSON, a list of [column, operator, value]."""
    if desc not in ("", "0", "1"):
        raise UsageError(f"desc is {desc[:20]!r}; use 1 for descending")
    return Wish(_filters(filters), sort, desc == "1")


def _filters(text: str) -> list[Filter]:
    try:
        entries = json.loads(text) if text else []
    except (ValueError, RecursionError):
        entries = None
    if not isinstance(entries, list) or len(entries) > MOST_FILTERS:
        raise UsageError(f"filter is a JSON list of up to {MOST_FILTERS} [column, operator, value]")
    return [_filter(entry) for entry in entries]


def _filter(entry: object) -> Filter:
    match entry:
        case [str(column), str(operator)] | [str(column), str(operator), ""]:
            return Filter(column, operator)
        case [str(column), str(operator), str(value)]:
            return Filter(column, operator, value)
    raise UsageError("a filter is [column, operator, value], all of them text")


def select(table: Table, types: Mapping[str, str], wanted: Wish) -> str:
    """The first ROWS rows; UsageError for what cannot be asked of columns of these types."""
    columns = ", ".join(name(column) for column in types)
    sql = f"SELECT {columns} FROM {_where(table, types, wanted)}"
    if wanted.sort:
        order = "DESC" if wanted.desc else "ASC"
        sql += f" ORDER BY {name(_known(wanted.sort, types))} {order} NULLS LAST"
    return f"{sql} LIMIT {ROWS}"


def count(table: Table, types: Mapping[str, str], wanted: Wish) -> str:
    """How many rows there are for it."""
    return f"SELECT count(*) AS n FROM {_where(table, types, wanted)}"


def edge(table: Table, types: Mapping[str, str], wanted: Wish) -> str:
    """The value at which the first ROWS rows end (null if there are fewer), and nothing else.

    Reading one column of a large table first, and then only what lies before the edge, is far
    cheaper than sorting whole rows.
    """
    column = name(_known(wanted.sort, types))
    values = f"SELECT {column} AS v FROM {_where(table, types, wanted)}"
    order, last = ("DESC", "min") if wanted.desc else ("ASC", "max")
    first = f"{values} ORDER BY v {order} NULLS LAST LIMIT {ROWS}"
    return f"SELECT CASE WHEN count(v) = {ROWS} THEN {last}(v) END AS v FROM ({first}) AS first"


def before(wanted: Wish, value: object) -> Wish:
    """The same rows first, without those that lie beyond the edge, where that can be said."""
    match value:
        case bool() | None:
            return wanted
        case float() if not math.isfinite(value):
            return wanted
        case date():  # and datetime, which is one
            text = value.isoformat()
        case _:
            text = str(value)
    if len(text) > LONGEST or "\0" in text:
        return wanted
    known = Filter(wanted.sort, ">=" if wanted.desc else "<=", text)
    return replace(wanted, filters=[*wanted.filters, known])


def _where(table: Table, types: Mapping[str, str], wanted: Wish) -> str:
    conditions = [_condition(types, one) for one in wanted.filters]
    rows = f"{name(table.zone)}.{name(table.name)}"
    return f"{rows} WHERE {' AND '.join(conditions)}" if conditions else rows


def _known(column: str, types: Mapping[str, str]) -> str:
    if column not in types:
        raise UsageError(f"there is no column {column[:100]!r}; there are {', '.join(types)}")
    return column


def _condition(types: Mapping[str, str], wanted: Filter) -> str:
    column = name(_known(wanted.column, types))
    if wanted.operator not in OPERATORS:
        known = ", ".join(OPERATORS)
        raise UsageError(f"there is no operator {wanted.operator[:40]!r}; there are {known}")
    if wanted.operator in EMPTINESS:
        return f"{column} {EMPTINESS[wanted.operator]}"
    if wanted.operator == "contains":
        return f"contains(CAST({column} AS VARCHAR), {_text(wanted)})"
    return f"{column} {wanted.operator} {_literal(types[wanted.column], wanted)}"


def _text(wanted: Filter) -> str:
    if len(wanted.value) > LONGEST or "\0" in wanted.value:
        raise UsageError(f"{wanted.column}: give up to {LONGEST} characters, none of them NUL")
    return quoted(wanted.value)


def _literal(kind: str, wanted: Filter) -> str:
    """A value as a literal of the column's type."""
    if kind == "string":
        return _text(wanted)
    try:
        return _typed(kind, wanted.value.strip())
    except (ValueError, OverflowError):
        shown = wanted.value[:40]
        raise UsageError(f"{wanted.column}: {shown!r} is not {EXAMPLES[kind]}") from None


def _typed(kind: str, value: str) -> str:
    match kind:
        case "int" | "long":
            return _whole(value, WHOLE[kind])
        case "double":
            return _double(value)
        case "boolean" if value.lower() in ("true", "false"):
            return value.lower()
        case "date":
            return f"DATE '{date.fromisoformat(value).isoformat()}'"
        case "timestamp":
            moment = datetime.fromisoformat(value)
            at = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
            return f"TIMESTAMPTZ '{at.isoformat()}'"
    raise ValueError(kind)


def _whole(value: str, bound: int) -> str:
    digits = value.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 19:
        raise ValueError(value)
    number = int(value)
    if not -bound < number < bound:
        raise ValueError(value)
    return str(number)


def _double(value: str) -> str:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return f"CAST('{number!r}' AS DOUBLE)"


def enough(source: Source, table: Table, wanted: Wish) -> Source:
    """The table, restricted to files that are sure to hold the rows to show.

    Files tell their rows and the days of the event time, which is never null. With filters, or
    in the order of another column, any file may hold some.
    """
    if wanted.filters or source.where or wanted.sort not in ("", table.time):
        return source
    if not wanted.sort:
        return replace(source, files=_filled(source.files))
    return replace(source, files=_nearest(source.files, wanted.desc))


def _filled(files: Sequence[DataFile]) -> list[DataFile]:
    rows, chosen = 0, []
    for file in files:
        chosen.append(file)
        rows += file.rows
        if rows >= ROWS:
            break
    return chosen


def _nearest(files: Sequence[DataFile], latest: bool) -> list[DataFile]:
    """Files that may hold one of the first ROWS rows by time."""
    dated = [(file.first, file.last, file) for file in files if file.first and file.last]
    if len(dated) < len(files):
        return list(files)
    if latest:
        sure = _filled([f for _, _, f in sorted(dated, key=itemgetter(0), reverse=True)])
        bound = min((f.first for f in sure if f.first), default=date.min)
        return [file for _, last, file in dated if last >= bound]
    sure = _filled([f for _, _, f in sorted(dated, key=itemgetter(1))])
    bound = max((f.last for f in sure if f.last), default=date.max)
    return [file for first, _, file in dated if first <= bound]
