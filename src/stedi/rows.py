"""The rows of a table or a query, to read in the form you like."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stedi.errors import UsageError
from stedi.lake.home import Home
from stedi.lake.model import Query
from stedi.lake.readers import Hold, reading

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from stedi.engines.base import Engine


@dataclass(frozen=True)
class Rows:
    """Rows to read in the form you like; nothing is read before you ask.

    Each time you ask, the tables are read as they are then; no file is removed until you have
    read the last row.
    """

    home: Home
    engine: Engine
    plan: Callable[[], Query]

    def batches(self) -> pa.RecordBatchReader:
        """Record batches one at a time, for data larger than memory."""
        import pyarrow as pa

        hold = reading(self.home)
        try:
            with self._errors():
                reader = self.engine.query(self.plan())
        except BaseException:
            hold.close()
            raise
        return pa.RecordBatchReader.from_batches(reader.schema, _Held(reader, hold))

    def to_arrow(self) -> pa.Table:
        """All rows as an Arrow table."""
        with self._errors(), reading(self.home):
            return self.engine.query(self.plan()).read_all()

    def _errors(self) -> AbstractContextManager[None]:
        from stedi.lake.naming import lake_errors

        return lake_errors(self.home.root)

    def to_pandas(self) -> pd.DataFrame:
        """All rows as a pandas frame (`pip install stedi-lakehouse[pandas]`)."""
        return self.to_arrow().to_pandas()

    def to_polars(self) -> pl.DataFrame:
        """All rows as a Polars frame (`pip install stedi-lakehouse[polars]`)."""
        import polars

        return polars.DataFrame(self.to_arrow())

    def to_duckdb(self, connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        """A lazy relation of your own (fresh) DuckDB connection; views are made in it.

        The files that it reads stay for as long as the connection object does.
        """
        from stedi.engines.duckdb.user import relate

        hold = reading(self.home)
        relation = relate(connection, self.plan())
        weakref.finalize(connection, hold.close)
        return relation

    def write(self, path: Path | str) -> int:
        """Write to a .parquet or .csv file; the number of rows."""
        from stedi.engines.duckdb.user import copy_to

        out = _checked_path(Path(path))
        with self._errors(), reading(self.home):
            return copy_to(self.home.memory, self.home.scratch, self.plan(), out)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for batch in self.batches():
            yield from batch.to_pylist()


class _Held:
    """The batches of a reader; the hold on their files ends with the last, or with this object."""

    def __init__(self, reader: pa.RecordBatchReader, hold: Hold) -> None:
        self._reader = reader
        self._hold = hold

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self

    def __next__(self) -> pa.RecordBatch:
        try:
            return self._reader.read_next_batch()
        except BaseException:
            self._hold.close()
            raise


def _checked_path(path: Path) -> Path:
    if path.suffix.lower() not in (".parquet", ".csv"):
        raise UsageError(f"{path}: the file's name must end in .parquet or .csv")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{path.absolute().parent}: no such folder")
    return path
