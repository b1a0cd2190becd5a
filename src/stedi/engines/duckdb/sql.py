"""The embedded engine as what making a table anew asks of an engine.

One pass over the candidates makes a temporary table of the distinct promoted rows with how
often each came, and one row a reason for the others; files are then copied from it, or rows
only counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from stedi.contract import Table
from stedi.contract.sql import translate, used
from stedi.engines.base import Params
from stedi.engines.duckdb.session import literal, rows_of
from stedi.engines.duckdb.writing import write
from stedi.engines.sql.session import PROMOTED, Judged, Slice, days_of, name, on_days, slices
from stedi.lake.model import DataFile, Source, Target

DAY_MICROS = 86_400_000_000  # counting by CAST to DATE asks the time zone of every row


class DuckDBSession:
    """A DuckDB connection as a `stedi.engines.sql.session.Session`."""

    instant = "TIMESTAMPTZ"
    rows_a_slice: int | None = 4_000_000

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def literal(self, text: str) -> str:
        """A SQL text literal."""
        return literal(text)

    def day(self, column: str) -> str:
        """Days since 1970-01-01."""
        return f"epoch_us({column}) // {DAY_MICROS}"

    def house(self, sql: str) -> str:
        """Its translation."""
        return translate(sql, "duckdb")

    def rows_of(self, source: Source) -> str:
        """A SELECT over the files of a source."""
        return rows_of(source)

    def rows(self, sql: str, params: Params | None = None) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self._connection.execute(sql, used(params or {}, sql)).fetchall()

    def arrow(self, sql: str, params: Params | None = None) -> pa.Table:
        """The same as an Arrow table."""
        return self._connection.sql(sql, params=used(params or {}, sql)).to_arrow_table()

    def hold(self, table: str, select: str, params: Params | None = None) -> None:
        """Make a temporary table."""
        made = f"CREATE OR REPLACE TEMP TABLE {name(table)} AS {select}"
        self._connection.execute(made, used(params or {}, select))

    def hold_values(self, table: str, columns: Mapping[str, Sequence[str]]) -> None:
        """Make a temporary table of values."""
        values = ", ".join(f"unnest(CAST(${c} AS VARCHAR[])) AS {name(c)}" for c in columns)
        made = f"CREATE OR REPLACE TEMP TABLE {name(table)} AS SELECT {values}"
        self._connection.execute(made, {c: list(given) for c, given in columns.items()})

    def show(self, view: str, select: str) -> None:
        """Make a temporary view."""
        self._connection.execute(f"CREATE OR REPLACE TEMP VIEW {name(view)} AS {select}")

    def drop(self, *tables: str) -> None:
        """Drop temporary tables."""
        for table in tables:
            self._connection.execute(f"DROP TABLE IF EXISTS {name(table)}")

    def judge(
        self, table: Table, params: Params, target: Target | None, part: Slice | None = None
    ) -> Judged:
        """Fill the table of verdicts, and copy files from it."""
        counts = self._judge(table, params)
        if target is None:
            return Judged(counts, int(self.rows(f"SELECT count(*) FROM ({PROMOTED})")[0][0]))
        files = self._copy(target, part)
        return Judged(counts, sum(file.rows for file in files), files)

    def _judge(self, table: Table, params: Params) -> Counter[str]:
        query = self.house(table.query)
        columns = ", ".join(
            f"CASE WHEN excluded IS NULL THEN {name(c.name)} END AS {name(c.name)}"
            for c in table.columns
        )
        self.hold(
            "verdicts",
            f"SELECT {columns}, coalesce(excluded, '') AS excluded, count(*) AS times "
            f"FROM ({query}) GROUP BY ALL",
            params,
        )
        counted = "SELECT excluded, CAST(sum(times) AS BIGINT) FROM verdicts GROUP BY 1"
        return Counter(dict(self.rows(counted)))

    def _copy(self, target: Target, part: Slice | None) -> list[DataFile]:
        """Write the promoted rows, days to files of their own where the table has days."""
        if not target.day_column:
            return self.write(PROMOTED, target)
        if part is None:
            days = days_of(self, PROMOTED, target.day_column)
            parts = list(slices(days, self.rows_a_slice))
        else:
            parts = [part]
        return [file for one in parts for file in self._copy_days(target, one)]

    def _copy_days(self, target: Target, part: Slice) -> list[DataFile]:
        column = target.day_column
        if part.small:
            select = f"{PROMOTED} AND {on_days(self, column, part.days)}"
            return write(self._connection, select, target, by_day=True)
        days = ((day, f"{PROMOTED} AND {on_days(self, column, [day])}") for day in part.days)
        return [file for _, select in days for file in self.write(select, target)]

    def write(self, select: str, target: Target) -> list[DataFile]:
        """Write the rows of a SELECT."""
        return write(self._connection, select, target)
