"""The fast readers land exactly what the rules say, line by line: same values, same reasons."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from helpers import FEEDS, Landings, judged, line, record, same
from stedi.engines.duckdb import clean, loose, text, typed
from unit.feeds.near_lines import near_files

BATCHES = [(500, 1 << 25), (1, 1 << 25), (2, 64)]  # lines looked at first, bytes in a chunk


def agrees(landings: Landings, feed: str, content: bytes) -> None:
    found, wanted = landings(feed, content), judged(feed, content)
    assert same(found, wanted), f"\nfound  {found}\nwanted {wanted}"


@pytest.mark.parametrize("feed", FEEDS)
@settings(max_examples=120, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_engine_lands_what_the_judge_says(landings: Landings, feed: str, data: st.DataObject):
    content = data.draw(near_files(feed))
    with pytest.MonkeyPatch.context() as patch:
        sample, chunk = data.draw(st.sampled_from(BATCHES))
        patch.setattr(text, "SAMPLE", sample)
        patch.setattr(text, "CHUNK_BYTES", chunk)
        agrees(landings, feed, content)


def differs(landings: Landings, feed: str, content: bytes) -> bool:
    try:
        return not same(landings(feed, content), judged(feed, content))
    except Exception:
        return True


FEW = settings(max_examples=600, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
FAULTS = {
    "characters are not counted": (typed, "characters", "accelerometer"),
    "the typed reader trusts every value": (typed, "sound", "step_trainer"),
    "the loose reader proves nothing": (loose, "proof", "customer"),
    "text need not have stood in quotation marks": (typed, "_stood_in_quotes", "accelerometer"),
    "a number is whatever casts to one": (loose, "_is_number", "customer"),
}


@pytest.mark.parametrize(("module", "name", "feed"), FAULTS.values(), ids=FAULTS)
def test_a_fault_in_a_reader_is_found(landings: Landings, monkeypatch, module, name, feed):
    monkeypatch.setattr(module, name, lambda *_: "true")
    find(near_files(feed), lambda content: differs(landings, feed, content), settings=FEW)


def test_a_file_that_passes_as_clean_by_mistake_is_found(landings: Landings, monkeypatch):
    monkeypatch.setattr("stedi.feeds.inspect._adds_up", lambda *_: True)
    find(near_files("accelerometer"), lambda c: differs(landings, "accelerometer", c), settings=FEW)


def test_the_clean_way_is_taken_by_clean_files(landings: Landings, monkeypatch):
    monkeypatch.setattr(text.TextLanding, "run", lambda *_: pytest.fail("not the clean way"))
    for feed in ("accelerometer", "step_trainer"):
        agrees(landings, feed, b"\n".join([line(feed)] * 3))


def test_a_file_that_is_not_clean_after_all_goes_the_exact_way(landings: Landings, monkeypatch):
    taken = []
    monkeypatch.setattr(
        "stedi.engines.duckdb.engine.land_clean",
        lambda *given: taken.append(clean.land_clean(*given)) or taken[-1],
    )
    agrees(landings, "accelerometer", line("accelerometer") + b"\n" + line("accelerometer", x=None))
    assert taken == [None]


def unannounced(name: str) -> bytes:
    return line("accelerometer", **{name: 1})


def beside_text(value: bytes) -> bytes:
    """An unannounced value in a column that is text because of the lines around it."""
    odd = line("accelerometer", note="?").replace(b'"?"', value)
    return b"\n".join([line("accelerometer", note="a"), odd, line("accelerometer", note="b")])


TRAPS = {
    "a field called f": unannounced("f"),
    "a field called i": unannounced("i"),
    "a field called line": unannounced("line"),
    "a field name that is a lone surrogate": unannounced("?").replace(b"?", rb"\ud800"),
    "keys that disagree, named by a lone surrogate": line("accelerometer", "x").replace(
        b"{", rb'{"\ud800": 1, "\ud800": 2, "x": 1, '
    ),
    "NaN beside text": beside_text(b"NaN"),
    "1e999 beside text": beside_text(b"1e999"),
    "-0.0 beside text": beside_text(b"-0.0"),
    "NaN in a list": beside_text(b"[NaN]"),
    "true beside text": beside_text(b"true"),
    "false beside numbers": beside_text(b"false").replace(b'"a"', b"1").replace(b'"b"', b"2.5"),
}


@pytest.mark.parametrize(
    "content",
    [pytest.param(content, id=name) for name, content in TRAPS.items()],
)
def test_known_traps(landings: Landings, content: bytes):
    agrees(landings, "accelerometer", content)


ODD = ["\u0085", "\u00a0", "\u2028", "\u3000", "İ", "Σ", "\u1c89", "\ua7cb", "\U00010d50"]


def addressed(way: str, address: str) -> bytes:
    """Lines that the clean, the typed and the loose reader would take, but for the address."""
    odd = json.dumps(record("accelerometer", user=address), ensure_ascii=False).encode()
    match way:
        case "clean":
            return b"\n".join([line("accelerometer"), odd, line("accelerometer")])
        case "typed":
            return b"\n".join([line("accelerometer", "x"), odd, line("accelerometer")])
        case _:
            return odd.replace(b"}", b', "note": 1}') + b"\n" + unannounced("note")


@pytest.mark.parametrize("way", ["clean", "typed", "loose"])
@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_an_address_that_engines_read_differently_never_lands(landings: Landings, way, odd):
    for address in (f"a{odd}b@x.com", f"{odd}a@x.com", f"a@x.com{odd}"):
        agrees(landings, "accelerometer", addressed(way, address))


@pytest.mark.parametrize(("module", "way"), [(typed, "clean"), (typed, "typed"), (loose, "loose")])
def test_a_reader_that_takes_any_address_is_found(landings: Landings, monkeypatch, module, way):
    content = addressed(way, "a@x.comİ")
    assert not differs(landings, "accelerometer", content)
    monkeypatch.setattr(module, "alike", lambda *_: "true")
    assert differs(landings, "accelerometer", content)


@pytest.mark.parametrize("address", ["ÉMILE@x.fr", "張偉@例子.公司", "ß@x.de", "😀@x.com"])
def test_addresses_beyond_ascii_are_taken_the_clean_way(landings: Landings, monkeypatch, address):
    monkeypatch.setattr(text.TextLanding, "run", lambda *_: pytest.fail("not the clean way"))
    agrees(landings, "accelerometer", addressed("clean", address))


def test_a_nested_value_is_the_same_text_on_every_way(landings: Landings):
    value = b'{"a":1,"a":2}'
    other_way = beside_text(value).replace(b'"user"', b'"USER"')
    texts = {
        row["note"]
        for content in (beside_text(value), other_way)
        for row in landings("accelerometer", content).rows
    }
    assert len(texts - {"a", "b"}) == 1


@pytest.mark.parametrize("feed", FEEDS)
def test_all_fields_in_every_order_and_whitespace(landings: Landings, feed: str):
    fields = list(record(feed).items())
    turned = [dict(fields[n:] + fields[:n]) for n in range(len(fields))]
    spaced = [json.dumps(one).replace(": ", " :\t").encode() for one in turned]
    content = b"\r\n".join(spaced)
    agrees(landings, feed, content)
    assert len(landings(feed, content).rows) == len(fields)
