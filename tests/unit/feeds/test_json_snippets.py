"""Tricky JSON, as a value of a field and as a whole line: engine and rules agree, and are right.

After Nicolas Seriot, "Parsing JSON is a minefield": y_ must be read, n_ must be refused, i_ is
left to the parser.
"""

from __future__ import annotations

import pytest

from helpers import Landings, judged, line, same

VALID = [
    *("0", "-0", "1", "-1", "1.5", "1e2", "1E2", "1e+2", "1e-2", "0e1", "0e+1", "-0.0", "0.1e-7"),
    *("20e1", "123.456e78", "1.000000000000000005", "123456789012345678901234567890", "4.0e-0"),
    *('""', '" "', '"a"', '"\\u0061"', '"\\u0000"', '"\\/"', '"\\b\\f\\n\\r\\t"', '"\\\\u0000"'),
    *('"\\""', '"\\ud834\\udd1e"', '"\\uD801\\udc37"', '"\\u2028"', '"\u2028"', '"\u2029"', '"€"'),
    *('"\\uFFFE"', '"\\uffff"', '"\\u200B"', '"𝄞"', '"\x7f"', '"a/*b*/c"', '"\\u002c"', '"⍂㈴⍂"'),
    *(
        "true",
        "false",
        "null",
        "[]",
        "{}",
        "[ ]",
        "{ }",
        "[null]",
        "[1,null,null,2]",
        "[[]]",
        '[""]',
    ),
    *(
        "[1\n]",
        '["a"]',
        "[1 ]",
        " [1]",
        '{"a":[]}',
        '{"":0}',
        '{"a":"b","c":"d"}',
        '{"a":"b","a":"b"}',
    ),
    *('{"\\u0041":1}', '{"min":-1.0e+28,"max":1.0e+28}', '{"a":"b","a":"c"}', "[1,[2,[3,[4]]]]"),
    *("[" * 200 + "]" * 200, '{"a":' * 100 + "1" + "}" * 100),
]
INVALID = [
    *(
        "01",
        "-01",
        "+1",
        ".5",
        "-.5",
        "2.",
        "1.e1",
        "1e",
        "1e+",
        "1E-",
        "1eE2",
        "1+2",
        "0x1",
        "1 000",
    ),
    *(
        "--1",
        "- 1",
        "-",
        "+",
        "0.3e",
        "0e",
        "-1x",
        "1a",
        "1.8011670033376514H-308",
        "\uff11",
        "1_0",
    ),
    *("Inf", "inf", "Infinity", "-Infinity", "+Inf", "NaN", "-NaN", "nan", "minus", "∞"),
    *(
        "'a'",
        '"a',
        'a"',
        "a",
        '"\\x00"',
        '"\\a"',
        '"\\u"',
        '"\\u00A"',
        '"\\uqqqq"',
        '"\\ "',
        '"\\"',
    ),
    *('"\\\\\\"', '"\\u{65}"', '"a\tb"', '"a\x00b"', '"\x1f"', '"a"b', '"a""b"', '"\\🌀"', "“a”"),
    *("True", "TRUE", "tru", "truth", "nul", "None", "undefined", "*", "&", "//", "/**/", "<null>"),
    *(
        "[",
        "]",
        "[1",
        "[1,]",
        "[,1]",
        "[,]",
        "[1,,2]",
        "[1 2]",
        "[1:2]",
        '["a",\n4\n,1,',
        "[-]",
        "[a]",
    ),
    *(
        "{",
        "}",
        "{]",
        '{"a"}',
        '{"a":}',
        '{"a" b}',
        "{a:1}",
        "{'a':1}",
        "{1:1}",
        '{"a":1,}',
        '{"a"::1}',
    ),
    *(
        '{"a":1,,"b":2}',
        "{null:null}",
        '{"a":"a" 1}',
        '{"a":1}}',
        "{🇨🇭}",
        '{"a":1/*c*/}',
        '{"a":1#}',
    ),
    *(
        "\x0c1",
        "\u00a01",
        "\u20601",
        "\ufeff1",
        "1;",
        "(1)",
        "1,",
        "[1]]",
        "[" * 3 + "]" * 2,
        "@",
        "",
    ),
    *("[NaN]", '{"a":-Infinity}', "[1e999]", '"\\ud800"', '"\\udc00\\ud800"', '["\\ud800\\n"]'),
]
BYTES = [
    *(
        b"\xff",
        b'"\xff"',
        b'"\xe5"',
        b'"\xc0\xaf"',
        b'"\xed\xa0\x80"',
        b'"\xf4\xbf\xbf\xbf"',
        b'"\x81"',
    ),
    *(b'"\xe6\x97\xa5\xd1\x88\xfa"', b'"\xfc\x83\xbf\xbf\xbf\xbf"', b"[\xff]", b'{"\xb9":1}'),
]


def placed(feed: str, field: str, snippet: bytes) -> bytes:
    """A well-formed line, the snippet in place of the field's value."""
    return line(feed, **{field: "?"}).replace(b'"?"', snippet.replace(b"\n", b" "))


def in_places(snippet: bytes) -> list[bytes]:
    return [
        placed("accelerometer", "x", snippet),
        placed("accelerometer", "user", snippet),
        placed("accelerometer", "extra", snippet),
        snippet.replace(b"\n", b" "),
    ]


@pytest.mark.parametrize("snippet", [s.encode() for s in INVALID] + BYTES)
def test_invalid_json_is_refused_wherever_it_stands(landings: Landings, snippet: bytes):
    content = b"\n".join(in_places(snippet))
    found = landings("accelerometer", content)
    assert (found.rows, len(found.quarantined)) == ([], found.lines)
    assert same(found, judged("accelerometer", content))


@pytest.mark.parametrize("snippet", VALID)
def test_valid_json_is_read_as_the_rules_read_it(landings: Landings, snippet: str):
    contents = in_places(snippet.encode())
    for content in [*contents, b"\n".join(contents)]:
        found, wanted = landings("accelerometer", content), judged("accelerometer", content)
        assert same(found, wanted), f"\nfound  {found}\nwanted {wanted}"
    as_extra = landings("accelerometer", contents[2])
    assert not as_extra.quarantined


@pytest.mark.parametrize("feed", ["customer", "step_trainer"])
@pytest.mark.parametrize("field", ["serialNumber", "note"])
def test_every_snippet_at_once(landings: Landings, feed: str, field: str):
    snippets = [s.encode() for s in [*VALID, *INVALID]] + BYTES
    content = b"\n".join([line(feed), *(placed(feed, field, s) for s in snippets), line(feed)])
    found, wanted = landings(feed, content), judged(feed, content)
    assert same(found, wanted)
    assert len(found.rows) + len(found.quarantined) == len(snippets) + 2
