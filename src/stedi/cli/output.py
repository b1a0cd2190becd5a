"""The only writer: stdout is data, stderr is talk.

`table` for people, `json` a list of objects (times in ISO 8601 UTC), `csv` with a header.
"""

from __future__ import annotations

import csv
import json
import math
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from io import TextIOWrapper
from itertools import islice
from typing import Any

from stedi.errors import storage_error

MOST_TABLE_ROWS = 1_000
LARGEST_COUNT = 10**15
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Format(StrEnum):
    """How rows are printed."""

    table = "table"
    json = "json"
    csv = "csv"


def say(text: str = "") -> None:
    """Talk to the user, on stderr."""
    sys.stderr.write("\n".join(map(visible, text.split("\n"))) + "\n")
    sys.stderr.flush()


def redraw(text: str, last: bool = False) -> None:
    """Replace the line that a terminal shows on stderr; `last` leaves it standing."""
    sys.stderr.write(f"\r\x1b[K{text}" + ("\n" if last else ""))
    sys.stderr.flush()


def show(text: str = "") -> None:
    """Print a line on stdout."""
    STDOUT.write(text + "\n")


class _Stdout:
    """stdout, closed for good when its reader has gone."""

    def write(self, text: str) -> int:
        with self.errors():
            return sys.stdout.write(text)

    def flush(self) -> None:
        with self.errors():
            sys.stdout.flush()

    @contextmanager
    def errors(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            self._give_up()
            raise ReaderGone from None
        except OSError as error:
            self._give_up()
            raise storage_error(error, "standard output") from error

    def _give_up(self) -> None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115


class ReaderGone(Exception):
    """Whoever read stdout has closed it; there is nothing left to do."""


STDOUT = _Stdout()


def plain_streams() -> None:
    """Write UTF-8 whatever the locale says."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def counted(number: int, noun: str) -> str:
    """1 file, 2 files, 1,000 files."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def emit(
    rows: Iterable[Mapping[str, Any]],
    form: Format,
    columns: Sequence[str] = (),
    grouped: bool = False,
) -> None:
    """Print rows on stdout.

    `columns` names the header where there may be no row; `grouped` sets thousands apart for
    people, where every whole number is a count.
    """
    stream = iter(rows)
    with STDOUT.errors():
        if form is Format.json:
            _emit_json(stream)
        elif form is Format.csv:
            _emit_csv(stream, columns)
        else:
            _emit_table(stream, columns, _grouped if grouped else _cell)


def _emit_json(rows: Iterator[Mapping[str, Any]]) -> None:
    mark = "["
    for row in rows:
        sys.stdout.write(f"{mark}\n  {_json(row)}")
        mark = ","
    sys.stdout.write("[]\n" if mark == "[" else "\n]\n")


def _json(row: Mapping[str, Any]) -> str:
    finite = {key: None if _odd(value) else value for key, value in row.items()}
    text = json.dumps(finite, default=_plain, ensure_ascii=False)
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _odd(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _emit_csv(rows: Iterator[Mapping[str, Any]], columns: Sequence[str]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    first = next(rows, None)
    header = list(columns or (first or {}))
    if header:
        writer.writerow(header)
    while first is not None:
        writer.writerow([_cell(first[name]) for name in header])
        first = next(rows, None)


def _emit_table(
    rows: Iterator[Mapping[str, Any]], columns: Sequence[str], cell: Callable[[Any], str]
) -> None:
    shown = list(islice(rows, MOST_TABLE_ROWS))
    header = list(columns or (shown[0] if shown else ()))
    if not header:
        return say("no rows")
    numeric = {n for n in header if any(isinstance(row[n], int | float) for row in shown)}
    cells = [[visible(cell(row[name])) for name in header] for row in shown]
    columns_of = [[name, *(row[i] for row in cells)] for i, name in enumerate(header)]
    widths = [max(map(len, column)) for column in columns_of]
    show(_aligned(header, header, widths, numeric))
    show("  ".join("─" * width for width in widths))
    for row in cells:
        show(_aligned(row, header, widths, numeric))
    if next(rows, None) is not None:
        say(f"the first {MOST_TABLE_ROWS:,} rows; --format csv or --out FILE for all of them")


def _aligned(
    cells: Sequence[str], header: Sequence[str], widths: Sequence[int], numeric: set[str]
) -> str:
    padded = (
        cell.rjust(width) if name in numeric else cell.ljust(width)
        for cell, name, width in zip(cells, header, widths, strict=True)
    )
    return "  ".join(padded).rstrip()


def visible(text: str) -> str:
    """Text with its control characters written out, so that data cannot steer a terminal."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _grouped(value: Any) -> str:
    """A cell for people: counts with their thousands apart, identifiers left whole."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < LARGEST_COUNT:
        return f"{value:,}"
    return _cell(value)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return json.dumps(value, default=_plain, ensure_ascii=False)
    return (
        str(_plain(value)) if isinstance(value, date | datetime | bytes | Decimal) else str(value)
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)


def reasons(excluded: Mapping[str, int]) -> str:
    """Excluded rows by reason, the most frequent first, in one line."""
    ranked = sorted(excluded.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{count:,} {reason}" for reason, count in ranked)
