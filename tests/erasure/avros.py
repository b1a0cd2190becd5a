"""Avro files, written by hand, that hold an identifier in one place."""

from __future__ import annotations

import bz2
import json
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import zstandard

from erasure.texts import Plant, write

SCHEMA = {
    "type": "record",
    "name": "entry",
    "fields": [
        {"name": "n", "type": "long"},
        {"name": "text", "type": ["null", "string"]},
        {"name": "bounds", "type": {"type": "map", "values": "bytes"}},
        {"name": "kin", "type": {"type": "array", "items": ["null", "entry"]}},
    ],
}
SYNC = b"0123456789abcdef"


def _snappy(data: bytes) -> bytes:
    return bytes(pa.Codec("snappy").compress(data)) + zlib.crc32(data).to_bytes(4, "big")


AVRO_CODECS: dict[str, Callable[[bytes], bytes]] = {
    "null": bytes,
    "deflate": lambda data: zlib.compress(data, wbits=-15),
    "zstandard": zstandard.compress,
    "snappy": _snappy,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}


def _long(value: int) -> bytes:
    value, out = value << 1 if value >= 0 else (-value << 1) - 1, bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _sized(data: bytes) -> bytes:
    return _long(len(data)) + data


def _map(items: dict[bytes, bytes]) -> bytes:
    body = b"".join(_sized(key) + _sized(value) for key, value in items.items())
    return (_long(len(items)) + body if items else b"") + _long(0)


def _entry(text: str, bound: str = "", kin: bytes = b"") -> bytes:
    bounds = _map({b"1": bound.encode()} if bound else {})
    kindred = _long(-1) + _long(len(kin) + 1) + _long(1) + kin if kin else b""
    return _long(7) + _long(1) + _sized(text.encode()) + bounds + kindred + _long(0)


def _avro(folder: Path, codec: str, entries: list[bytes], note: str = "") -> Path:
    header = {
        b"avro.schema": json.dumps(SCHEMA).encode(),
        b"avro.codec": codec.encode(),
        b"note": note.encode(),
    }
    blocks = b"".join(
        _long(1) + _sized(AVRO_CODECS[codec](entry)) + SYNC for entry in [_entry("x"), *entries]
    )
    return write(folder, "m.avro", b"Obj\1" + _map(header) + SYNC + blocks)


AVRO: dict[str, Plant] = {
    **{
        f"avro, {codec}": lambda f, t, c=codec: _avro(f, c, [_entry("y"), _entry(t)])
        for codec in AVRO_CODECS
    },
    "avro, bounds": lambda f, t: _avro(f, "null", [_entry("x", bound=t)]),
    "avro, nested": lambda f, t: _avro(f, "deflate", [_entry("x", kin=_entry("z", kin=_entry(t)))]),
    "avro, side by side": lambda f, t: _avro(f, "null", [_entry("a" * 24, kin=_entry(t))]),
    "avro, metadata": lambda f, t: _avro(f, "null", [], note=t),
    "avro in zstd": lambda f, t: write(
        f, "a.zst", zstandard.compress(_avro(f, "null", [_entry(t)]).read_bytes())
    ),
}
