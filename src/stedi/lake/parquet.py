"""Small data files of a table, read whole; where they lie makes no difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from stedi.lake.model import DataFile
from stedi.places import S3Path, place

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


def read(path: str, columns: Sequence[str] | None = None) -> pa.Table:
    """All rows of a data file."""
    import pyarrow.parquet as pq

    wanted = columns and list(columns)
    return pq.read_table(_readable(path), columns=wanted, partitioning=None)


def _readable(path: str) -> Any:
    """A file as Arrow's functions take it."""
    found = place(path)
    return found.open(buffering=0) if isinstance(found, S3Path) else path


def opened(path: str) -> pq.ParquetFile:
    """A data file, open to be read in parts."""
    import pyarrow.parquet as pq

    return pq.ParquetFile(_readable(path))


def rows(files: Iterable[DataFile], columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """All rows of some data files, as dictionaries."""
    return [row for file in files for row in read(file.path, columns).to_pylist()]


@contextmanager
def writer(path: str, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """A new data file, compressed as all are; its folder is made."""
    import pyarrow.parquet as pq

    found = place(path)
    found.parent.mkdir(parents=True, exist_ok=True)
    into = found.create() if isinstance(found, S3Path) else nullcontext(path)
    with into as where, pq.ParquetWriter(where, schema, compression="snappy") as file:
        yield file
