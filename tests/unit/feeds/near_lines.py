"""Lines of the three feeds that are well-formed, or nearly so, in every way we could think of.

A line starts as the list of its fields, each a key and a value as JSON text, and suffers a few
changes: fields left out, repeated, renamed, added, their values replaced by one of `VALUES`.
Then it is written with some kind of whitespace and its bytes may be damaged.
"""

from __future__ import annotations

import json

from hypothesis import strategies as st

from helpers import SERIAL, T0, record

Fields = list[tuple[str, str]]

NUMBERS = [
    *"0 -0 -0.0 1 250 250.0 2.5e2 25e1 250.5 1e5 1E+5 -1e-5 1e16 1e17".split(),  # noqa: SIM905
    *"123456789012345678 1.5e300 1e999 -1e999 5e-324 1e-400 0.1 9007199254740993".split(),  # noqa: SIM905
    *"9223372036854775807 9223372036854775808 -9223372036854775809".split(),  # noqa: SIM905
    *"18446744073709551616 100000000000000000000000 2147483647 2147483648 -2147483649".split(),  # noqa: SIM905
    *"01 +1 .5 1. 0x10 1_000 1e NaN Infinity -Infinity -NaN nan".split(),  # noqa: SIM905
]
TIMES = [
    *(str(ms) for ms in (T0, 946_684_799_999, 946_684_800_000, 1_780_086_400_000)),
    *(
        f'"{T0}"',
        f"[{T0}]",
        f"{T0}.0",
        f"{T0}.5",
        "1.77e12",
        "1.77E12",
        "1780086400001",
        "4102444800000",
        "1767571200",
    ),
]
BARE = ["true", "false", "null", "True", "nul", "undefined", "", "{}", "[]", "[1, 2]", "[1,2]"]
TEXTS = [
    *('""', '" "', '"a"', '"true"', '"1"', '"1.0"', '"1e5"', '"NaN"', '"a,b"', '"a\\"b"'),
    *('"a\\u0041"', '"\\ud800"', '"\\ud83d\\ude00"', '"\\u0000"', '"tab\\t"', '"raw\ttab"'),
    *('"é"', '"𝄞😀"', '"a/b"', '"a\\/b"', '"\\x41"', '"open', "'single'", "a@test.com"),
    *('"ADA@Test.com"', '"a@b"', '"@"', '" a@b "', '"[a@b"', '"{\\"a@b\\":1}"', '"a@b\\u0020"'),
    *(f'"{SERIAL}"', f'"{SERIAL.upper()}"', SERIAL, '"12345678-1234-x"', '"not a uuid"'),
    *('"1990-12-31"', '"0967-01-01"', '"0000-01-01"', '"1990-02-30"', '"1990-1-1"', '"19901231"'),
    *('"1990-12-31 "', '"9999-12-31"', '"٢٠٢٠-01-01"', '"2020-W01-1"', '"infinity"', '"epoch"'),
    *('"İ@b"', '"a@\u00a0b"', '"a@b\u3000"', '"AΣ@b"', '"a@\ua7cb"', '"É@ß"', '"\\u0130@b"'),
    *('"\u2028"', '"\ufeff"', '"\ud7ff"', '"nul\x00"', '"del\x7f"', '"a\\nb"', '"\\\\"'),
]
NESTED = [
    *('{"a":1}', '{"a": 1, "b": [true, null]}', '["a", "b"]', '{"a":1,"a":2}', "[1.0, 1e5]"),
    *("[-0.0]", '["é", "\\u00e9"]', '{"x":1}', '["true"]', "[[[[[[]]]]]]", "[1e400]", "[NaN]"),
    *('["a,b","c\\"d"]', '{"user": "a@b"}', "[10000000000000000000000]", "[1,]", '{"a":}', "[,1]"),
    *("[1.10]", "[1e-7]", "[123456789012345678901]", "[0.1, 1e22]", '{"a/b": "c\\/d"}', "[-0]"),
]
EXTRAS = [
    *(
        "extra",
        "Extra",
        "EXTRA",
        "n",
        "note",
        "f",
        "i",
        "line",
        "proven",
        "\ud800",
        "fÿeld",
        "a b",
        "a.b",
        "a-b",
        "a'b",
        'a\\"b',
        "_source_file",
    ),
    *("\\u0065xtra", "1st", "select", "line2", "s", "_sum", "filename", "whole", "$"),
    *("_FILE", "É", "é", "ß", "ẞ", "İ", "\u212a", "k", "x ", "\\u0000", "🙂", "timestamp."),
]
SPACES = ["", " ", "  ", "\t", "\r", "\x0b", "\xa0", "\x00"]

ALL = [*NUMBERS, *TIMES, *BARE, *TEXTS, *NESTED]


