"""Every text in an Avro object container file (Iceberg's manifests), and its metadata.

The blocks are decoded by their schema, since Avro writes values side by side with nothing
between them. See "Object Container Files" in the Avro specification, 1.11.
"""

from __future__ import annotations

import bz2
import json
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import zstandard

from stedi.erasure.look import Look, Unreadable

MAGIC = b"Obj\x01"
_SYNC, _CHECKSUM = 16, 4
_FIXED_WIDTH = {"float": 4, "double": 8, "boolean": 1, "null": 0}
_LONGEST_BLOCK = 1 << 30

Reads = Callable[["_Bytes"], None]


def search_avro(data: bytes, look: Look) -> None:
    """Search a whole file. Unreadable if any part cannot be decoded."""
    try:
        source = _Bytes(data, len(MAGIC))
        header = dict(_header(source))
        look.values([*header, *header.values()], "header")
        read = _Schema()(json.loads(header[b"avro.schema"]))
        unpack = _CODECS[header.get(b"avro.codec", b"null").decode()]
        sync = source.take(_SYNC)
        for number in _count_blocks(source):
            _block(source, unpack, read, sync, look, f"block {number}")
    except _BROKEN as error:
        raise Unreadable(f"Avro cannot be decoded ({type(error).__name__})") from error


def _header(source: _Bytes) -> Iterator[tuple[bytes, bytes]]:
    for _ in source.items():
        yield source.sized(), source.sized()


def _count_blocks(source: _Bytes) -> Iterator[int]:
    number = 0
    while source.at < len(source.data):
        yield number
        number += 1


def _block(
    source: _Bytes,
    unpack: Callable[[bytes], bytes],
    read: Reads,
    sync: bytes,
    look: Look,
    where: str,
) -> None:
    count = source.long()
    block = _Bytes(unpack(source.sized()))
    for _ in range(count):
        read(block)
    if block.at != len(block.data) or source.take(_SYNC) != sync:
        raise ValueError("a block that does not end where it should")
    look.values(block.texts, where)


class _Bytes:
    """Avro's primitive values; `texts` collects every string, bytes and fixed."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at
        self.texts: list[bytes] = []

    def take(self, size: int) -> bytes:
        taken = self.data[self.at : self.at + size]
        if size < 0 or len(taken) < size:
            raise ValueError("the data ends too early")
        self.at += size
        return taken

    def long(self) -> int:
        value = shift = 0
        while (byte := self.take(1)[0]) > 127:
            value |= (byte & 127) << shift
            shift += 7
        value |= byte << shift
        return (value >> 1) ^ -(value & 1)

    def sized(self) -> bytes:
        return self.take(self.long())

    def text(self) -> None:
        self.texts.append(self.sized())

    def items(self) -> Iterator[None]:
        """Once for each item of an array or map."""
        while count := self.long():
            if count < 0:
                self.long()
            for _ in range(abs(count)):
                yield None


class _Schema:
    """Turns a schema into a function that reads one value of it."""

    def __init__(self) -> None:
        self._named: dict[str, Reads] = {}

    def __call__(self, schema: Any) -> Reads:
        if isinstance(schema, list):
            return _union([self(branch) for branch in schema])
        if isinstance(schema, str):
            return self._primitive(schema)
        kind = schema["type"]
        if kind == "record":
            return self._record(schema)
        if kind in ("array", "map"):
            return _repeated(self(schema["items" if kind == "array" else "values"]), kind == "map")
        if kind == "fixed":
            return self._keep(schema, _fixed(schema["size"]))
        return self._keep(schema, _Bytes.long) if kind == "enum" else self(kind)

    def _primitive(self, name: str) -> Reads:
        if name in ("string", "bytes"):
            return _Bytes.text
        if name in ("int", "long"):
            return _Bytes.long  # type: ignore[return-value]
        if name in _FIXED_WIDTH:
            return _skipped(_FIXED_WIDTH[name])
        return self._named[name]

    def _record(self, schema: Any) -> Reads:
        fields: list[Reads] = []

        def read(source: _Bytes) -> None:
            for field in fields:
                field(source)

        self._keep(schema, read)
        fields += [self(field["type"]) for field in schema["fields"]]
        return read

    def _keep(self, schema: Any, read: Any) -> Reads:
        names = [schema["name"], f"{schema.get('namespace', '')}.{schema['name']}"]
        self._named |= dict.fromkeys(names, read)
        return read  # type: ignore[no-any-return]


def _union(branches: list[Reads]) -> Reads:
    return lambda source: branches[source.long()](source)


def _repeated(item: Reads, keyed: bool) -> Reads:
    def read(source: _Bytes) -> None:
        for _ in source.items():
            if keyed:
                source.text()
            item(source)

    return read


def _fixed(size: int) -> Reads:
    return lambda source: source.texts.append(source.take(size))


def _skipped(size: int) -> Reads:
    def read(source: _Bytes) -> None:
        source.take(size)

    return read


def _snappy(data: bytes) -> bytes:
    size = _Bytes(data)
    length = shift = 0
    while (byte := size.take(1)[0]) > 127:
        length |= (byte & 127) << shift
        shift += 7
    length |= byte << shift
    if length > _LONGEST_BLOCK:
        raise ValueError("a block that is too long")
    packed = data[:-_CHECKSUM]
    return bytes(pa.Codec("snappy").decompress(packed, length))


_CODECS: dict[str, Callable[[bytes], bytes]] = {
    "null": bytes,
    "deflate": lambda data: zlib.decompress(data, -15),
    "snappy": _snappy,
    "zstandard": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
    "bzip2": bz2.decompress,
    "xz": lzma.decompress,
}
_BROKEN = (
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    EOFError,
    RecursionError,
    OSError,
    MemoryError,
    zlib.error,
    lzma.LZMAError,
    zstandard.ZstdError,
    pa.ArrowException,
)
