"""Every byte of a Parquet file: values, dictionaries, statistics, metadata, what lies between.

Values are read as dictionaries, which hold each distinct text once (also one that no row uses
any more). Pages are not searched as stored: compressed or delta-coded bytes show parts of
values side by side that do not belong together, and nothing in them is not in the values.
The headers of pages, the footer and all bytes outside of pages are searched as stored.
"""

from __future__ import annotations

import base64
import mmap
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stedi.erasure.look import Look, Unreadable
from stedi.erasure.thrift import Reader
from stedi.erasure.window import Window

MAGIC = b"PAR1"
_TAIL = 8
_TEXTS = ("BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")
_NUMBERS = ("INT32", "INT64", "INT96", "FLOAT", "DOUBLE")
_TIMES = ("TIMESTAMP", "DATE", "TIME", "DECIMAL")
# Pages that Arrow can read as a dictionary; delta-coded ones it reads value by value.
_SHARED = frozenset(("PLAIN", "PLAIN_DICTIONARY", "RLE", "RLE_DICTIONARY", "BIT_PACKED"))
_PAGE_SIZE = 3  # the field that tells it
_SHORT, _HEADER_ROOM = 1 << 12, 1 << 20  # bytes

_ROWS = 1 << 17  # decoded at once: as many as a row group has where DuckDB wrote it
_AT_ONCE = 32 << 20  # bytes of a column chunk that are fetched, or decoded, in one piece
_STREAMED = 1 << 20

Data = bytes | mmap.mmap | Window
# What an object says that cannot be had; of what cannot be decoded Arrow says less.
_AWAY = (ConnectionError, FileExistsError, FileNotFoundError, PermissionError)


class Chunk(NamedTuple):
    """A column of a row group, and where it lies (bytes)."""

    start: int
    end: int
    group: int
    column: int


def search_parquet(data: Data, look: Look) -> None:
    """Search a whole file, from its beginning to its end. Unreadable if any part is no Parquet.

    In memory are its metadata, and of its values one column of one row group at a time; of one
    that is longer than 32 MB some rows.
    """
    try:
        footer = _footer(data)
        metadata = pq.read_metadata(pa.BufferReader(MAGIC + data[footer:]))
        _metadata(data, metadata, footer, look)
        values = _Values(data, metadata, look)
        at, texts = len(MAGIC), list[bytes]()
        for chunk in _chunks(metadata):
            if not len(MAGIC) <= chunk.start <= chunk.end <= footer:
                raise ValueError("a column outside of the file")
            _gap(data, at, chunk.start, look)
            if isinstance(data, Window) and chunk.end - chunk.start <= _AT_ONCE:
                data.hold(chunk.start, chunk.end)
            texts += _headers(data, chunk.start, chunk.end)
            values.search(chunk)
            at = max(at, chunk.end)
        look.values(texts, "page headers")
        _gap(data, at, footer, look)
    except _AWAY:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise Unreadable(f"Parquet cannot be decoded ({type(error).__name__})") from error


def _opened(data: Data, **options: Any) -> pq.ParquetFile:
    """To be decoded bit by bit, without a copy of a whole column before."""
    window = isinstance(data, Window)
    file = pa.PythonFile(data, "r") if window else pa.BufferReader(pa.py_buffer(data))
    return pq.ParquetFile(file, buffer_size=_STREAMED, pre_buffer=False, **options)


def _footer(data: Data) -> int:
    """Where the footer begins."""
    size = int.from_bytes(data[-_TAIL:-4], "little")
    if data[-4:] != MAGIC or size + _TAIL + len(MAGIC) > len(data):
        raise ValueError("no footer")
    return len(data) - _TAIL - size


def _metadata(data: Data, metadata: Any, footer: int, look: Look) -> None:
    reader = Reader(data[footer:-_TAIL])
    reader.struct()
    look.values(reader.texts, "footer")
    look.values(_schema_texts(metadata.metadata or {}), "schema in the footer")


def _schema_texts(metadata: dict[bytes, bytes]) -> Iterator[bytes]:
    """Arrow keeps its schema, with metadata of its own, as base64 of a message."""
    if packed := metadata.get(b"ARROW:schema"):
        schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(packed)))
        yield from (schema.metadata or {}).keys()
        yield from (schema.metadata or {}).values()
        for field in schema:
            yield from (field.metadata or {}).values()


# ---------------------------------------------------------------- what is no value


def _chunks(metadata: Any) -> list[Chunk]:
    """All columns of all row groups, as they lie one after the other."""
    chunks: list[Chunk] = []
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            column = metadata.row_group(group).column(number)
            first = [column.data_page_offset]
            if column.has_dictionary_page and column.dictionary_page_offset:
                first.append(column.dictionary_page_offset)
            start = min(first)
            chunks.append(Chunk(start, start + column.total_compressed_size, group, number))
    return sorted(chunks)


