"""Every rule of a well-formed line, one row a rule; the refused lines first."""

from __future__ import annotations

import json

import pytest

from helpers import FEEDS, NOW_MS, T0, line
from stedi.feeds.judge import DAY_MS, EARLIEST_MS, Judge, Judged, column_name, extra_type, widen


def judge(feed: str, text: bytes | str) -> Judged:
    return Judge(FEEDS[feed], NOW_MS)(text if isinstance(text, bytes) else text.encode())


def reading(x: str) -> bytes:
    """An accelerometer line with the given JSON text as x."""
    return line("accelerometer", x="?").replace(b'"?"', x.encode())


def landed(feed: str, text: bytes | str) -> dict:
    verdict = judge(feed, text)
    assert not verdict.reason
    return json.loads(verdict.canonical)


NOT_JSON = {
    "nothing": b"",
    "a cut line": line("accelerometer")[:40],
    "a comma at the end of the object": line("accelerometer").replace(b"}", b",}"),
    "a comma after the object": line("accelerometer") + b",",
    "two objects": line("accelerometer") * 2,
    "a comment": line("accelerometer") + b" // fine",
    "single quotes": line("accelerometer").replace(b'"', b"'"),
    "a bare key": line("accelerometer").replace(b'"x"', b"x"),
    "a raw tab in a text": line("accelerometer", user="a@b").replace(b"a@b", b"a\t@b"),
    "a NUL after the object": line("accelerometer") + b"\0",
    "a no-break space": b"\xc2\xa0" + line("accelerometer"),
    "a byte order mark that opens no file": b"\xef\xbb\xbf" + line("accelerometer"),
    "words": b"503 Service Unavailable",
    "digits beyond what a number may have": reading("1" * 5000),
}


@pytest.mark.parametrize("text", NOT_JSON.values(), ids=NOT_JSON)
def test_what_is_not_json_is_refused(text: bytes):
    assert judge("accelerometer", text).reason.startswith("not JSON: ")


@pytest.mark.parametrize("text", ["null", "17", '"a"', "[]", "true", "[{}]", "-0.0"])
def test_what_is_no_object_is_refused(text: str):
    assert judge("accelerometer", text).reason == "not a JSON object"


@pytest.mark.parametrize("depth", [10_000, 500_000])
@pytest.mark.parametrize(("left", "right"), ["[]", ('{"a":', "1}")])
def test_nesting_without_end_is_refused(left: str, right: str, depth: int):
    middle = "" if left == "[" else "0"
    text = reading("1").replace(b"}", f',"n":{left * depth}{middle}{right * depth}}}'.encode())
    assert judge("accelerometer", text).reason.startswith("not JSON: ")


REQUIRED = [(feed, c.field) for feed, table in FEEDS.items() for c in table.columns if c.required]


@pytest.mark.parametrize(("feed", "field"), [pair for pair in REQUIRED if pair[1]])
def test_a_required_field_is_there_and_not_null(feed: str, field: str):
    reason = f"required field missing or null: {field}"
    assert judge(feed, line(feed, field)).reason == reason
    assert judge(feed, line(feed, **{field: None})).reason == reason


WRONG_TYPES = {
    "string": (
        "text",
        ["1", "1.5", "true", "false", "0", "[]", "{}", '["a@b"]', '{"a@b": 1}'],
    ),
    "double": ("a number", ['"1"', '""', "true", "false", "[]", "{}", "[1]", '"NaN"']),
    "int": ("a number", ['"250"', '""', "true", "false", "[250]", '{"value": 250}']),
    "timestamp": ("a number", [f'"{T0}"', "true", "false", "[]", '"2026-01-01T00:00:00Z"']),
    "date": (
        "a date such as 1990-12-31",
        [*("0", "19901231", "true", "[]", '""', '"1990-12"', '"1990-1-1"', '"19901231"'),
         *('"1990-02-30"', '"1990-13-01"', '"0000-01-01"', '"10000-01-01"', '"-0001-01-01"'),
         *('" 1990-12-31"', '"1990-12-31 "', '"1990-12-31T00:00:00"', '"1990-W52-1"'),
         *('"\\u0662\\u0660\\u0662\\u0660-01-01"', '"1990-12-31\\n"', '"infinity"')],
    ),
}  # fmt: skip
WRONG = [
    (feed, column.field, wanted, value)
    for feed, table in FEEDS.items()
    for column in table.columns
    if column.field and column.required
    for wanted, found in [WRONG_TYPES[column.type]]
    for value in found
]


