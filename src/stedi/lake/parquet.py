"""Small data files of a table, read whole; where they lie makes no difference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from stedi.lake.model import DataFile
from stedi.places import S3Path, place

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


def read(path: str, columns: Sequence[str] | None = None) -> pa.Table:
    """All rows of a data file."""
    import pyarrow.parquet as pq

    where = _where(path)
    return pq.read_table(**where, columns=columns and list(columns), partitioning=None)


def _where(path: str) -> dict[str, Any]:
    """A file as Arrow's functions take it."""
    found = place(path)
    if isinstance(found, S3Path):
        from stedi.places.bulk import filesystem

        return {"source": f"{found.bucket}/{found.key}", "filesystem": filesystem()}
    return {"source": path}


def opened(path: str) -> pq.ParquetFile:
    """A data file, open to be read in parts."""
    import pyarrow.parquet as pq

    return pq.ParquetFile(**_where(path))


def rows(files: Iterable[DataFile], columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """All rows of some data files, as dictionaries."""
    return [row for file in files for row in read(file.path, columns).to_pylist()]


def writer(path: str, schema: pa.Schema) -> pq.ParquetWriter:
    """A new data file, compressed as all are; its folder is made."""
    import pyarrow.parquet as pq

    found = place(path)
    found.parent.mkdir(parents=True, exist_ok=True)
    where = _where(path)
    return pq.ParquetWriter(
        where["source"], schema, filesystem=where.get("filesystem"), compression="snappy"
    )
