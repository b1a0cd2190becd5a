"""The addresses and serial numbers that a line may tell, well-formed or not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

# Space separators: what SQL's trim takes off. A tab or a newline stays.
_SPACES = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
_SPACES += "\u202f\u205f\u3000"
_UNITS = re.compile(r"(?:\\u[0-9a-fA-F]{4})+")
_ESCAPE = re.compile(r"\\(?:[bfnrt]|x[0-9a-fA-F]{2})")
_ADDRESS = re.compile(r'([^\s"<>,;:(){}\[\]\\@]+)@([\w.-]+)')
_START = re.compile(r"(?<=[^\w.%+-])")
_QUOTED = re.compile(r'"([^"]*)"')
_WORD = re.compile(r"[\w!#$%&*+/?^~.-]+")
_WORD_ENDS = re.compile(r"[!#$%&*+/?^~]")


UNMISTAKABLE = 6  # characters from which a serial number is known without quotation marks


def matched(address: str) -> str:
    """An address as people are matched: what lower(trim(...)) makes of it in SQL."""
    low = address.lower() if address.isascii() else "".join(c.lower()[0] for c in address)
    return low.strip(_SPACES)


def addresses(line: str) -> Iterator[str]:
    """Everything in a line that may be an address, as matched; most of it is none.

    Where the local part of one begins cannot always be told: user=o'neil@test.com.
    """
    plain = _plain(line)
    texts = [plain, unquote(plain)] if "%40" in plain else [plain]
    for found in (found for text in texts for found in _ADDRESS.finditer(text)):
        local, domain = found.groups()
        for start in {0, *(begin.start() for begin in _START.finditer(local))}:
            for end in {domain, domain.rstrip(".")}:
                yield matched(f"{local[start:]}@{end}")


def serials(line: str) -> Iterator[str]:
    """Everything in a line that may be a serial number, case kept; most of it is none.

    A short one must stand in quotation marks: 0 may be anything.
    """
    text = _plain(line)
    for found in _QUOTED.finditer(text):
        yield from {found[1], found[1].strip(" ")} - {""}
    for word in _WORD.findall(text):
        ways = {word, word.rstrip("."), _WORD_ENDS.split(word)[0].rstrip(".")}
        yield from (way for way in ways if len(way) >= UNMISTAKABLE)


def _plain(line: str) -> str:
    """A line without JSON's escapes, those that are no letters as spaces."""
    return _ESCAPE.sub(" ", _UNITS.sub(_characters, line)) if "\\" in line else line


def _characters(units: re.Match[str]) -> str:
    raw = bytes.fromhex(units[0].replace("\\u", ""))
    return raw.decode("utf-16-be", "replace")