@pytest.mark.parametrize(("feed", "field", "wanted", "value"), WRONG)
def test_a_value_of_another_type_is_refused(feed: str, field: str, wanted: str, value: str):
    text = line(feed, **{field: "?"}).replace(b'"?"', value.encode())
    assert judge(feed, text).reason.startswith(f"wrong type: {field} should be {wanted}, found ")


@pytest.mark.parametrize("value", [250.5, 1e-9, -0.5])
def test_a_fraction_is_no_whole_number(value: float):
    reason = judge("step_trainer", line("step_trainer", distanceFromObject=value)).reason
    assert "should be a whole number, found" in reason
    reason = judge("step_trainer", line("step_trainer", sensorReadingTime=T0 + value)).reason
    assert value == 1e-9 or "should be a whole number, found" in reason


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 1e300, 10**30])
def test_a_distance_has_32_bits(value: float):
    reason = judge("step_trainer", line("step_trainer", distanceFromObject=value)).reason
    assert "should be a whole number of 32 bits, found" in reason


def test_a_reason_shows_no_more_than_eighty_characters_of_a_value():
    reason = judge("accelerometer", line("accelerometer", x="long" * 1000)).reason
    assert len(reason) < 150


@pytest.mark.parametrize("field", ["x", "unannounced"])
@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_a_number_is_finite(field: str, value: str):
    text = line("accelerometer", **{field: "?"}).replace(b'"?"', value.encode())
    assert judge("accelerometer", text).reason.startswith("number not finite")


@pytest.mark.parametrize("value", ["[NaN]", '{"a": 1e999}', "[[-Infinity]]"])
def test_a_number_inside_an_unannounced_value_is_finite(value: str):
    text = line("accelerometer", more="?").replace(b'"?"', value.encode())
    assert judge("accelerometer", text).reason.startswith("number not finite")


def test_a_whole_number_too_large_for_a_double_is_not_finite():
    assert judge("accelerometer", reading("1" + "0" * 400)).reason == "number not finite: x"


TIMES = [
    ("customer", "registrationDate"),
    ("customer", "lastUpdateDate"),
    ("customer", "shareWithResearchAsOfDate"),
    ("customer", "shareWithPublicAsOfDate"),
    ("customer", "shareWithFriendsAsOfDate"),
    ("accelerometer", "timestamp"),
    ("step_trainer", "sensorReadingTime"),
]


@pytest.mark.parametrize(("feed", "field"), TIMES)
@pytest.mark.parametrize("ms", [EARLIEST_MS - 1, NOW_MS + DAY_MS + 1, -1, 1_767_571_200, 1e300])
def test_a_time_outside_the_window_is_refused(feed: str, field: str, ms: float):
    reason = judge(feed, line(feed, **{field: ms})).reason
    assert reason.startswith("timestamp outside 2000-01-01 to one day ahead: " + field)


@pytest.mark.parametrize(("feed", "field"), TIMES)
@pytest.mark.parametrize("ms", [EARLIEST_MS, NOW_MS + DAY_MS, float(T0)])
def test_a_time_at_the_edge_of_the_window_lands(feed: str, field: str, ms: float):
    assert landed(feed, line(feed, **{field: ms}))[field] == ms


@pytest.mark.parametrize(("feed", "field"), [("customer", "email"), ("accelerometer", "user")])
@pytest.mark.parametrize("value", ["", " ", "\t\n", "\u00a0"])
def test_an_email_is_not_empty(feed: str, field: str, value: str):
    assert judge(feed, line(feed, **{field: value})).reason == f"empty e-mail: {field}"


UNALIKE = [
    *("\u0080", "\u0085", "\u00a0", "\u1680", "\u2000", "\u2003", "\u200a", "\u2028", "\u2029"),
    *("\u202f", "\u205f", "\u3000", "\u0130", "\u03a3", "\u1c89", "\ua7cb", "\ua7dc"),
    *("\U00010d50", "\U00010d65", "\U00016ea0"),
]
ADDRESSES = [
    *("ADA@test.com", " ada@test.com ", "a da@x", "émile@x.fr", "ÉMILE@x.fr", "müller@straße.de"),
    *("STRAẞE@x.de", "ИВАН@почта.рф", "λίσα@παράδειγμα.gr", "σοφίας@x.gr", "张伟@例子.公司"),
    *("のぶ@例え.jp", "김@예.kr", "ชาย@x.th", "אבי@x.il", "\u0131rmak@x.tr", "e\u0301mile@x.fr"),
    *("a\u200db@x", "a\tb@x", "ada@test.com\t", "\u007fada@test.com", "😀@test.com"),
]


