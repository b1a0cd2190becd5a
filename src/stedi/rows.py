"""The rows of a table or a query, to read in the form you like."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stedi.errors import UsageError
from stedi.lake.home import Home
from stedi.lake.model import Query

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from stedi.engines.base import Engine


@dataclass(frozen=True)
class Rows:
    """Rows to read in the form you like; nothing is read before you ask."""

    home: Home
    engine: Engine
    query: Query

    def batches(self) -> pa.RecordBatchReader:
        """Record batches one at a time, for data larger than memory."""
        return self.engine.query(self.query)

    def to_arrow(self) -> pa.Table:
        """All rows as an Arrow table."""
        return self.batches().read_all()

    def to_pandas(self) -> pd.DataFrame:
        """All rows as a pandas frame (`pip install stedi-lakehouse[pandas]`)."""
        return self.to_arrow().to_pandas()

    def to_polars(self) -> pl.DataFrame:
        """All rows as a Polars frame (`pip install stedi-lakehouse[polars]`)."""
        import polars

        return polars.DataFrame(self.to_arrow())

    def to_duckdb(self, connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        """A lazy relation of your own (fresh) DuckDB connection; views are made in it."""
        from stedi.engines.duckdb.user import relate

        return relate(connection, self.query)

    def write(self, path: Path | str) -> int:
        """Write to a .parquet or .csv file; the number of rows."""
        from stedi.engines.duckdb.user import copy_to

        return copy_to(self.home.memory, self.home.scratch, self.query, _checked_path(Path(path)))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for batch in self.batches():
            yield from batch.to_pylist()


def _checked_path(path: Path) -> Path:
    if path.suffix.lower() not in (".parquet", ".csv"):
        raise UsageError(f"{path}: the file's name must end in .parquet or .csv")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{path.absolute().parent}: no such folder")
    return path
