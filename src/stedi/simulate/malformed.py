"""Lines that are not well-formed: real lines, damaged in a known way."""

from __future__ import annotations

from collections import Counter
from typing import TypeVar

import numpy as np

from stedi.simulate.arrays import stream

# For each feed: the fields a line cannot do without, those that hold a time, a number, an
# e-mail address, and the values of a wrong type that a field is given.
REQUIRED = {
    "customer": ("email", "serialNumber", "lastUpdateDate"),
    "accelerometer": ("user", "timestamp", "x", "y", "z"),
    "step_trainer": ("sensorReadingTime", "serialNumber", "distanceFromObject"),
}
TIME = {
    "customer": "lastUpdateDate",
    "accelerometer": "timestamp",
    "step_trainer": "sensorReadingTime",
}
NUMBER = {
    "customer": "lastUpdateDate",
    "accelerometer": "y",
    "step_trainer": "distanceFromObject",
}
EMAIL = {"customer": "email", "accelerometer": "user"}
WRONG_TYPE = ('"soon"', "[1]", '{"value":1}', "true")
# The last millisecond of 1999, 1970, seconds instead of milliseconds, 1913, and 2100.
NOT_A_TIME = ("946684799999", "0", "1767571200", "-1767571200000", "4102444800000")
REASONS = (
    "not JSON",
    "not an object",
    "missing field",
    "null field",
    "wrong type",
    "NaN",
    "time out of range",
    "empty e-mail",
    "not UTF-8",
    "keys disagree",
)

T = TypeVar("T")
Fields = list[tuple[str, str]]


def reasons_of(feed: str) -> tuple[str, ...]:
    """What can be wrong with a line of a feed: step trainer lines hold no address."""
    return tuple(reason for reason in REASONS if feed in EMAIL or reason != "empty e-mail")


def spliced(
    text: bytes, feed: str, share: float, rng: np.random.Generator
) -> tuple[list[bytes | memoryview], Counter[str]]:
    """The lines of `text` with malformed ones among them, and how many of each reason.

    `share` is that of the malformed lines in all lines that result; the fraction of a line is
    rounded up or down by chance.
    """
    ends = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == ord("\n")) + 1
    count = int(len(ends) * share / (1 - share) + rng.random())
    if not share or not count:
        return [text], Counter()
    kinds, view = reasons_of(feed), memoryview(text)
    reasons = [kinds[at] for at in rng.integers(len(kinds), size=count)]
    after = np.sort(rng.integers(len(ends), size=count))
    begins = np.concatenate([[0], ends])[after].tolist()
    pieces: list[bytes | memoryview] = []
    start = 0
    for reason, begin, end in zip(reasons, begins, ends[after].tolist(), strict=True):
        pieces += [view[start:end], damaged(text[begin : end - 1], feed, reason, rng), b"\n"]
        start = end
    return [*pieces, view[start:]], Counter(reasons)


def damaged(line: bytes, feed: str, reason: str, rng: np.random.Generator) -> bytes:
    """One well-formed line made malformed for `reason`; without a line end."""
    fields = _fields(line)
    match reason:
        case "not JSON":
            return _pick(
                rng, (line[: len(line) // 2], b"503 Service Unavailable", line[:-1] + b",")
            )
        case "not an object":
            values = "[" + ",".join(value for _, value in fields) + "]"
            return _pick(rng, (values.encode(), b"null", b"17", b'"heartbeat"'))
        case "not UTF-8":
            return line.replace(b'":"', b'":"\xff\xfe', 1)
    return _text(_changed(fields, feed, reason, rng))


def _fields(line: bytes) -> Fields:
    """The keys and values of a line as written; no text of ours holds a quote."""
    pairs = line.decode()[2:-1].split(',"')
    return [(key, value) for key, _, value in (pair.partition('":') for pair in pairs)]


def _changed(fields: Fields, feed: str, reason: str, rng: np.random.Generator) -> Fields:
    """The fields with one of them damaged."""
    match reason:
        case "missing field":
            missing = _pick(rng, REQUIRED[feed])
            return [field for field in fields if field[0] != missing]
        case "null field":
            return _set(fields, _pick(rng, REQUIRED[feed]), "null")
        case "wrong type":
            return _set(fields, NUMBER[feed], _pick(rng, WRONG_TYPE))
        case "NaN":
            return _set(fields, NUMBER[feed], _pick(rng, ("NaN", "-Infinity")))
        case "time out of range":
            return _set(fields, TIME[feed], _pick(rng, NOT_A_TIME))
        case "empty e-mail":
            return _set(fields, EMAIL[feed], _pick(rng, ('""', '"  "')))
    return [*fields, (TIME[feed], str(int(dict(fields)[TIME[feed]]) + 1))]


def _set(fields: Fields, key: str, value: str) -> Fields:
    return [(name, value if name == key else old) for name, old in fields]


def _text(fields: Fields) -> bytes:
    return ("{" + ",".join(f'"{key}":{value}' for key, value in fields) + "}").encode()


def _pick(rng: np.random.Generator, choices: tuple[T, ...]) -> T:
    return choices[int(rng.integers(len(choices)))]


def noise(seed: int, feed: str, number: int) -> np.random.Generator:
    """The random numbers that damage one file."""
    return stream(seed, f"malformed {feed}", number)
