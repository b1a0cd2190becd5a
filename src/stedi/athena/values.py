"""The text of Athena's results as values of Python."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo


def value(text: str | None, kind: str) -> Any:
    """A value of Athena's text; what Python has no value for stays text."""
    convert = _VALUES.get(kind)
    if text is None or convert is None:
        return text
    try:
        return convert(text)
    except (ValueError, ArithmeticError, LookupError, OSError):
        return text


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text]


def _instant(text: str) -> datetime:
    """A timestamp; one without a zone is UTC, as Athena's clock and all of the lake's are."""
    day, clock, zone = (*text.split(" "), "UTC")[:3]
    if zone[0] in "+-":
        return datetime.fromisoformat(f"{day}T{clock}{zone}").astimezone(UTC)
    local = datetime.fromisoformat(f"{day}T{clock}")
    return local.replace(tzinfo=UTC if zone == "UTC" else ZoneInfo(zone)).astimezone(UTC)


_VALUES: dict[str, Callable[[str], Any]] = {
    "boolean": _boolean,
    **dict.fromkeys(("tinyint", "smallint", "integer", "int", "bigint"), int),
    **dict.fromkeys(("float", "real", "double"), float),
    "decimal": Decimal,
    "date": date.fromisoformat,
    "timestamp": _instant,
    "timestamp with time zone": _instant,
}