@pytest.mark.parametrize(("feed", "field"), [("customer", "email"), ("accelerometer", "user")])
@pytest.mark.parametrize("form", ["{}ada@x.com", "ada@x.com{}", "a{}a@x.com", "ADA@X{}.COM"])
@pytest.mark.parametrize("odd", UNALIKE, ids=ascii)
def test_an_address_is_read_alike_everywhere(feed: str, field: str, form: str, odd: str):
    reason = judge(feed, line(feed, **{field: form.format(odd)})).reason
    assert reason == f"e-mail with a character that engines read differently: {field}"


@pytest.mark.parametrize(("feed", "field"), [("customer", "email"), ("accelerometer", "user")])
@pytest.mark.parametrize("address", ADDRESSES, ids=ascii)
def test_an_address_lands_as_it_is_written(feed: str, field: str, address: str):
    assert landed(feed, line(feed, **{field: address}))[field] == address


@pytest.mark.parametrize("field", ["customerName", "phone", "serialNumber"])
def test_only_an_address_must_be_read_alike(field: str):
    assert landed("customer", line("customer", **{field: "Σ\u00a0İ"}))[field] == "Σ\u00a0İ"


@pytest.mark.parametrize("field", ["customerName", "phone", "serialNumber"])
def test_another_text_may_be_empty(field: str):
    assert landed("customer", line("customer", **{field: ""}))[field] == ""


@pytest.mark.parametrize(
    "bad", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"\xf5\x80\x80\x80"]
)
def test_bytes_are_utf_8(bad: bytes):
    text = line("accelerometer").replace(b"ada@", b"ada" + bad + b"@")
    position = text.index(bad) + 1
    assert judge("accelerometer", text).reason == f"bytes that are no UTF-8: at byte {position}"


@pytest.mark.parametrize("escape", [r"\ud800", r"\udfff", r"\ud800\ud800", r"\ude00\ud83d"])
@pytest.mark.parametrize("field", ["user", "note"])
def test_a_lone_surrogate_is_refused(escape: str, field: str):
    text = line("accelerometer", **{field: "?"}).replace(b"?", b"a@b" + escape.encode())
    assert judge("accelerometer", text).reason.startswith("text that is not valid Unicode")


def test_a_pair_of_surrogates_is_one_character():
    text = line("accelerometer", user="?").replace(b"?", rb"\ud83d\ude00@test.com")
    assert landed("accelerometer", text)["user"] == "😀@test.com"


DISAGREE = [('"x":1', '"x":2'), ('"x":1', '"X":2'), ('"x":1', '"x":1.0'), ('"x":1', '"x":null'),
            ('"x":1', '"x":true'), ('"n":1', '"N":"1"'), ('"a b":1', '"a.b":2'),
            ('"n":{"a":1}', '"n":{"a":2}')]  # fmt: skip


@pytest.mark.parametrize(("first", "second"), DISAGREE)
def test_keys_that_stand_twice_and_disagree_are_refused(first: str, second: str):
    rest = line("accelerometer", "x").decode()[1:]
    text = f'{{{first}, {second}, "x": 1, {rest}'.replace(
        '"x": 1, ', "" if "x" in first else '"x": 1, '
    )
    assert judge("accelerometer", text).reason.startswith("duplicate keys that disagree: ")


@pytest.mark.parametrize("again", ['"x":1.0', '"X":1.0', '"x":10e-1', '"\\u0078":1.0'])
def test_keys_that_stand_twice_and_agree_land_once(again: str):
    text = line("accelerometer").decode().replace("{", "{" + again + ",")
    assert landed("accelerometer", text) == landed("accelerometer", line("accelerometer"))


@pytest.mark.parametrize("name", ["", "n" * 129])
def test_a_field_name_has_1_to_128_characters(name: str):
    reason = judge("accelerometer", line("accelerometer", **{name: 1})).reason
    assert reason == "field name empty or longer than 128 characters"


@pytest.mark.parametrize("name", ["_source_file", "_SOURCE_FILE", "-source_file"])
def test_a_name_of_the_house_is_reserved(name: str):
    reason = judge("accelerometer", line("accelerometer", **{name: "x"})).reason
    assert reason == "field name is reserved: _source_file"


