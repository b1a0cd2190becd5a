"""What a well-formed line is: the rules of every feed, for one line at a time.

This is the definition. Engines may accept lines faster where they can prove that these rules
would accept them with the same values; every other line comes here.

JSON is RFC 8259: no NaN, no trailing comma, no comment. Field names are matched without
regard to case; a name that stands twice must have the same value both times.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from stedi.contract import Column, Table

EARLIEST_MS = 946_684_800_000  # 2000-01-01T00:00:00Z
DAY_MS = 86_400_000
MOST_EXTRAS = 100  # in a line, and in a feed
LONGEST_NAME = 128
# Names of Iceberg's metadata columns: engines cannot read a column of a table that has one.
ICEBERGS = frozenset(
    {
        *("_file", "_pos", "_deleted", "_partition", "_spec_id", "_row_id"),
        *("_change_type", "_change_ordinal", "_commit_snapshot_id"),
        "_last_updated_sequence_number",
    }
)
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
EMAILS = ("email", "user")

# Characters that lower(trim(...)), by which people are matched, does not turn into the same
# everywhere (docs/decisions/021-addresses.md), as what stands between the brackets of a regular
# expression: white space and control characters beyond ASCII, İ and Σ, and the places of letters
# that Unicode 16 and 17 brought. All engines, and every reader that is fast, ask for these.
UNALIKE = (
    "\u0080-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
    "\u0130\u03a3"
    "\u1c89-\u1c8f\ua7cb-\ua7f1\U00010d40-\U00010d8f\U00016ea0-\U00016edf"
)
_UNALIKE = re.compile(f"[{UNALIKE}]")


class Malformed(ValueError):
    """The line is not well-formed; the message is the reason in words."""


@dataclass(frozen=True)
class Judged:
    """A line's outcome: a `reason` to quarantine it, or its `canonical` JSON text.

    The canonical text holds announced fields by the feed's spelling and unannounced ones in
    lower case, none twice. `extras` gives the type of each unannounced field that has a value,
    `spelling` how the line spells it.
    """

    reason: str = ""
    canonical: str = ""
    extras: Mapping[str, str] = field(default_factory=dict)
    spelling: Mapping[str, str] = field(default_factory=dict)


class Judge:
    """The rules of one feed; `now_ms` is the clock (epoch ms) that bounds timestamps."""

    def __init__(self, table: Table, now_ms: int) -> None:
        self._announced = {c.field.lower(): c for c in table.columns if c.field}
        self._reserved = {c.name for c in table.columns if not c.field} | ICEBERGS
        self._latest = now_ms + DAY_MS

    def __call__(self, line: bytes) -> Judged:
        try:
            return self._judge(line)
        except Malformed as error:
            return Judged(reason=str(error))
        except RecursionError:
            return Judged(reason="not JSON: nested too deep")

    def _judge(self, line: bytes) -> Judged:
        pairs = _parse(line)
        values = _merge(pairs, self._announced)
        record = {
            column.field: self._value(column, values.get(name))
            for name, column in self._announced.items()
        }
        extras = {k: v for k, v in values.items() if k not in self._announced and v is not None}
        if reserved := self._reserved & extras.keys():
            raise Malformed(f"field name is reserved: {min(reserved)}")
        if len(extras) > MOST_EXTRAS:
            raise Malformed(f"more than {MOST_EXTRAS} unannounced fields")
        record |= extras
        spelling = {column_name(name): name for name, _ in pairs} if extras else {}
        types = {name: extra_type(value) for name, value in extras.items()}
        canonical = _dump(record)
        return Judged("", canonical, types, {name: spelling[name] for name in extras})

    def _value(self, column: Column, value: Any) -> Any:
        absent = value is None or (not column.required and value in ("", 0) and value is not False)
        if absent and column.required:
            raise Malformed(f"required field missing or null: {column.field}")
        return None if absent else _RULES[column.type](column, value, self._latest)


def _parse(line: bytes) -> list[tuple[str, Any]]:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"bytes that are no UTF-8: at byte {error.start + 1}") from None
    try:
        pairs = json.loads(text, object_pairs_hook=_Pairs, parse_constant=_not_finite)
    except ValueError as error:
        if isinstance(error, Malformed):
            raise
        detail = error.msg if isinstance(error, json.JSONDecodeError) else "number too long"
        raise Malformed(f"not JSON: {detail}") from None
    if not isinstance(pairs, _Pairs):
        raise Malformed("not a JSON object")
    return pairs


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as delivered: every name and value, repeats included."""


