"""Where an identifier may stand, by a glance at every "@" and "-": a few GB/s, not exact.

Readings are nearly all of what is delivered, and name people by an address or a serial number
alone. The scanner, which is exact, then sees only the lines that are left.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]

_ANCHORS = b"@-"
_KEY = 8
_BITS = 16
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_LOWER = np.uint64(0x2020202020202020)


class Sieve:
    """Finds the anchors before which the last bytes are those of a spelling.

    `works` is false if a spelling has no anchor: then nothing can be ruled out.
    """

    def __init__(self, spellings: Iterable[bytes]) -> None:
        keys: dict[int, dict[int, list[bytes]]] = {}
        self.works = True
        for spelling in spellings:
            at = next((i for i, byte in enumerate(spelling) if byte in _ANCHORS and i > 0), 0)
            key = spelling[max(0, at - _KEY) : at]
            self.works &= at > 0
            keys.setdefault(spelling[at], {}).setdefault(len(key), []).append(key)
        self._tables = {
            anchor: [(length, _table(some)) for length, some in by_length.items()]
            for anchor, by_length in keys.items()
        }

    def places(self, data: bytes) -> Positions:
        """Positions (bytes) of anchors of what may be an occurrence, in no order."""
        codes = np.frombuffer(data, dtype=np.uint8)
        return np.concatenate([self._places(data, codes, anchor) for anchor in self._tables])

    def _places(self, data: bytes, codes: NDArray[np.uint8], anchor: int) -> Positions:
        places = np.flatnonzero(codes == anchor)
        early = int(np.searchsorted(places, _KEY))
        late = places[early:]
        if not len(late):
            return places
        windows = np.ndarray((len(data) - _KEY + 1, _KEY), np.uint8, data, strides=(1, 1))
        words = windows[late - _KEY].view("<u8")[:, 0]
        found = np.zeros(len(late), dtype=bool)
        for length, table in self._tables[anchor]:
            found |= table[_hashes(words, length)]
        return np.concatenate((places[:early], late[found]))


def _table(keys: list[bytes]) -> NDArray[np.bool_]:
    table = np.zeros(1 << _BITS, dtype=bool)
    words = np.array([int.from_bytes(key.rjust(_KEY, b"\0"), "little") for key in keys], "<u8")
    table[_hashes(words, len(keys[0]))] = True
    return table


def _hashes(words: NDArray[np.uint64], length: int) -> NDArray[np.uint64]:
    """Of the last `length` of the eight bytes in each word, upper and lower case the same."""
    last = (words | _LOWER) >> np.uint64(8 * (_KEY - length))
    return np.asarray((last * _SPREAD) >> np.uint64(64 - _BITS))