def _marks(value: str) -> tuple[int, int]:
    return value.count('"'), value.count(",")


# Values that a reader which counts quotation marks and commas cannot tell apart.
ALIKE = {_marks(value): [v for v in ALL if _marks(v) == _marks(value)] for value in ALL}
NESTED_ALIKE = {marks: [v for v in same if v in NESTED] for marks, same in ALIKE.items()}
values = st.sampled_from(ALL) | st.builds(
    json.dumps, st.text(max_size=6) | st.floats() | st.integers(-(2**70), 2**70)
)


CHANGES = ["value", "alike", "alike", "drop", "extra", "extra", "twice", "again", "rename"]
CHANGES += ["case", "swap", "quote", "nest"]
extras = st.sampled_from(["extra", "extra", "n"]) | st.sampled_from(EXTRAS)


def odd_case(key: str) -> st.SearchStrategy[str]:
    return st.sampled_from([key.upper(), key.lower(), key.title(), f"{key} ", f" {key}"])


@st.composite
def changed(draw: st.DrawFn, fields: Fields) -> Fields:
    """The fields after one change."""
    at = draw(st.integers(0, len(fields) - 1)) if fields else 0
    key, value = fields[at] if fields else ("x", "1")
    other = draw(st.sampled_from(fields or [("y", "2")]))
    before, after = fields[:at], fields[at + 1 :]
    match draw(st.sampled_from(CHANGES)):
        case "value":
            return [*before, (key, draw(values)), *after]
        case "alike" | "nest" as change:
            known = ALIKE if change == "alike" else NESTED_ALIKE
            return [*before, (key, draw(st.sampled_from(known.get(_marks(value)) or ALL))), *after]
        case "quote":
            return [*before, (key, value.strip('"') if '"' in value else f'"{value}"'), *after]
        case "drop":
            return before + after
        case "extra":
            return [*before, (draw(extras), draw(st.sampled_from(NESTED) | values)), *fields[at:]]
        case "twice":
            return [*fields, (key, draw(st.sampled_from([value, f"{value}.0"]) | values))]
        case "again":
            return [*before, other, *after]
        case "rename":
            return [*before, (draw(st.sampled_from([*EXTRAS, other[0]])), value), *after]
        case "case":
            return [*before, (draw(odd_case(key)), value), *after]
    return [*before, (key, other[1]), *after]


@st.composite
def written(draw: st.DrawFn, fields: Fields) -> bytes:
    """The fields as a line, with one kind of whitespace at each place."""
    space = st.sampled_from(SPACES) if draw(st.booleans()) else st.sampled_from(["", " "])
    around, colon, comma = draw(space), draw(space), draw(space)
    keyed = (f'"{key}"{colon}:{comma}{value}' for key, value in fields)
    text = f"{around}{{{around}" + f"{colon},{comma}".join(keyed) + f"{around}}}{around}"
    return text.encode("utf-8", "surrogatepass")


@st.composite
def damaged(draw: st.DrawFn, line: bytes) -> bytes:
    """The line with its bytes damaged somewhere."""
    at = draw(st.integers(0, max(len(line) - 1, 0)))
    insert = draw(st.sampled_from([b"\xff", b"\xc3", b"\xef\xbb\xbf", b"\x00", b'"', b",", b"{"]))
    ways = [
        line[:at],
        line[:at] + insert + line[at:],
        line[:at] + line[at + 1 :],
        *(line + tail for tail in (b",", b"}", b" x", b"{}", line, b"\r", b"\x00", b"//", b"\xff")),
        line.replace(b"}", b",}"),
        b"\xef\xbb\xbf" + line,
        b"[" + line + b"]",
        *(b"", b"{}", b"[]", b"null", b"1", b'"a"', b" ", b"\r", b"\x0c", b"\xc2\xa0", b"\x00"),
    ]
    return draw(st.sampled_from(ways))


@st.composite
def near_lines(draw: st.DrawFn, feed: str) -> bytes:
    """One line of a feed, well-formed or nearly so."""
    fields = [(key, json.dumps(value)) for key, value in record(feed).items()]
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 1, 1, 1, 2, 3]))):
        fields = draw(changed(fields))
    line = draw(written(fields))
    return draw(damaged(line)) if draw(st.integers(0, 9)) == 0 else line


@st.composite
def near_files(draw: st.DrawFn, feed: str) -> bytes:
    """A delivered file of such lines, most of them short."""
    lines = draw(st.lists(near_lines(feed), min_size=1, max_size=draw(st.sampled_from([1, 2, 8]))))
    newline = draw(st.sampled_from([b"\n", b"\n", b"\r\n", b"\n\n"]))
    mark = draw(st.sampled_from([b"", b"", b"", b"\xef\xbb\xbf"]))
    return mark + newline.join(lines) + draw(st.sampled_from([b"", newline]))
