"""What identifies the people to forget, found in bytes however it is spelled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from ahocorasick_rs import BytesAhoCorasick, Implementation

from stedi.erasure.sieve import Sieve
from stedi.erasure.spelling import decoded, spellings
from stedi.errors import UsageError

Kind = Literal["email", "name", "phone", "serial"]

_NEAR = 16
_WORD = r"[^\W_]"
_JOINED = rf"{_WORD}['\u2019-]{{1,2}}"
# What a file may be called after a person: ".json" does not make a longer domain of an address.
_SUFFIX = (
    r"(?:jsonl?|ndjson|gz|zst|parquet|avro|csv|tsv|txt|log|db|sqlite|bak|tmp|old|[a-z]*\d[a-z\d]*)"
    r"(?![\w-])"
)

_CONTINUES_BEFORE = {
    "email": re.compile(rf"(?:[\w.%+-]|{_WORD}'{{1,2}})\Z"),
    "name": re.compile(rf"(?:{_WORD}|{_JOINED})\Z"),
    "phone": re.compile(rf"{_WORD}\Z"),
    "serial": re.compile(rf"{_WORD}\Z"),
}
_CONTINUES_AFTER = {
    "email": re.compile(rf"{_WORD}|-|\.(?!{_SUFFIX}){_WORD}", re.I),
    "name": re.compile(rf"{_WORD}|[-'\u2019](?!s\b){_WORD}"),
    "phone": re.compile(_WORD),
    "serial": re.compile(_WORD),
}


@dataclass(frozen=True)
class Needle:
    """One identifier of a person. Its value is never printed."""

    kind: Kind
    value: str = field(repr=False)


@dataclass(frozen=True)
class Occurrence:
    """Where a needle stands: first and last byte + 1 in the bytes searched, and its kind."""

    start: int
    end: int
    kind: Kind


class Needles:
    """Identifiers to look for; upper and lower case are the same.

    An occurrence counts if the characters around it do not make it part of a longer address,
    name or number. UsageError for a blank value, or if there is none.
    """

    def __init__(self, needles: Iterable[Needle]) -> None:
        wanted = sorted(set(needles), key=lambda needle: (needle.kind, needle.value))
        if not wanted or not all(needle.value.strip() for needle in wanted):
            raise UsageError("nothing to look for: an identifier is blank; name a person")
        patterns: dict[tuple[bytes, str, Kind], None] = {
            (spelling, encoding, needle.kind): None
            for needle in wanted
            for spelling, encoding in spellings(needle.value)
        }
        self._patterns = list(patterns)
        self.longest = max(len(spelling) for spelling, _, _ in self._patterns)
        self.numbers = sorted(
            {int(n.value) for n in wanted if n.kind == "phone" and _whole(n.value)}
        )
        self._scanner = BytesAhoCorasick(
            [spelling for spelling, _, _ in self._patterns], implementation=Implementation.DFA
        )
        self.sieve = Sieve(s for s, encoding, _ in self._patterns if encoding == "utf-8")

    def plain(self, data: bytes, *, loose: bool = False) -> Iterator[Occurrence]:
        """Occurrences in bytes as they stand; `loose` ignores what stands around them."""
        return self._matches(data.lower(), loose=loose)

    def escaped(self, data: bytes) -> Iterator[Occurrence]:
        """Occurrences in `decoded(data)`, positions counted there."""
        return self._matches(decoded(data), loose=False)

    def _matches(self, data: bytes, *, loose: bool) -> Iterator[Occurrence]:
        for number, start, end in self._scanner.find_matches_as_indexes(data, overlapping=True):
            _, encoding, kind = self._patterns[number]
            if loose or encoding == "binary" or _stands_alone(data, start, end, encoding, kind):
                yield Occurrence(start, end, kind)

    def masked(self, text: str) -> str:
        """Text in which every identifier is replaced by its kind: "[email].json"."""
        raw = text.encode("utf-8", "surrogateescape")
        found = list(self.plain(raw, loose=True))
        if not found and any(True for _ in self.escaped(raw)):
            return "[identifier]"
        parts, at = [], 0
        for one in sorted(found, key=lambda one: (one.start, -one.end)):
            if one.start >= at:
                parts += [raw[at : one.start], f"[{one.kind}]".encode()]
                at = one.end
        return b"".join([*parts, raw[at:]]).decode("utf-8", "replace")


def _whole(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= 18


def _stands_alone(data: bytes, start: int, end: int, encoding: str, kind: Kind) -> bool:
    near = min(start - start % 2, _NEAR)  # whole characters, also of two bytes
    before = data[start - near : start].decode(encoding, "replace")
    after = data[end : end + _NEAR].decode(encoding, "replace")
    return not (_CONTINUES_BEFORE[kind].search(before) or _CONTINUES_AFTER[kind].match(after))