@pytest.mark.parametrize("name", ["_file", "_FILE", "-pos", "_row_id"])
def test_a_name_that_iceberg_keeps_for_itself_is_reserved(name: str):
    reason = judge("accelerometer", line("accelerometer", **{name: "x"})).reason
    assert reason == f"field name is reserved: {name.lower().replace('-', '_')}"


def test_no_more_than_a_hundred_unannounced_fields():
    many = {f"n{number}": 1 for number in range(101)}
    reason = judge("accelerometer", line("accelerometer", **many)).reason
    assert reason == "more than 100 unannounced fields"
    many.pop("n0")
    assert len(judge("accelerometer", line("accelerometer", **many)).extras) == 100


@pytest.mark.parametrize("field", ["Research", "Public", "Friends"])
@pytest.mark.parametrize("absent", ["null", '""', "0", "0.0", "-0"])
def test_a_consent_not_given_is_null_however_it_is_written(field: str, absent: str):
    field = f"shareWith{field}AsOfDate"
    text = line("customer", **{field: "?"}).replace(b'"?"', absent.encode())
    assert landed("customer", text)[field] is None
    assert landed("customer", line("customer", field))[field] is None


@pytest.mark.parametrize("value", ["false", "true", '" "', '"0"', "[]", "{}"])
def test_a_consent_of_another_type_is_no_refusal_but_an_error(value: str):
    field = "shareWithResearchAsOfDate"
    text = line("customer", **{field: "?"}).replace(b'"?"', value.encode())
    assert judge("customer", text).reason.startswith(f"wrong type: {field} should be a number")


@pytest.mark.parametrize("value", ["0967-12-31", "0001-01-01", "9999-12-31", "2000-02-29"])
def test_any_birthday_lands_however_unlikely(value: str):
    assert landed("customer", line("customer", birthDay=value))["birthDay"] == value


VALUES = ["1", "-0", "-0.0", "1E5", "1e-400", "5e-324", "9007199254740993", "1" * 308]


@pytest.mark.parametrize("value", VALUES)
def test_a_number_becomes_the_nearest_double(value: str):
    assert landed("accelerometer", reading(value))["x"] == float(value)


@pytest.mark.parametrize("key", ["USER", "User", "\\u0075ser"])
def test_names_match_whatever_their_case(key: str):
    text = line("accelerometer").replace(b'"user"', f'"{key}"'.encode())
    assert landed("accelerometer", text) == landed("accelerometer", line("accelerometer"))


NAMES = [("Heart Rate", "heart_rate"), ("a.b-c", "a_b_c"), ("É", "é"), ("1st", "1st"), ("🙂", "_"),
         ("a\"b'c", "a_b_c"), ("\0", "_"), ("İ", "i_"), ("x\n", "x_")]  # fmt: skip


@pytest.mark.parametrize(("name", "column"), NAMES)
def test_an_unannounced_field_gets_a_plain_column_name(name: str, column: str):
    assert column_name(name) == column
    verdict = judge("accelerometer", line("accelerometer", **{name: 1}))
    assert (verdict.extras, verdict.spelling) == ({column: "long"}, {column: name})


@pytest.mark.parametrize("name", [r"\ud800", r"a\udfff"])
def test_a_field_name_that_is_no_unicode_is_refused(name: str):
    text = line("accelerometer", odd=1).replace(b"odd", name.encode())
    assert judge("accelerometer", text).reason.startswith("text that is not valid Unicode")


def test_an_unannounced_null_is_no_field():
    verdict = judge("accelerometer", line("accelerometer", note=None))
    assert (verdict.extras, "note" in verdict.canonical) == ({}, False)


TYPES = [(True, "boolean"), (0, "long"), (2**63 - 1, "long"), (-(2**63), "long"), (2**63, "double"),
         (-(2**63) - 1, "double"), (1.0, "double"), ("1", "string"), ([], "string"),
         ({}, "string")]  # fmt: skip


@pytest.mark.parametrize(("value", "kind"), TYPES)
def test_the_type_of_an_unannounced_value(value: object, kind: str):
    assert extra_type(value) == kind


KINDS = ["boolean", "long", "double", "string"]


@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("second", KINDS)
def test_types_widen_the_same_way_in_any_order(first: str, second: str):
    assert widen(first, second) == widen(second, first)
    assert {widen(widen(first, second), k) == widen(first, widen(second, k)) for k in KINDS} == {
        True
    }
    assert widen(first, widen(first, second)) == widen(first, second)