def _not_finite(text: str) -> Any:
    raise Malformed(f"number not finite: {text}")


def _merge(pairs: Iterable[tuple[str, Any]], announced: Container[str]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for name, value in pairs:
        key = column_name(name)
        plain = _plain(value)
        if key in merged and not _same(merged[key], plain):
            which = name if key in announced else "an unannounced field"
            raise Malformed(f"duplicate keys that disagree: {which}")
        merged[key] = plain
    return merged


def column_name(name: str) -> str:
    """The column that a feed's field goes to: lower case, odd characters as underscores."""
    if not name or len(name) > LONGEST_NAME:
        raise Malformed(f"field name empty or longer than {LONGEST_NAME} characters")
    _encoded(name)
    return re.sub(r"\W", "_", name.lower())


def _same(left: Any, right: Any) -> bool:
    return type(left) is type(right) and bool(left == right)


def _plain(value: Any) -> Any:
    if isinstance(value, _Pairs):
        return {name: _plain(inner) for name, inner in value}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise Malformed("number not finite")
    return value


def _dump(record: Mapping[str, Any]) -> str:
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    _encoded(text)
    return text


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise Malformed("text that is not valid Unicode: a lone surrogate") from None


def _wrong(column: Column, value: Any, wanted: str) -> Malformed:
    """The reason names the kind of value, not the value: that may be personal."""
    return Malformed(f"wrong type: {column.field} should be {wanted}, found {_kind(value)}")


def _kind(value: Any) -> str:
    kinds = {bool: "true or false", str: "text", list: "a list", dict: "an object"}
    return kinds.get(type(value), "a number")


def _string(column: Column, value: Any, _: int) -> str:
    if not isinstance(value, str):
        raise _wrong(column, value, "text")
    if column.name in EMAILS and not value.strip():
        raise Malformed(f"empty e-mail: {column.field}")
    if column.name in EMAILS and not value.isascii() and _UNALIKE.search(value):
        raise Malformed(f"e-mail with a character that engines read differently: {column.field}")
    return value


def _number(column: Column, value: Any, _: int) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(column, value, "a number")
    try:
        return float(value)
    except OverflowError:
        raise Malformed(f"number not finite: {column.field}") from None


def _integer(column: Column, value: Any, latest: int) -> int:
    number = _number(column, value, latest)
    if number != math.floor(number):
        raise _wrong(column, value, "a whole number")
    return int(number)


def _int32(column: Column, value: Any, latest: int) -> int:
    number = _integer(column, value, latest)
    if not -(2**31) <= number < 2**31:
        raise _wrong(column, value, "a whole number of 32 bits")
    return number


def _timestamp(column: Column, value: Any, latest: int) -> int:
    number = _integer(column, value, latest)
    if not EARLIEST_MS <= number <= latest:
        bounds = "timestamp outside 2000-01-01 to one day ahead"
        raise Malformed(f"{bounds}: {column.field} is {str(number)[:40]}")
    return number


def _date(column: Column, value: Any, _: int) -> str:
    if not isinstance(value, str) or not _ISO_DATE.fullmatch(value):
        raise _wrong(column, value, "a date such as 1990-12-31")
    try:
        date.fromisoformat(value)
    except ValueError:
        raise _wrong(column, value, "a date such as 1990-12-31") from None
    return value


_RULES: dict[str, Callable[[Column, Any, int], Any]] = {
    "string": _string,
    "double": _number,
    "int": _int32,
    "timestamp": _timestamp,
    "date": _date,
}


def extra_type(value: Any) -> str:
    """The column type that holds one value of an unannounced field."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "long" if -(2**63) <= value < 2**63 else "double"
    return "double" if isinstance(value, float) else "string"


def widen(known: str, found: str) -> str:
    """The narrowest type that holds both: numbers become double, all else string."""
    if known == found:
        return known
    return "double" if {known, found} == {"long", "double"} else "string"
