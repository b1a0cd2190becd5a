"""What landing tells whoever watches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Progress:
    """How far landing is: files, lines and delivered bytes so far, bytes to land in all."""

    files: int = 0
    rows: int = 0
    bytes: int = 0
    of_bytes: int = 0


class Meter:
    """Adds up steps; while a part is read its bytes are estimated from its lines."""

    def __init__(self, watch: Callable[[Progress], None]) -> None:
        self._watch = watch
        self._seen = Progress()
        self._part = Progress()
        self._read = 0

    def expect(self, size: int) -> None:
        """Bytes to land in all."""
        self._seen = replace(self._seen, of_bytes=size)

    def start(self, files: int, lines: int, size: int) -> None:
        """A part of that many files, lines (about) and bytes is read next."""
        self._part, self._read = Progress(files, lines, size), 0

    def rows(self, rows: int) -> None:
        """So many more lines of the part were read."""
        self._read += rows
        share = min(self._read / max(self._part.rows, 1), 1.0)
        now = self._seen
        part_bytes = int(self._part.bytes * share)
        self._watch(replace(now, rows=now.rows + self._read, bytes=now.bytes + part_bytes))

    def finish(self, lines: int) -> None:
        """The part is read: it had that many lines."""
        now, part = self._seen, self._part
        self._seen = Progress(
            now.files + part.files, now.rows + lines, now.bytes + part.bytes, now.of_bytes
        )
        self._watch(self._seen)
