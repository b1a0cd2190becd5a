"""How one value may be spelled in a file, and how bytes are brought to one spelling."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from uuid import UUID

_NESTED = 4
_UNICODE = rb"\\u[0-9a-f]{4}"
_ESCAPE = re.compile(
    rb"(?:" + _UNICODE + rb")+|\\x[0-9a-f]{2}|(?:%[0-9a-f]{2})+|\\[^a-z0-9\n]|\\[nrtbf]", re.I
)
_NOT_ASCII = re.compile(rb"[\x80-\xff]+")
_SIGMAS = ("\u03c2", "\u03c3")  # one letter, written differently at the end of a word
_LINE_ENDS = str.maketrans("\r\n", "  ")


def folded(data: bytes) -> bytes:
    """Bytes of text in lower case, also beyond ASCII; bytes that are no UTF-8 stay."""
    low = data.lower()
    return low if low.isascii() else _NOT_ASCII.sub(lambda run: _lower(run[0]), low)


@lru_cache(maxsize=1 << 14)
def _lower(run: bytes) -> bytes:
    text = run.decode("utf-8", "surrogateescape")
    text = "".join(one.lower()[:1] for one in text).replace(*_SIGMAS)  # as SQL: one for one
    return text.encode("utf-8", "surrogateescape")


def decoded(data: bytes) -> bytes:
    """Text without its escapes (JSON, percent, \\xNN; also several layers), folded.

    As many newlines come out as went in: an escaped one becomes a space.
    """
    for _ in range(_NESTED):
        before, data = data, _ESCAPE.sub(lambda found: _meaning(found[0]), data)
        if data == before:
            break
    return folded(data)


@lru_cache(maxsize=1 << 14)
def _meaning(escape: bytes) -> bytes:
    if escape[:1] == b"%":
        return bytes.fromhex(escape.replace(b"%", b"").decode()).translate(_ONE_LINE)
    match escape[1:2].lower():
        case b"u":
            units = b"".join(bytes.fromhex(u.decode()) for u in re.split(rb"(?i:\\u)", escape))
            text = units.decode("utf-16-be", "replace")
        case b"x":
            return bytes.fromhex(escape[2:].decode()).translate(_ONE_LINE)
        case b"n" | b"r" | b"t" | b"b" | b"f":
            text = " "
        case _:
            return escape[1:]
    return text.translate(_LINE_ENDS).encode()


_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")


def spellings(value: str) -> Iterator[tuple[bytes, str]]:
    """The folded bytes to look for, each with its encoding ("binary" for a UUID's 16 bytes).

    What `decoded` undoes is not among them.
    """
    text = folded(" ".join(value.split()).encode()).decode()
    for form in ("NFC", "NFD"):
        shape = folded(unicodedata.normalize(form, text).encode())
        yield shape, "utf-8"
        yield shape.replace(b"'", b"''"), "utf-8"
    for cased in dict.fromkeys((text, text.upper(), text.title())):
        for encoding in ("utf-16-le", "utf-16-be", *(() if text.isascii() else ("latin-1",))):
            yield cased.encode(encoding, "ignore").lower(), encoding
    yield from _uuid(text)


def _uuid(text: str) -> Iterator[tuple[bytes, str]]:
    """A UUID also as plain hexadecimal digits and as 16 bytes, in either byte order."""
    try:
        number = UUID(text)
    except ValueError:
        return
    yield number.hex.encode(), "utf-8"
    yield str(number).encode(), "utf-8"
    yield number.bytes.lower(), "binary"
    yield number.bytes_le.lower(), "binary"
