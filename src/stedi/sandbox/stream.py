"""The rows that a query's process left, read as if it had written them to do harm.

Arrow's reader checks a stream's structure and `validate` its contents. Neither bounds what a few
bytes may unfold to: compressed buffers (DuckDB writes none), and lists of nulls, which take no
room at all.
"""

from __future__ import annotations

import struct
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc

from stedi.engines.spec import Limits

MOST_NESTED = 10_000_000  # values in lists and the like, of a whole result

# Arrow's format/Message.fbs: places of fields, kinds of messages
_KIND, _HEADER = 1, 2
_DATA, _COMPRESSION = 1, 3
_DICTIONARY, _BATCH = 2, 3


class Unsafe(ValueError):
    """The rows are not what an honest query leaves."""


class TooMany(Unsafe):
    """The rows are more than a caller has room for."""


def read(file: IO[bytes], limits: Limits) -> pa.Table:
    """The rows, without a copy of them in memory; Unsafe says why not.

    Nobody may write to the file any more.
    """
    try:
        return _checked(file, limits)
    except Unsafe:
        raise
    except (pa.ArrowException, OSError, struct.error, IndexError, ValueError) as error:
        why = f"the query's process left no readable rows ({type(error).__name__})"
        raise Unsafe(why) from error


def _checked(file: IO[bytes], limits: Limits) -> pa.Table:
    with pa.memory_map(f"/proc/self/fd/{file.fileno()}") as mapped:
        _refuse_compressed(mapped)
        mapped.seek(0)
        table = pa.ipc.open_stream(mapped).read_all()
    if table.num_rows > limits.rows:
        raise TooMany(f"the query's process left more than {limits.rows:,} rows")
    table.validate()
    _refuse_unfolding(table, limits)
    if sum(_nested(chunk) for column in table.columns for chunk in column.chunks) > MOST_NESTED:
        raise TooMany(f"the lists of the result hold more than {MOST_NESTED:,} values")
    try:
        table.validate(full=True)
    except pa.ArrowException as error:  # a whole number of 39 digits is among what may fail
        why = "the result holds a value that cannot be passed on; cast its column to VARCHAR"
        raise Unsafe(why) from error
    return table


def _refuse_unfolding(table: pa.Table, limits: Limits) -> None:
    """ENUM columns tell each text once: written out, a few kB may be many GB."""
    room = limits.size - table.nbytes
    for chunk in (chunk for column in table.columns for chunk in column.chunks):
        if isinstance(chunk, pa.DictionaryArray) and pa.types.is_string(chunk.type.value_type):
            lengths = pc.binary_length(chunk.dictionary).cast(pa.int64())
            room -= pc.sum(lengths.take(chunk.indices)).as_py() or 0
        elif _holds_dictionary(chunk.type):
            raise Unsafe("the result holds an ENUM inside of something; cast it to VARCHAR")
    if room < 0:
        raise TooMany("the texts of the result are too large; cast its ENUM column to VARCHAR")


def _holds_dictionary(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return not pa.types.is_string(kind.value_type)
    return any(_within(kind.field(place).type) for place in range(kind.num_fields))


def _within(kind: pa.DataType) -> bool:
    return pa.types.is_dictionary(kind) or _holds_dictionary(kind)


def _refuse_compressed(mapped: pa.MemoryMappedFile) -> None:
    for message in pa.ipc.MessageReader.open_stream(mapped):
        meta = message.metadata.to_pybytes()
        start = _follow(meta, 0)
        kind = meta[_field(meta, start, _KIND)]
        header = _follow(meta, _field(meta, start, _HEADER))
        if kind == _DICTIONARY:
            header = _follow(meta, _field(meta, header, _DATA))
        if kind in (_DICTIONARY, _BATCH) and _has(meta, header, _COMPRESSION):
            raise Unsafe("the query's process left compressed rows")


def _follow(meta: bytes, place: int) -> int:
    """Where a flatbuffer's table begins whose offset stands there."""
    found: int = struct.unpack_from("<I", meta, place)[0]
    return place + found


def _has(meta: bytes, table: int, field: int) -> int:
    """The distance of a field from the beginning of its table; 0 if it is left out."""
    vtable = table - struct.unpack_from("<i", meta, table)[0]
    size: int = struct.unpack_from("<H", meta, vtable)[0]
    where = 4 + 2 * field
    return int(struct.unpack_from("<H", meta, vtable + where)[0]) if where < size else 0


def _field(meta: bytes, table: int, field: int) -> int:
    return table + _has(meta, table, field)


def _nested(array: pa.Array) -> int:
    """How many values it holds below its own."""
    kind = array.type
    if isinstance(array, pa.DictionaryArray):
        return _below(array.dictionary)
    if isinstance(array, pa.RunEndEncodedArray):
        return len(array) + _below(array.values)
    if isinstance(array, pa.ExtensionArray):
        return _nested(array.storage)
    if pa.types.is_struct(kind) or pa.types.is_union(kind):
        names = [kind.field(place).name for place in range(kind.num_fields)]  # which must be text
        return sum(_below(array.field(place)) for place in range(len(names)))
    if pa.types.is_nested(kind):
        return _below(array.values)
    return 0


def _below(array: pa.Array) -> int:
    return len(array) + _nested(array)
