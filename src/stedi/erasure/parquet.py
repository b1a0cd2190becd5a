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
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stedi.erasure.look import Look, Unreadable
from stedi.erasure.thrift import Reader

MAGIC = b"PAR1"
_TAIL = 8
_TEXTS = ("BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")
_NUMBERS = ("INT32", "INT64", "INT96", "FLOAT", "DOUBLE")
_TIMES = ("TIMESTAMP", "DATE", "TIME", "DECIMAL")
# Pages that Arrow can read as a dictionary; delta-coded ones it reads value by value.
_SHARED = frozenset(("PLAIN", "PLAIN_DICTIONARY", "RLE", "RLE_DICTIONARY", "BIT_PACKED"))
_PAGE_SIZE, _HEADER_ROOM = 3, 1 << 20

Data = bytes | mmap.mmap


def search_parquet(data: Data, look: Look) -> None:
    """Search a whole file. Unreadable if any part cannot be decoded."""
    try:
        footer = _footer(data)
        with pq.ParquetFile(pa.BufferReader(pa.py_buffer(data))) as file:
            chunks = _pages(data, file.metadata, look)
            _between(data, chunks, footer, look)
            _metadata(data, file, footer, look)
            for group in range(file.metadata.num_row_groups):
                _values(file.metadata, data, group, look)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise Unreadable(f"Parquet cannot be decoded ({type(error).__name__})") from error


def _footer(data: Data) -> int:
    """Where the footer begins."""
    size = int.from_bytes(data[-_TAIL:-4], "little")
    if data[-4:] != MAGIC or size + _TAIL + len(MAGIC) > len(data):
        raise ValueError("no footer")
    return len(data) - _TAIL - size


def _metadata(data: Data, file: pq.ParquetFile, footer: int, look: Look) -> None:
    reader = Reader(data[footer:-_TAIL])
    reader.struct()
    look.values(reader.texts, "footer")
    look.values(_schema_texts(file.metadata.metadata or {}), "schema in the footer")


def _schema_texts(metadata: dict[bytes, bytes]) -> Iterator[bytes]:
    """Arrow keeps its schema, with metadata of its own, as base64 of a message."""
    if packed := metadata.get(b"ARROW:schema"):
        schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(packed)))
        yield from (schema.metadata or {}).keys()
        yield from (schema.metadata or {}).values()
        for field in schema:
            yield from (field.metadata or {}).values()


# ---------------------------------------------------------------- what is no value


def _pages(data: Data, metadata: Any, look: Look) -> list[tuple[int, int]]:
    """Search the headers of all pages; returns where the column chunks lie."""
    chunks, texts = [], list[bytes]()
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            column = metadata.row_group(group).column(number)
            first = [column.data_page_offset]
            if column.has_dictionary_page and column.dictionary_page_offset:
                first.append(column.dictionary_page_offset)
            start, end = min(first), min(first) + column.total_compressed_size
            texts += _headers(data, start, end)
            chunks.append((start, end))
    look.values(texts, "page headers")
    return chunks


def _headers(data: Data, at: int, end: int) -> list[bytes]:
    texts: list[bytes] = []
    while at < end:
        reader = Reader(data[at : min(end, at + _HEADER_ROOM)])
        size = reader.struct()[_PAGE_SIZE]
        if size < 0 or at + reader.at + size > end:
            raise ValueError("a page that ends outside of its column")
        texts += reader.texts
        at += reader.at + size
    return texts


def _between(data: Data, chunks: list[tuple[int, int]], footer: int, look: Look) -> None:
    """Page indexes, Bloom filters, and whatever else lies outside of the column chunks."""
    at = len(MAGIC)
    for start, end in [*sorted(chunks), (footer, footer)]:
        if at < start:
            gap = data[at:start]
            look.text(gap, f"bytes {at} to {start}")
            look.values(_index_texts(gap), f"page index at byte {at}")
        at = max(at, end)


def _index_texts(gap: bytes) -> list[bytes]:
    reader = Reader(gap)
    try:
        while reader.at < len(gap):
            reader.struct()
    except ValueError:  # a Bloom filter's bits: searched as they stand
        pass
    return reader.texts


# ---------------------------------------------------------------- values


def _values(metadata: Any, data: Data, group: int, look: Look) -> None:
    """Search the columns that can hold an identifier, one row group at a time."""
    texts, shared, numbers = list[str](), list[str](), list[str]()
    for number in range(metadata.num_columns):
        column, chunk = metadata.schema.column(number), metadata.row_group(group).column(number)
        if column.physical_type in _TEXTS:
            texts.append(column.path)
        elif _may_hold_a_number(column, chunk, look):
            numbers.append(column.path)
        if column.physical_type == "BYTE_ARRAY" and _SHARED.issuperset(chunk.encodings):
            shared.append(column.path)
    reader = pa.BufferReader(pa.py_buffer(data))
    with pq.ParquetFile(reader, metadata=metadata, read_dictionary=shared) as file:
        table = file.read_row_group(group, columns=texts + numbers, use_threads=False)
    for name, values in zip(table.column_names, table.columns, strict=True):
        for part in values.chunks:
            _array(part, f"row group {group}, column {name}", look)


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
