"""Which lines of a text are a person's, and the text without them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from stedi.erasure.needles import Needles, Occurrence
from stedi.erasure.sieve import Positions
from stedi.erasure.spelling import decoded

BLOCK = 1 << 20  # what fits in the cache is scanned fastest
_BOM = b"\xef\xbb\xbf"
_NEWLINE, _SPACE = 10, 32

Span = tuple[int, int]


@dataclass(frozen=True)
class Piece:
    """Whole lines of a text, and where they start in it (bytes)."""

    at: int
    data: bytes


def pieces(blocks: Iterable[bytes], size: int = BLOCK) -> Iterator[Piece]:
    """A text in pieces of at least `size` bytes that end with a line, or with the text."""
    at, held, parts = 0, 0, list[bytes]()
    for block in blocks:
        parts.append(block)
        held += len(block)
        if held < size or b"\n" not in block:
            continue
        data = b"".join(parts)
        end = data.rfind(b"\n") + 1
        yield Piece(at, data[:end])
        at, parts, held = at + end, [data[end:]], len(data) - end
    if held:
        yield Piece(at, b"".join(parts))


class Lines:
    """A piece as numbered lines, counted from 0."""

    def __init__(self, piece: Piece) -> None:
        self.data = piece.data
        self._codes = np.frombuffer(self.data, dtype=np.uint8)
        ends = np.flatnonzero(self._codes == _NEWLINE) + 1
        self._mark = len(_BOM) if piece.at == 0 and self.data.startswith(_BOM) else 0
        whole = len(self.data) == self._mark or self.data.endswith(b"\n")
        self.ends = ends if whole else np.append(ends, len(self.data))

    def holding(self, places: Positions) -> Positions:
        """The numbers of the lines in which these bytes stand."""
        numbers = np.unique(np.searchsorted(self.ends, places, side="right"))
        return numbers[: len(self.ends)] if len(self.ends) else numbers[:0]

    def spans(self, numbers: Positions) -> list[Span]:
        """Where lines begin and end, newline included.

        A byte order mark before the first line of a text is not part of the line.
        """
        starts = np.where(numbers > 0, self.ends[numbers - 1], self._mark)
        return list(zip(starts.tolist(), self.ends[numbers].tolist(), strict=True))

    def text(self, numbers: Positions) -> bytes:
        """Some lines, one after the other."""
        return b"".join([self.data[start:end] for start, end in self.spans(numbers)])

    def odd(self) -> Positions:
        """The numbers of the lines with an escape or a byte beyond ASCII."""
        data, codes = self.data, self._codes
        if data.isascii() and b"\\" not in data and b"%" not in data:
            return np.empty(0, dtype=np.int64)
        return self.holding(np.flatnonzero((codes == 92) | (codes == 37) | (codes > 127)))

    def filled(self) -> int:
        """How many lines are not blank; only one that starts with a space or its end can be."""
        starts = np.concatenate(([self._mark], self.ends[:-1]))[: len(self.ends)]
        maybe = np.flatnonzero(self._codes[np.minimum(starts, len(self.data) - 1)] <= _SPACE)
        return len(self.ends) - sum(not self.data[a:b].strip() for a, b in self.spans(maybe))


def theirs(lines: Lines, needles: Needles) -> list[Span]:
    """The places of the person's lines in a piece, newline included, in order."""
    odd = lines.odd()
    numbers = np.union1d(_as_they_stand(lines, needles), _unescaped(lines, odd, needles))
    return lines.spans(numbers)


def _as_they_stand(lines: Lines, needles: Needles) -> Positions:
    if not needles.sieve.works or b"\0" in lines.data:
        return lines.holding(_starts(needles.plain(lines.data)))
    suspects = lines.holding(needles.sieve.places(lines.data))
    text = lines.text(suspects)
    return suspects[_numbers(text, _starts(needles.plain(text)))]


def _unescaped(lines: Lines, odd: Positions, needles: Needles) -> Positions:
    """Lines in which a needle shows once escapes are undone and letters folded."""
    if not len(odd):
        return odd
    text = decoded(lines.text(odd))
    return odd[_numbers(text, _starts(needles.plain(text)))]


def _starts(found: Iterable[Occurrence]) -> Positions:
    return np.array([one.start for one in found], dtype=np.int64)


def _numbers(text: bytes, places: Positions) -> Positions:
    if not len(places):
        return places
    return Lines(Piece(1, text)).holding(places)


def without(data: bytes, spans: Iterable[Span]) -> bytes:
    """Data with the bytes of some spans, sorted and apart, cut out."""
    view, kept, at = memoryview(data), list[memoryview](), 0
    for start, end in spans:
        kept.append(view[at:start])
        at = end
    kept.append(view[at:])
    return b"".join(kept)
