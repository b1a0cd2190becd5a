"""The rows of queries, kept by number for as long as somebody is likely to look at them.

They go out in windows for the grid, and as files. What they hold as values is cells.py.
"""

from __future__ import annotations

import csv
import io
import secrets
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from stedi.console.cells import defused, for_csv, for_parquet, kind_of, plain, shown, type_of
from stedi.console.sessions import Session
from stedi.sandbox.runner import Answer

__all__ = ["Result", "Results", "plain"]
MOST_KEPT = 1024
MOST_OF_ONE = 16  # of one session
KEPT_BYTES = 1 << 30
WINDOW = 5000  # rows in one answer
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

    @property
    def columns(self) -> list[dict[str, str]]:
        """Name, type as SQL names it, and kind (number, time, text or other) of each column."""
        return [
            {"name": field.name, "type": type_of(field.type), "kind": kind_of(field.type)}
            for field in self.rows.schema
        ]

    def window(
        self, start: int, count: int, step: int = 1, columns: Sequence[int] | None = None
    ) -> list[list[Any]]:
        """Every `step`th row from `start` on, each value as JSON can hold it; at most WINDOW.

        Long texts and lists are cut, and say so; the files hold them whole. `columns` by place.
        """
        places = range(self.rows.num_columns) if columns is None else columns
        taken = [self.rows.column(place) for place in places]
        numbers = range(start, self.rows.num_rows, step)[: min(count, WINDOW)]
        return [[shown(column[number]) for column in taken] for number in numbers]

    def to_csv(self) -> Iterator[bytes]:
        """All rows with a header, in pieces; a text that a spreadsheet would run is defused."""
        head = io.StringIO()
        to = csv.writer(head, lineterminator="\n", quoting=csv.QUOTE_ALL)
        to.writerow(map(defused, self.rows.column_names))
        yield head.getvalue().encode()
        plain = pacsv.WriteOptions(include_header=False)
        for batch in self.rows.to_batches(max_chunksize=BATCH):
            out = io.BytesIO()
            names = [str(place) for place in range(batch.num_columns)]
            cells = [for_csv(column) for column in batch.columns]
            pacsv.write_csv(pa.table(cells, names=names), out, plain)
            yield out.getvalue()

    def to_parquet(self) -> Iterator[bytes]:
        """All rows as one Parquet file, in pieces; what Parquet has no type for is text in it."""
        out = _Pieces()
        table = for_parquet(self.rows)
        with pq.ParquetWriter(pa.PythonFile(out, mode="w"), table.schema, compression="zstd") as to:
            for start in range(0, table.num_rows, BATCH * 10):
                to.write_table(table.slice(start, BATCH * 10))
                yield out.take()
        yield out.take()


class _Pieces(io.RawIOBase):
    """A file to write to; what was written is taken out again."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, part: Any) -> int:
        """One more part."""
        self._parts.append(bytes(part))
        return len(self._parts[-1])

    def take(self) -> bytes:
        """What was written since the last time."""
        found, self._parts = b"".join(self._parts), []
        return found


class Results:
    """Results by number; the oldest go when there are too many, or they take too much room.

    `cleared` counts how often everything was forgotten: rows that were asked for before that are
    not to be kept after it.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Result] = OrderedDict()
        self._sizes: dict[str, tuple[int, int]] = {}
        self.cleared = 0

    def keep(self, session: Session, sql: str, answer: Answer, version: str = "") -> Result:
        """Keep rows for a session."""
        number = secrets.token_urlsafe(9)
        result = Result(number, session.key, sql, answer, version)
        self._kept[number] = result
        self._sizes[number] = (id(answer), answer.rows.nbytes)
        mine = [n for n, one in self._kept.items() if one.owner == session.key]
        for old in mine[:-MOST_OF_ONE]:
            self._forget(old)
        while len(self._kept) > 1 and (len(self._kept) > MOST_KEPT or self._bytes() > KEPT_BYTES):
            self._forget(next(iter(self._kept)))
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
            self._forget(number)

    def clear(self) -> None:
        """Forget everything: somebody was forgotten, and may be in any of them."""
        self._kept.clear()
        self._sizes.clear()
        self.cleared += 1

    def _forget(self, number: str) -> None:
        del self._kept[number], self._sizes[number]

    def _bytes(self) -> int:
        """What they take together; rows that several share count once."""
        return sum(dict(self._sizes.values()).values())
