"""What forgotten people deliver again is kept out, told as such, and what others deliver lands."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import stedi
from behaviour.forgetting import (
    ADAS,
    BOBS,
    FEW,
    JOS,
    World,
    contents,
    counts,
    customer,
    deliver,
    everything,
    readings,
    rows,
    steps,
    told,
)
from helpers import SERIAL, line, record
from stedi.api import Lake
from stedi.errors import LakeError
from stedi.feeds.told import addresses, matched, serials
from stedi.people import person_of
from stedi.places import Place

ONEILS, SHORT = "AB-CDEF-12345", "s7"
FORGOTTEN = ("ada@test.com", "o'neil@test.com", "sam@test.com")
KEPT_OUT = [
    line("accelerometer", "x", user="ada@test.com"),
    line("accelerometer", "x", user=" ADA@test.COM "),
    rb'{"user": "\u0061da\u0040test.com", "x": 1}',
    b"user=ada@test.com;x=1",
    b"user|ada@test.com|1",
    b"'ada@test.com',1,2",
    b"Write to <ada@test.com>",
    b"Write to ada@test.com.",
    b"mailto:ada@test.com?subject=x",
    b"(ada@test.com)",
    b"!ada@test.com",
    b"user=ada%40test.com;x=1",
    b"user=o'neil@test.com",
    b'{"user": "o\'neil@test.com"',
    rb'{"note": "\nada@test.com"',
    b"\xffada@test.com",
    b"bob@test.com ada@test.com",
    b'[{"user": "bob@test.com"}, {"user": "ada@test.com"}]',
    line("accelerometer", user="ada@test.com") + line("accelerometer", user="bob@test.com"),
]
LANDED = [
    line("accelerometer", "x", user="joada@test.com"),
    line("accelerometer", "x", user="jo.ada@test.com"),
    line("accelerometer", "x", user="jo-ada@test.com"),
    line("accelerometer", "x", user="ada@test.com.au"),
    line("accelerometer", "x", user="ada@test.community"),
    line("accelerometer", "x", user="ada@test.com-x"),
    b"ada @test.com",
    b"bob@test.com",
    b"@",
    b"{",
]
STEPS_KEPT_OUT = [
    line("step_trainer", "sensorReadingTime", serialNumber=SERIAL),
    line("step_trainer", "sensorReadingTime", serialNumber=ONEILS),
    line("step_trainer", "sensorReadingTime", serialNumber=SHORT),
    f"{SERIAL};250".encode(),
    f"serial={ONEILS}.".encode(),
    f'{{"serialNumber": "{SERIAL[:8]}\\u002d{SERIAL[9:]}"'.encode(),
]
STEPS_LANDED = [
    line("step_trainer", "sensorReadingTime", serialNumber=BOBS),
    line("step_trainer", "sensorReadingTime", serialNumber=SERIAL + "1"),
    line("step_trainer", "sensorReadingTime", serialNumber="x" + ONEILS),
    line("step_trainer", "sensorReadingTime", serialNumber="s77"),
]


@pytest.fixture(scope="module")
def world(new_site: Callable[[], Place]) -> World:
    more = [
        customer("oneil", "O'Neil@test.com", ONEILS, customerName="Tip O'Neil"),
        customer("sam", "sam@test.com", SHORT),
    ]
    return World(new_site(), {**FEW, "customer/2.json": more}).build()


@pytest.fixture(scope="module")
def again(world: World) -> Iterator[Lake]:
    """Three people forgotten, then delivered again in every way, others among them."""
    with stedi.open(world.lake) as lake:
        assert lake.forget(FORGOTTEN).proved
        deliver(world.landing / "customer/9.json", [
            customer("ada", "ADA@test.com", SERIAL[:-1] + "9", customerName="Ada Byron"),
            customer("joada", "joada@test.com", JOS),
        ])  # fmt: skip
        deliver(world.landing / "accelerometer/8.json.gz", [
            *readings("ada", "ada@test.com", 11),
            *readings("ada", " O'NEIL@test.com", 12),
            *readings("joada", "joada@test.com", 11),
        ])  # fmt: skip
        deliver(world.landing / "accelerometer/9.json.zst", lines(KEPT_OUT + LANDED))
        deliver(world.landing / "step_trainer/8.json", [
            *steps("ada", SERIAL, 11), *steps("joada", JOS, 11), *steps("sam", SHORT, 11),
        ])  # fmt: skip
        deliver(world.landing / "step_trainer/9.json", lines(STEPS_KEPT_OUT + STEPS_LANDED))
        for name in ("customer/2.json", "accelerometer/2.json.gz"):
            deliver(world.landing / name, world.deliveries[name])
        lake.run(world.landing)
        yield lake


def lines(texts: list[bytes]) -> list[tuple[str, bytes]]:
    return [("", text + b"\n") for text in texts]


@pytest.mark.on_disk("keys in files")
def test_without_its_key_nothing_is_landed(world: World, again: Lake):
    key = again.home.root / "forgotten.key"
    right = key.read_bytes()
    deliver(world.landing / "accelerometer/7.json", readings("joada", "joada@test.com", 70))
    for wrong in (None, b"f" * 64):
        key.unlink() if wrong is None else key.write_bytes(wrong)
        with pytest.raises(LakeError, match=r"forgotten.key.*restore it from a backup"):
            again.run(world.landing)
    key.write_bytes(right)
    (world.landing / "accelerometer/7.json").unlink()


def test_the_account_gives_the_reason(again: Lake):
    found = counts(again)

    assert {table: excluded.get("forgotten person") for table, (_, _, excluded) in found.items()
            if table.startswith("landing")} == {
        "landing.customer_landing": 3,
        "landing.accelerometer_landing": 3 + len(KEPT_OUT),
        "landing.step_trainer_landing": 2 + len(STEPS_KEPT_OUT),
    }  # fmt: skip
    (run,) = again.sql(
        "SELECT excluded FROM runs WHERE \"table\" = 'landing.customer_landing' "
        "ORDER BY run DESC LIMIT 1"
    )
    assert run["excluded"] == '{"forgotten person": 3}'


def test_nothing_of_it_is_in_any_byte(world: World, again: Lake):
    held = everything(world.lake)

    assert told(held, [*ADAS, ONEILS, "o'neil@test.com", "sam@test.com"]) == []
    assert rb"\u0061da" not in held


def test_what_others_deliver_in_the_same_files_lands(again: Lake):
    bad = rows(again, "quarantine")
    new = [row for row in rows(again, "accelerometer_landing") if row["user"] == "joada@test.com"]

    assert sorted(row["text"].encode() for row in bad) == sorted(LANDED + STEPS_LANDED)
    assert len(new) == 1
    devices = [row["serialnumber"] for row in rows(again, "step_trainer_landing")]
    assert sorted(devices) == sorted([BOBS, BOBS, JOS])
    people = {row["email"] for row in rows(again, "customers_curated")}
    assert people == {"bob@test.com", "joada@test.com"}


def test_the_next_run_has_nothing_to_do(world: World, again: Lake):
    result = again.run(world.landing)

    assert (result.landed, result.refreshed) == ({}, [])


def test_forgetting_again_takes_it_out_of_the_delivered_files(world: World, again: Lake):
    assert again.forget(FORGOTTEN).proved

    for name, kept in (("accelerometer/9.json.zst", LANDED), ("step_trainer/9.json", STEPS_LANDED)):
        assert World(world.root, {name: []}).delivered()[name].splitlines() == kept
    assert (world.landing / "step_trainer/8.json").read_bytes() == steps("", JOS, 11)[0][1]
    with world.fresh() as fresh:
        assert contents(again, "line") == contents(fresh, "line")
        assert counts(again) == counts(fresh)


@pytest.mark.parametrize(
    "address", [" A@x", "\u0391\u03a3@x", "\u0130@x", "\tA@x", "\u00a0a@x\u2003", "\u1e9e@x"]
)
def test_addresses_are_matched_as_the_engine_matches_them(again: Lake, address: str):
    assert matched(address) == person_of(again.engine, address)


def test_many_boundaries_cost_little():
    text = record("accelerometer", user="a" + "='" * 100 + "@test.com")["user"]

    assert len(set(addresses(text))) <= 202
    assert "x" * 10 in set(serials('{"n": "' + "x" * 10))