def _headers(data: Data, at: int, end: int) -> list[bytes]:
    texts: list[bytes] = []
    while at < end:
        reader, size = _header(data, at, end)
        if size < 0 or at + reader.at + size > end:
            raise ValueError("a page that ends outside of its column")
        texts += reader.texts
        at += reader.at + size
    return texts


def _header(data: Data, at: int, end: int) -> tuple[Reader, int]:
    """The header of a page, read, and the page's size; first as if it were short, as most are."""
    for room in (_SHORT, _HEADER_ROOM):
        reader = Reader(data[at : min(end, at + room)])
        with suppress(ValueError):
            size = reader.struct().get(_PAGE_SIZE)
            if isinstance(size, int):
                return reader, size
    raise ValueError("no header of a page")


def _gap(data: Data, start: int, end: int, look: Look) -> None:
    """Page indexes, Bloom filters, and whatever else lies outside of the column chunks."""
    if start < end:
        gap = data[start:end]
        look.text(gap, f"bytes {start} to {end}")
        look.values(_index_texts(gap), f"page index at byte {start}")


def _index_texts(gap: bytes) -> list[bytes]:
    reader = Reader(gap)
    try:
        while reader.at < len(gap):
            reader.struct()
    except ValueError:  # a Bloom filter's bits: searched as they stand
        pass
    return reader.texts


# ---------------------------------------------------------------- values


class _Values:
    """Searches the columns that can hold an identifier."""

    def __init__(self, data: Data, metadata: Any, look: Look) -> None:
        self._data = data
        self._metadata = metadata
        self._look = look

    def search(self, chunk: Chunk) -> None:
        """Search one column of one row group."""
        column = self._metadata.schema.column(chunk.column)
        stored = self._metadata.row_group(chunk.group).column(chunk.column)
        text = column.physical_type in _TEXTS
        if not text and not _may_hold_a_number(column, stored, self._look):
            return
        shared = column.physical_type == "BYTE_ARRAY" and _SHARED.issuperset(stored.encodings)
        options = {"metadata": self._metadata, "read_dictionary": [column.path] * shared}
        with _opened(self._data, **options) as file:
            part = {"row_groups": [chunk.group], "columns": [column.path], "use_threads": False}
            for batch in file.iter_batches(_rows(stored), **part):
                for name, values in zip(batch.schema.names, batch.columns, strict=True):
                    _array(values, f"row group {chunk.group}, column {name}", self._look)


def _rows(stored: Any) -> int:
    """How many rows of a column are decoded at once: fewer where they are long."""
    fit = _AT_ONCE * int(stored.num_values) // max(1, int(stored.total_uncompressed_size))
    return max(1, min(_ROWS, fit))


def _may_hold_a_number(column: Any, chunk: Any, look: Look) -> bool:
    """Whether one of the telephone numbers lies within the range of a numeric column."""
    kind = str(column.logical_type.type)
    if column.physical_type not in _NUMBERS or kind in _TIMES or not look.needles.numbers:
        return False
    known = chunk.statistics if chunk.is_stats_set else None
    if not known or not known.has_min_max:
        return True
    return any(known.min <= number <= known.max for number in look.needles.numbers)


def _array(array: Any, where: str, look: Look) -> None:
    """Search an array of any type."""
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        _array(array.storage, where, look)
    elif pa.types.is_dictionary(kind):
        _array(array.dictionary, where, look)
    elif pa.types.is_struct(kind):
        for field in array.flatten():
            _array(field, where, look)
    elif pa.types.is_map(kind):
        _array(array.keys, where, look)
        _array(array.items, where, look)
    elif pa.types.is_nested(kind):
        _array(array.flatten(), where, look)
    else:
        _flat(array, where, look)


def _flat(array: Any, where: str, look: Look) -> None:
    kind = array.type
    if pa.types.is_fixed_size_binary(kind):
        look.values((one.as_py() for one in array.drop_null().unique()), where)
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
        wanted = pa.array([float(n) for n in look.needles.numbers])
        if pc.any(pc.is_in(array.cast(pa.float64(), safe=False), wanted)).as_py():
            look.note(where, "phone")
    elif not (pa.types.is_temporal(kind) or pa.types.is_decimal(kind)):
        look.text(_joined(array.drop_null()), where)


def _joined(array: Any) -> bytes:
    """All values with newlines between them."""
    texts = array.cast(pa.large_binary())
    lists = pa.LargeListArray.from_arrays(pa.array([0, len(texts)], pa.int64()), texts)
    joined = pc.binary_join(lists, pa.scalar(b"\n", pa.large_binary()))
    return bytes(joined.buffers()[2])
