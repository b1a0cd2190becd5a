"""Thrift's compact protocol, in which Parquet writes everything that is not a page of values.

The protocol says of each field what type it has, so all text in it is found without knowing
what the fields mean. See thrift-compact-protocol.md of the Apache Thrift project.
"""

from __future__ import annotations

import struct
from typing import Any

_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY = 1, 2, 3, 7, 8
_LISTS, _MAP, _STRUCT = (9, 10), 11, 12
_INTEGERS = (4, 5, 6)
_DEEPEST = 64


class Reader:
    """Reads values from `data` at `at`; `texts` collects every binary that went by."""

    def __init__(self, data: bytes | memoryview, at: int = 0) -> None:
        self.data = data
        self.at = at
        self.texts: list[bytes] = []

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """One struct: its values by field number. ValueError if this is none."""
        if depth > _DEEPEST:
            raise ValueError("nested too deep")
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._signed()
            kind = head & 15
            fields[number] = kind == _TRUE if kind <= _FALSE else self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in _INTEGERS:
            return self._signed()
        if kind == _BINARY:
            return self._binary()
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in _LISTS:
            return self._list(depth)
        if kind == _MAP:
            return self._map(depth)
        return self._fixed(kind)

    def _fixed(self, kind: int) -> Any:
        if kind == _DOUBLE:
            return struct.unpack("<d", self._take(8))[0]
        if kind in (_TRUE, _FALSE, _BYTE):  # in a list a boolean takes a byte
            return self._byte()
        raise ValueError(f"no type of thrift: {kind}")

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        size = head >> 4 if head >> 4 < 15 else self._varint()
        self._possible(size)
        return [self._value(head & 15, depth) for _ in range(size)]

    def _map(self, depth: int) -> list[tuple[Any, Any]]:
        size = self._varint()
        self._possible(size)
        kinds = self._byte() if size else 0
        key, value = kinds >> 4, kinds & 15
        return [(self._value(key, depth), self._value(value, depth)) for _ in range(size)]

    def _possible(self, size: int) -> None:
        if size > len(self.data) - self.at:
            raise ValueError("longer than the data")

    def _binary(self) -> bytes:
        text = self._take(self._varint())
        self.texts.append(text)
        return text

    def _take(self, size: int) -> bytes:
        taken = bytes(self.data[self.at : self.at + size])
        if len(taken) < size:
            raise ValueError("the data ends too early")
        self.at += size
        return taken

    def _byte(self) -> int:
        return self._take(1)[0]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
            if shift > 63:
                raise ValueError("a number that is too long")

    def _signed(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
