"""The rows of queries, kept by number for as long as somebody is likely to look at them."""

from __future__ import annotations

import csv
import io
import secrets
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stedi.console.sessions import Session
from stedi.sandbox.runner import Answer

MOST_KEPT = 64
KEPT_BYTES = 1 << 30
WINDOW = 1000  # rows in one answer
BATCH = 20_000


@dataclass(frozen=True)
class Result:
    """One query's rows, whose they are, and the query."""

    number: str
    owner: str
    sql: str
    answer: Answer
    version: str = ""

    @property
    def rows(self) -> pa.Table:
        """The rows as they came."""
        return self.answer.rows

    def window(self, start: int, count: int) -> list[list[Any]]:
        """Some rows, each value as JSON can hold it; at most WINDOW."""
        part = self.rows.slice(start, min(count, WINDOW))
        columns = [[plain(value.as_py()) for value in column] for column in part.columns]
        return [list(row) for row in zip(*columns, strict=True)]

    def to_csv(self) -> Iterator[str]:
        """All rows with a header, in pieces; a text that a spreadsheet would run is defused."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow([defused(name) for name in self.rows.column_names])
        for batch in self.rows.to_batches(max_chunksize=BATCH):
            columns = [[_cell(value.as_py()) for value in column] for column in batch.columns]
            writer.writerows(zip(*columns, strict=True))
            yield out.getvalue()
            out.seek(0)
            out.truncate()
        yield out.getvalue()

    def to_parquet(self) -> bytes:
        """All rows as one Parquet file."""
        out = pa.BufferOutputStream()
        pq.write_table(self.rows, out, compression="zstd")
        return bytes(out.getvalue())


class Results:
    """Results by number; the oldest go when there are too many, or they take too much memory."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Result] = OrderedDict()

    def keep(self, session: Session, sql: str, answer: Answer, version: str = "") -> Result:
        """Keep rows for a session."""
        number = secrets.token_urlsafe(9)
        result = Result(number, session.key, sql, answer, version)
        self._kept[number] = result
        while len(self._kept) > MOST_KEPT or self._bytes() > KEPT_BYTES:
            if len(self._kept) == 1:
                break
            self._kept.popitem(last=False)
        return result

    def find(self, session: Session, number: str) -> Result | None:
        """A result of that session's own."""
        result = self._kept.get(number)
        if result is None or result.owner != session.key:
            return None
        self._kept.move_to_end(number)
        return result

    def drop(self, session: Session) -> None:
        """Forget what a session asked."""
        for number in [n for n, one in self._kept.items() if one.owner == session.key]:
            del self._kept[number]

    def clear(self) -> None:
        """Forget everything: somebody was forgotten, and may be in any of them."""
        self._kept.clear()

    def _bytes(self) -> int:
        return sum(one.rows.nbytes for one in self._kept.values())


LARGEST = 2**53  # whole numbers beyond it are text in JSON, or JavaScript would round them


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


def _cell(value: Any) -> Any:
    found = plain(value)
    return defused(found) if isinstance(found, str) else "" if found is None else found


def defused(text: str) -> str:
    """Text that no spreadsheet takes for a formula (OWASP: CSV injection)."""
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
