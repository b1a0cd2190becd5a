"""Parquet files that hold an identifier in one place."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from erasure.texts import Plant, escaped, write


def _table(text: str, rows: int = 50) -> pa.Table:
    values = [f"person{n}@x.com" for n in range(rows - 1)]
    return pa.table({"n": range(rows), "user": [*values, text]})


def parquet(folder: Path, table: pa.Table, **options: object) -> Path:
    path = folder / "a.parquet"
    pq.write_table(table, path, **options)
    return path


def _filler() -> pa.Table:
    return pa.table({"n": [1, 2]})


def _metadata(text: str) -> dict[str, str]:
    return {"note": text}


def _in_field(text: str) -> pa.Table:
    field = pa.field("n", pa.int64(), metadata=_metadata(text))
    return pa.table([[1]], schema=pa.schema([field]))


def _between(folder: Path, text: str) -> Path:
    """Bytes that belong to no page and no footer."""
    path = parquet(folder, _filler())
    data = path.read_bytes()
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    path.write_bytes(data[:footer] + b"\0" + text.encode() + b"\0" + data[footer:])
    return path


def _statistics_only(folder: Path, text: str, **options: object) -> Path:
    """Statistics that speak of a value which the pages no longer hold."""
    other = "x" * len(text)
    path = parquet(
        folder, pa.table({"user": [text]}), compression="none", use_dictionary=False, **options
    )
    data, value = path.read_bytes(), text.encode()
    first = data.find(len(value).to_bytes(4, "little") + value)
    assert first > 0
    assert data.count(value) > 1
    path.write_bytes(data[: first + 4] + other.encode() + data[first + 4 + len(value) :])
    assert pq.read_table(path)["user"].to_pylist() == [other]
    return path


def _unused_in_dictionary(folder: Path, text: str) -> Path:
    """A dictionary with a value that no row uses."""
    indices = pa.array([0, 0, 0], pa.int32())
    column = pa.DictionaryArray.from_arrays(indices, ["bob@x.com", text])
    return parquet(folder, pa.table({"user": column}), write_statistics=False)


PARQUET: dict[str, Plant] = {
    **{
        f"parquet, {codec}, {kind}": lambda f, t, c=codec, d=kind == "dictionary": parquet(
            f, _table(t), compression=c, use_dictionary=d, write_statistics=False
        )
        for codec in ("none", "snappy", "gzip", "zstd", "lz4", "brotli")
        for kind in ("dictionary", "plain")
    },
    **{
        f"parquet, {encoding}": lambda f, t, e=encoding: parquet(
            f, _table(t), use_dictionary=False, column_encoding={"user": e, "n": "PLAIN"}
        )
        for encoding in ("DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY")
    },
    "parquet, later row group": lambda f, t: parquet(f, _table(t, 100), row_group_size=20),
    "parquet, small pages": lambda f, t: parquet(
        f, _table(t, 3000), data_page_size=256, dictionary_pagesize_limit=512
    ),
    "parquet, data page v2": lambda f, t: parquet(f, _table(t), data_page_version="2.0"),
    "parquet, unused in dictionary": _unused_in_dictionary,
    "parquet, statistics": _statistics_only,
    "parquet, page index": lambda f, t: _statistics_only(f, t, write_page_index=True),
    "parquet, key-value metadata": lambda f, t: parquet(
        f, _filler().replace_schema_metadata(_metadata(t))
    ),
    "parquet, field metadata": lambda f, t: parquet(f, _in_field(t)),
    "parquet, column name": lambda f, t: parquet(f, pa.table({t: [1]})),
    "parquet, between": _between,
    "parquet, list": lambda f, t: parquet(f, pa.table({"u": [["a"], None, ["b", t]]})),
    "parquet, map": lambda f, t: parquet(
        f, pa.table({"u": pa.array([[(t, 1)]], pa.map_(pa.string(), pa.int8()))})
    ),
    "parquet, struct": lambda f, t: parquet(f, pa.table({"u": [{"a": [{"b": t}]}, None]})),
    "parquet, binary": lambda f, t: parquet(f, pa.table({"u": [None, t.encode()]})),
    "parquet, json text": lambda f, t: parquet(
        f, pa.table({"text": [f'{{"user": "{escaped(t)}"']}), write_statistics=False
    ),
    "parquet in gzip": lambda f, t: write(
        f, "a.gz", gzip.compress(parquet(f, _table(t)).read_bytes())
    ),
}
