"""What stands in the cells of a result: for the grid (JSON), for CSV and Parquet files."""

from __future__ import annotations

import json
import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

LARGEST = 2**53  # whole numbers beyond it are text in JSON, or JavaScript would round them
MOST_TEXT = 10_000  # characters of one cell in the grid
MOST_ITEMS = 200  # items of one list in the grid
ALL = 1 << 62
FORMULA = "[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"  # OWASP: CSV injection
NAMES = {
    "int8": "tinyint",
    "int16": "smallint",
    "int32": "integer",
    "int64": "bigint",
    "uint8": "utinyint",
    "uint16": "usmallint",
    "uint32": "uinteger",
    "uint64": "ubigint",
    "float": "real",
    "string": "varchar",
    "bool": "boolean",
    "date32[day]": "date",
    "binary": "blob",
    "month_day_nano_interval": "interval",
}


def kind_of(kind: pa.DataType) -> str:
    """What can be done with a column of that type: number, time, text or other."""
    if pt.is_integer(kind) or pt.is_floating(kind) or pt.is_decimal(kind):
        return "number"
    if pt.is_timestamp(kind) or pt.is_date(kind):
        return "time"
    return "text" if _is_text(kind) else "other"


def type_of(kind: pa.DataType) -> str:
    """The type as SQL names it."""
    if pt.is_timestamp(kind):
        return "timestamp" if kind.tz is None else "timestamptz"
    if pt.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pt.is_dictionary(kind):
        return "enum"
    if pt.is_time(kind):
        return "time"
    if isinstance(kind, pa.ListType | pa.FixedSizeListType):
        return f"{type_of(kind.value_type)}[]"
    if isinstance(kind, pa.OpaqueType):
        return str(kind.type_name)
    nested = {pt.is_struct: "struct", pt.is_map: "map", pt.is_union: "union"}
    found = next((text for test, text in nested.items() if test(kind)), str(kind))
    return NAMES.get(found, found)


def shown(value: pa.Scalar, text: int = MOST_TEXT, items: int = MOST_ITEMS) -> Any:
    """A value as JSON can hold it; longer texts and lists are cut, and say so."""
    if not value.is_valid:
        return None
    if isinstance(value, pa.UnionScalar | pa.ExtensionScalar):
        return shown(value.value, text, items)
    if isinstance(value, pa.ListScalar):
        found = [shown(one, text, items // 10) for one in value.values[:items]]
        more = len(value.values) - len(found)
        return [*found, f"… and {more:,} more"] if more else found
    if isinstance(value, pa.StructScalar):
        names = [field.name for field in value.type]
        return {n: shown(value[place], text, items // 10) for place, n in enumerate(names)}
    return _cut(plain(_python(value)), text)


def _cut(found: Any, most: int) -> Any:
    if isinstance(found, str) and len(found) > most:
        return f"{found[:most]}… ({len(found):,} characters)"
    return found


def _python(value: pa.Scalar) -> Any:
    """As Python has it; times that it cannot hold in words."""
    if isinstance(value, pa.MonthDayNanoIntervalScalar):
        return _interval(*value.as_py())
    try:
        return value.as_py()
    except (OverflowError, ValueError):
        most = 2**31 - 1 if pt.is_date32(value.type) else 2**63 - 1
        number = getattr(value, "value", 0)
        endless = "infinity" if number > 0 else "-infinity"
        return endless if abs(number) == most else "a time beyond the years 1 to 9999"


def _interval(months: int, days: int, nanoseconds: int) -> str:
    parts = ((months, "months"), (days, "days"), (nanoseconds / 1e9, "seconds"))
    return ", ".join(f"{count:g} {name}" for count, name in parts if count) or "0 seconds"


def plain(value: Any) -> Any:
    """A value as JSON can hold it, exact: times in ISO 8601, large numbers as text."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if abs(value) <= LARGEST else str(value)
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Decimal | timedelta):
        return str(value)
    return str(value)


def defused(text: str) -> str:
    """Text that no spreadsheet takes for a formula (OWASP: CSV injection)."""
    return "'" + text if re.match(FORMULA, text) else text


def for_csv(column: pa.Array) -> pa.Array:
    """A column of which Arrow's CSV writer makes what is meant."""
    kind = column.type
    if pt.is_boolean(kind) or pt.is_null(kind) or kind_of(kind) == "number":
        return column
    if _is_text(kind):
        return _defused(column.cast(pa.string()))
    if pt.is_timestamp(kind) and _usual(column):
        return pc.replace_substring(column.cast(pa.string()), " ", "T", max_replacements=1)
    if pt.is_date(kind) and _usual(column):
        return column.cast(pa.string())
    return _defused(_texts(column))


def _defused(column: pa.Array) -> pa.Array:
    risky = pc.match_substring_regex(column, f"^{FORMULA}")
    return pc.if_else(risky, pc.binary_join_element_wise("'", column, ""), column)


def _usual(column: pa.Array) -> bool:
    """Whether all times lie in the years 1 to 9999; infinity does not."""
    ends = pc.min_max(column)
    try:
        ends.as_py()
    except (OverflowError, ValueError):
        return False
    return True


def _texts(column: pa.Array) -> pa.Array:
    """Every value as text, nested ones as JSON."""
    found = [shown(value, ALL, ALL) for value in column]
    texts = [v if v is None or isinstance(v, str) else json.dumps(v) for v in found]
    return pa.array(texts, pa.string())


def for_parquet(table: pa.Table) -> pa.Table:
    """The table with columns that Parquet can hold, no two of the same name."""
    names: list[str] = []
    for name in table.column_names:
        names.append(name if name not in names else _another(name, {*names, *table.column_names}))
    columns = [column if _fits(column.type) else _chunks(column) for column in table.columns]
    return pa.table(columns, names=names)


def _another(name: str, taken: set[str]) -> str:
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"


def _chunks(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pa.chunked_array([_texts(chunk) for chunk in column.chunks], pa.string())


def _fits(kind: pa.DataType) -> bool:
    """Whether Parquet has something for the type, and for those within it."""
    if isinstance(kind, pa.BaseExtensionType) or pt.is_union(kind) or pt.is_interval(kind):
        return False
    return all(_fits(kind.field(place).type) for place in range(kind.num_fields))


def _is_text(kind: pa.DataType) -> bool:
    if pt.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(pt.is_string(kind) or pt.is_large_string(kind))
