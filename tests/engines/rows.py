"""Rows that two engines might judge differently: drawn from small pools, so that they meet.

Spellings of a few people, serial numbers that differ in case and spaces, equally recent records,
dates of a calendar that no longer holds, instants at the borders of days, zeros of either sign.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from helpers import Row
from stedi.contract import Column, Table

PEOPLE = [
    *("bob@test.com", "BOB@Test.com", " bob@test.com  "),  # who have no readings
    *("ada@test.com", "ADA@Test.com", " ada@test.com  ", "\tada@test.com", "ada@test.com\n"),
    *("ÉMILE@x.fr", "émile@x.fr", " éMILE@X.FR", "E\u0301MILE@x.fr", "e\u0301mile@x.fr"),
    *("STRAẞE@x.de", "straße@x.de", "STRASSE@x.de", "\u212a@x.com", "k@x.com", "K@X.COM"),
    *("ИВАН@почта.рф", "иван@почта.рф", "张伟@例子.公司", "σοφία@x.gr", "σοφίας@x.gr", "ΛΊΖΑ@x.gr"),
    *("\u017f@x.com", "ǆ@x.hr"),
    *("😀@x.com", "\ufffda@x.com", "\u200bada@test.com", "a b@x.com", "a'b@x.com", "a\\b@x.com"),
    *(
        "%@x.com",
        "$person@x.com",
        ":consent@x.com",
        "nul\0@x.com",
        "DŽ@x.hr",
        "ǅ@x.hr",
        "\u017f@x.com",
    ),
]
SERIALS = [
    *("s1", "S1", " s1", "s1 ", "\u00a0s1", "s1\0", "Σ", "ς", "İ", "", "É", "E\u0301", "0", "😀"),
]
DEVICES = [*SERIALS, *(f"device {number}" for number in range(150))]  # most claimed by few
TEXTS = ["", " ", "a", "A", "a ", "B", "b", "é", "e\u0301", "z", "\uffee", "😀", "\U0010ffff", "\0"]
DAYS = [
    *(date(1, 1, 1), date(4, 2, 29), date(967, 12, 31), date(1500, 2, 28), date(1582, 10, 4)),
    *(date(1582, 10, 10), date(1582, 10, 15), date(1752, 9, 5), date(1900, 2, 28)),
    *(date(1970, 1, 1), date(2000, 2, 29), date(9999, 12, 31)),
]
_NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)
_NIGHT = datetime(2026, 2, 2, tzinfo=UTC)
INSTANTS = [
    *(_NOON, _NOON + timedelta(milliseconds=1), _NIGHT - timedelta(milliseconds=1), _NIGHT),
    *(_NIGHT + timedelta(microseconds=1), datetime(2000, 1, 1, tzinfo=UTC)),
    *(datetime(2026, 3, 29, 1, 30, tzinfo=UTC), datetime(2016, 12, 31, 23, 59, 59, 999999, UTC)),
    *(datetime(1582, 10, 10, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)),
]
NUMBERS = [0.0, -0.0, 1.0, -0.5, 5e-324, 1.7976931348623157e308, 0.1, 1e22, float("nan")]
WHOLE = [250, 250, 251, 0, -1, 2**31 - 1, -(2**31)]

_POOLS: dict[str, list[Any]] = {
    "date": DAYS,
    "timestamp": INSTANTS,
    "double": NUMBERS,
    "int": WHOLE,
    "string": TEXTS,
}


def rows(table: Table, number: int, draw: random.Random) -> list[Row]:
    """Rows of a table; what it says may be absent is absent in a third of them."""
    pools = {column.name: _pool(column) for column in table.columns}
    return [{name: pool(draw) for name, pool in pools.items()} for _ in range(number)]


def _pool(column: Column) -> Callable[[random.Random], Any]:
    special = {"email": PEOPLE, "user": [*PEOPLE[3:], "nobody@x.com"], "serialnumber": DEVICES}
    pool = special.get(column.name, _POOLS[column.type])
    if column.field and not column.required:
        pool = [None] * (len(pool) // 2) + pool
    return lambda draw: draw.choice(pool)
