"""Delivered files as lines: plain, .gz or .zst, whole or damaged.

A blank line is no record and is not counted. A byte order mark before the first line and a
carriage return at the end of a line are dropped. Nothing else is changed.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import zstandard

from stedi.places import place

BLOCK = 1 << 20
LONGEST_LINE = 16 << 20
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class RawFile:
    """One delivered file: absolute path, stored bytes, modification time (ns since 1970)."""

    path: str
    size: int
    modified: int


class Damaged(Exception):
    """Compressed data that ends too early or is not what the file's name says."""


def blocks(path: str) -> Iterator[bytes]:
    """The decompressed bytes of a file; raises Damaged after the last readable ones."""
    with place(path).open("rb") as file:
        if path.lower().endswith(".gz"):
            yield from _inflate(file, 16 << 10, lambda: zlib.decompressobj(wbits=31))
        elif path.lower().endswith(".zst"):
            fresh = zstandard.ZstdDecompressor().decompressobj
            yield from _inflate(file, 1 << 10, fresh)
        else:
            while block := file.read(BLOCK):
                yield block


def packed(path: str) -> bool:
    """Whether a file is compressed, by its name."""
    return path.lower().endswith((".gz", ".zst"))


def _inflate(file: BinaryIO, step: int, fresh: Any) -> Iterator[bytes]:
    """Unpack `step` bytes at a time: few enough that what they unpack to fits in memory."""
    stream, started = fresh(), False
    while block := file.read(step):
        while block:
            try:
                data = stream.decompress(block)
            except (zlib.error, zstandard.ZstdError) as error:
                raise Damaged(f"the compressed data is damaged: {error}") from error
            started = True
            if data:
                yield data
            block = stream.unused_data if stream.eof else b""
            if stream.eof:
                stream, started = fresh(), False
    if started:
        raise Damaged("the compressed data ends too early")


@dataclass(frozen=True)
class Lines:
    """Consecutive non-blank lines of one file, with their numbers counted from 1.

    `flaw` says why the only line here is not a line at all: damaged data, or too long.
    """

    numbers: Sequence[int]
    lines: list[bytes]
    flaw: str = ""


def read_lines(path: str, size: int = 32 * BLOCK) -> Iterator[Lines]:
    """The non-blank lines of a file in batches of about `size` bytes."""
    number, rest, skipping, ended = 1, b"", False, False
    source = blocks(path)
    while not ended:
        data, flaw, ended = _take(source, size)
        if skipping:
            _, newline, data = data.partition(b"\n")
            skipping = not newline
        data = rest + data
        cut = len(data) if ended and not flaw else data.rfind(b"\n") + 1
        yield from _numbered(data[:cut], number)
        number += data.count(b"\n", 0, cut)
        rest = data[cut:]
        if len(rest) > LONGEST_LINE:
            flaw, rest, skipping = _too_long(), rest[:BLOCK], True
        if flaw:
            yield Lines([number], [rest], flaw)
            number, rest = number + 1, b""


def _take(source: Iterator[bytes], size: int) -> tuple[bytes, str, bool]:
    parts: list[bytes] = []
    held = 0
    try:
        for block in source:
            parts.append(block)
            held += len(block)
            if held >= size:
                return b"".join(parts), "", False
    except Damaged as error:
        return b"".join(parts), str(error), True
    return b"".join(parts), "", True


def _numbered(data: bytes, first: int) -> Iterator[Lines]:
    if first == 1 and data.startswith(_BOM):
        data = data[3:]
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    whole = all(map(bytes.strip, lines)) and max(map(len, lines), default=0) <= LONGEST_LINE
    if whole:
        yield Lines(range(first, first + len(lines)), lines)
        return
    kept = [(number, line) for number, line in enumerate(lines, first) if line.strip()]
    fit = [(number, line) for number, line in kept if len(line) <= LONGEST_LINE]
    yield Lines([number for number, _ in fit], [line for _, line in fit])
    for number, line in kept:
        if len(line) > LONGEST_LINE:
            yield Lines([number], [line[:BLOCK]], _too_long())


def _too_long() -> str:
    return f"line longer than {LONGEST_LINE >> 20} MiB"
