"""One file being searched: what was seen in it, and where."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from stedi.erasure.cut import Lines, Piece
from stedi.erasure.needles import Kind, Needles
from stedi.erasure.spelling import decoded

WINDOW = 8 << 20
_AROUND = 16
_LONGEST_ESCAPE = 12

What = Kind | Literal["unreadable", "link"]


class Unreadable(Exception):
    """A file that is not what its name or its first bytes say; says what is wrong."""


class Look:
    """Searches what a file holds, piece by piece; remembers the place and kind of each finding."""

    def __init__(self, needles: Needles, window: int = WINDOW) -> None:
        self.needles = needles
        self.found: dict[tuple[str, What], None] = {}
        self.stored = 0  # bytes of the file as it lies there
        self.searched = 0  # and decoded
        self._window = window
        self._overlap = 2 * _LONGEST_ESCAPE * (needles.longest + 2 * _AROUND)

    def note(self, where: str, kind: What) -> None:
        """Add a finding; the place is shown without what was looked for."""
        self.found[self.needles.masked(where), kind] = None

    def text(self, data: bytes, where: str) -> None:
        """Search bytes that are whole: a value, or values with newlines between them."""
        self.searched += len(data)
        self._search(data, where, first=True, last=True)

    def values(self, values: Iterable[bytes], where: str) -> None:
        """Search values, each for itself."""
        self.text(b"\n".join(values), where)

    def loose(self, data: bytes, where: str, explained: Iterable[bytes] = ()) -> None:
        """Search bytes in which values stand side by side with nothing between them.

        What goes on before or after an identifier may be the next value, so any occurrence
        counts, except inside the words in `explained`.
        """
        self.searched += len(data)
        low, words = data.lower(), [*explained]
        for one in self.needles.plain(data, loose=True):
            if not any(_within(low, one.start, one.end, word) for word in words):
                self.note(f"{where}, byte {one.start}", one.kind)

    def stream(self, blocks: Iterable[bytes], where: str) -> None:
        """Search text of any length in windows that overlap."""
        at, first, parts, size = 0, True, list[bytes](), 0
        try:
            for block in blocks:
                self.searched += len(block)
                parts.append(block)
                size += len(block)
                if size >= self._window + self._overlap:
                    held = b"".join(parts)
                    self._search(held, f"{where} from byte {at}", first=first, last=False)
                    at, first = at + size - self._overlap, False
                    parts, size = [held[-self._overlap :]], self._overlap
        finally:  # also what could be read before a failure
            self._search(b"".join(parts), f"{where} from byte {at}", first=first, last=True)

    def _search(self, data: bytes, where: str, *, first: bool, last: bool) -> None:
        self._matches(data, where, first, last)
        lines = Lines(Piece(1, data))
        odd = lines.odd()
        if len(odd):
            starts = first or odd[0] > 0
            ends = last or odd[-1] < len(lines.ends) - 1
            self._matches(decoded(lines.text(odd)), where, starts, ends)

    def _matches(self, data: bytes, where: str, first: bool, last: bool) -> None:
        """An occurrence at the rim of a window is seen whole in the window before or after."""
        low = 0 if first else _AROUND
        high = len(data) if last else len(data) - _AROUND
        for one in self.needles.plain(data):
            if one.start >= low and one.end <= high:
                self.note(where, one.kind)


def _within(data: bytes, start: int, end: int, word: bytes) -> bool:
    at = data.find(word, max(0, end - len(word)), start + len(word))
    return at >= 0
