"""A first look at a delivered file's bytes: its checksum, and whether it looks clean.

A clean file's characters add up: a feed whose announced fields are all required has, in every
line, two quotation marks a name and two a text value, and one comma fewer than fields. If the
whole file has exactly so many, and each line has at least the announced fields, then no line
has an unannounced field, a repeated name, a number written as text or a trailing comma.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from stedi.contract import Table
from stedi.errors import storage_error
from stedi.feeds.raw import Damaged, RawFile, blocks, packed
from stedi.places import place

_SPACE, _NEWLINE, _QUOTE, _COMMA, _E, _BRACE = 32, 10, 34, 44, 101, 125

Codes = NDArray[np.uint8]


@dataclass(frozen=True)
class Inspected:
    """A delivered file after the first look; `lines` is exact for a clean file."""

    file: RawFile
    checksum: str
    lines: int
    clean: bool


@dataclass
class _Tally:
    newlines: int = 0
    quotes: int = 0
    commas: int = 0
    literals: bool = False
    tail: bytes = b""

    def add(self, block: bytes) -> None:
        codes = np.frombuffer(block, dtype=np.uint8)
        self.newlines += int(np.count_nonzero(codes == _NEWLINE))
        self.quotes += int(np.count_nonzero(codes == _QUOTE))
        self.commas += int(np.count_nonzero(codes == _COMMA))
        self.literals = self.literals or _has_literal(codes) or _has_literal(self._seam(block))
        self.tail = block[-1:]

    def _seam(self, block: bytes) -> Codes:
        return np.frombuffer(self.tail + block[:1], dtype=np.uint8)


def _has_literal(codes: Codes) -> bool:
    """Whether true or false may stand here as a value: an "e" before what ends a value.

    No number ends in "e", and a text that holds such a pair makes the file no longer clean,
    only slower to land.
    """
    after = codes[1:]
    ends = (after == _COMMA) | (after == _BRACE) | (after <= _SPACE)
    return bool(np.any(ends & (codes[:-1] == _E)))


def inspect(file: RawFile, table: Table) -> Inspected:
    """Read a file once; StorageError if it cannot be read or has vanished."""
    try:
        checksum = hashlib.sha256()
        tally = _Tally()
        clean = True
        try:
            for block in _hashed(file.path, checksum):
                tally.add(block)
        except Damaged:
            clean = False
        if packed(file.path):
            with place(file.path).open("rb") as stored:
                checksum = hashlib.file_digest(cast(Any, stored), "sha256")
    except OSError as error:
        raise storage_error(error, file.path) from error
    lines = tally.newlines + (tally.tail[-1:] not in (b"", b"\n"))
    return Inspected(file, checksum.hexdigest(), lines, clean and _adds_up(tally, lines, table))


def _hashed(path: str, checksum: hashlib._Hash) -> Iterator[bytes]:
    for block in blocks(path):
        if not packed(path):
            checksum.update(block)
        yield block


def _adds_up(tally: _Tally, lines: int, table: Table) -> bool:
    announced = [column for column in table.columns if column.field]
    texts = sum(column.type in ("string", "date") for column in announced)
    return (
        all(column.required for column in announced)
        and tally.quotes == lines * 2 * (len(announced) + texts)
        and tally.commas == lines * (len(announced) - 1)
        and not tally.literals
    )
