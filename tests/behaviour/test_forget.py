"""Forgetting people: all of theirs goes, everything else stays, and it is proved."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import sites
import stedi
from behaviour.forgetting import (
    DORAS,
    FEW,
    JOS,
    MANY,
    PAIR,
    SHARED,
    World,
    bytes_of,
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
from helpers import LANDING, SERIAL, line, snapshots_of
from stedi.api import Lake
from stedi.errors import LakeBusyError, LakeError, StorageError, UsageError
from stedi.landing import ledger
from stedi.landing.keepout import key_of
from stedi.people import fingerprint, pseudonym
from stedi.places import Place, S3Path

ADA = "ada@test.com"


@pytest.fixture(scope="module")
def built(new_site: Callable[[], Place]) -> World:
    return World(new_site(), FEW).build()


@pytest.fixture
def world(built: World) -> World:
    """Ada and Bob, landed."""
    return built.restore()


@pytest.fixture
def lake(world: World) -> Iterator[Lake]:
    with stedi.open(world.lake) as opened:
        yield opened


# ---------------------------------------------------------------- refused


@pytest.mark.parametrize("emails", [[], [""], ["  "], [ADA, "bob"], ["@"], ["a b@test.com"]])
def test_who_cannot_be_named_is_not_forgotten(built: World, emails: list[str]):
    before = bytes_of(built.lake, built.landing)
    with stedi.open(built.lake) as lake, pytest.raises(UsageError, match="address"):
        lake.forget(emails)

    assert bytes_of(built.lake, built.landing) == before


def test_a_lake_at_work_is_left_alone(built: World):
    with (
        stedi.open(built.lake) as lake,
        lake.home.lock(),
        pytest.raises(LakeBusyError, match=f"process {os.getpid()}"),
    ):
        lake.forget([ADA])


def _hard_link(path: Path) -> None:
    path.with_name("other-name").hardlink_to(path)


def _cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def _no_gzip(path: Path) -> None:
    path.write_bytes(b"no gzip")


HARM = [pytest.param(_hard_link, marks=pytest.mark.on_disk("hard links")), _cut_short, _no_gzip]


@pytest.mark.parametrize("harm", HARM)
def test_a_file_that_cannot_be_rewritten_stops_it_before_anything_changes(
    world: World, lake: Lake, harm: Any
):
    file = world.landing / "accelerometer" / "2.json.gz"
    harm(file)
    before = bytes_of(world.lake, world.landing)
    for attempt in (lake.forget, lake.foresee_forgetting):
        with pytest.raises(StorageError, match=str(file)):
            attempt([ADA])
        assert bytes_of(world.lake, world.landing) == before


def _interrupted(monkeypatch: pytest.MonkeyPatch, lake: Lake, step: str, *emails: str) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(f"stedi.subject.forget.{step}", stop)
        with pytest.raises(KeyboardInterrupt):
            lake.forget(emails)


def test_until_it_is_finished_nobody_else_is_forgotten_and_nothing_runs(
    world: World, lake: Lake, monkeypatch: pytest.MonkeyPatch
):
    deliver(world.landing / "customer/2.json", [customer("eve", "eve@test.com", PAIR)])
    _interrupted(monkeypatch, lake, "certificate.keep_out", ADA)
    before = bytes_of(world.lake)
    with pytest.raises(UsageError, match=r"other people.*forget --resume"):
        lake.forget(["bob@test.com"])
    with pytest.raises(LakeBusyError, match="stedi subject forget --resume"):
        lake.run(world.landing)
    assert bytes_of(world.lake) == before

    if isinstance(world.lake, Path):
        assert (world.lake / "forgetting.json").stat().st_mode & 0o777 == 0o600


def test_a_journal_that_cannot_be_read_is_named(world: World, lake: Lake):
    (world.lake / "forgetting.json").write_text("{")
    with pytest.raises(LakeError, match=r"forgetting.json.*move it away"):
        lake.forget([ADA])


# ---------------------------------------------------------------- not proved


def test_somebody_elses_mention_stays_and_fails_the_proof_until_it_is_mended(
    world: World, lake: Lake
):
    mention = readings("bob", "bob@test.com", 7)[0][1][:-2] + b', "note": "seen ADA@test.com"}\n'
    tabbed = readings("tab", "\tada@test.com", 5)[0][1]  # SQL's trim takes spaces off, not tabs
    file = deliver(world.landing / "accelerometer/3.json", [("", mention), ("", tabbed)])
    lake.run(world.landing)
    done = lake.forget([ADA])

    (finding,) = {(one.path.partition("/data/")[0], one.kind) for one in done.proof.findings}
    assert finding == (str(world.lake / "warehouse/landing/accelerometer_landing"), "email")
    assert file.read_bytes() == mention + tabbed
    assert len(rows(lake, "accelerometer_landing")) == 5
    assert rows(lake, "erasures") == []
    assert not done.proved

    file.write_bytes(mention.replace(b"ADA@test.com", b"a friend"))
    landed = lake.run(world.landing).landed["accelerometer"]
    again = isinstance(file, S3Path)  # a copy put back is younger there, and looked at once more
    assert landed.landed in ((1, 2) if again else (1,))
    assert lake.forget([], resume=True).proved
    assert {row["erasure"] for row in rows(lake, "erasures")} == {done.erasure}


# ---------------------------------------------------------------- files of every kind


def test_files_that_changed_or_went_and_lines_of_any_kind(world: World, lake: Lake):
    nikos = "\u039d\u0399\u039a\u039f\u03a3@x.gr"
    odd = [
        ("ada bob", line("accelerometer", "x", user="bob@test.com", note=ADA) + b"\n"),
        ("ada bob", b'{"user": "ada@test.com", "user": "bob@test.com", "x": 1}\n'),
        ("ada", b"user=ada%40test.com;x=1\n"),
        ("ada", b"!ada@test.com\n"),
        *readings("nikos", nikos, 5),
        *readings("ada", "\u00a0ada@test.com", 5),
        *readings("bob", "bob@test.com", 9),
    ]
    file = deliver(world.landing / "accelerometer/3.json", odd)
    lake.run(world.landing)
    (world.landing / "accelerometer" / "2.json.gz").unlink()
    more = [*FEW["accelerometer/1.json"], *readings("bob", "bob@test.com", 8)]
    changed = deliver(world.landing / "accelerometer/1.json", [*more, *readings("ada", ADA, 8)])
    spilled = world.lake / "scratch" / "4194305" / "spilled.tmp"  # by a process that was killed
    spilled.parent.mkdir(parents=True)
    spilled.write_text(ADA)

    assert lake.forget([ADA, nikos]).proved
    assert file.read_bytes() == odd[-1][1]
    assert changed.read_bytes() == b"".join(text for whose, text in more if whose == "bob")
    assert [row["user"] for row in rows(lake, "accelerometer_landing")] == ["bob@test.com"] * 4
    landed = lake.run(world.landing).landed["accelerometer"]
    assert (landed.files, landed.replaced, landed.forgotten) == (1, 1, 0)
    assert len(rows(lake, "accelerometer_landing")) == 5  # one is of the file that went
    counts(lake)


# ---------------------------------------------------------------- forgotten

ALL = (" ADA@test.com", "eve@test.com", "finn@test.com", "quin@test.com")
GONE = ("ada", "eve", "finn", "quin")
OTHERS = ("car", "dor", "joa")
IDENTIFIERS = ("ada@test.com", "eve@test.com", "finn@test.com", "quin@test.com", "eve name")
IDENTIFIERS += ("finn name", "8015558888", SERIAL, PAIR)


@pytest.fixture(scope="module", params=["since", pytest.param("any", marks=pytest.mark.slow)])
def forgotten(
    request: pytest.FixtureRequest, new_site: Callable[[], Place]
) -> Iterator[tuple[World, Lake, Any]]:
    """Four of seven people, and one whom nobody knows, forgotten together."""
    world = World(new_site(), MANY).build(request.param)
    with stedi.open(world.lake) as lake:
        before = contents(lake)
        yield world, lake, (lake.forget(ALL), before)


def _is_as_fresh(world: World, lake: Lake) -> None:
    with world.fresh() as fresh:
        assert contents(lake, "line") == contents(fresh, "line")  # lines keep their numbers
        assert counts(lake) == counts(fresh)


def test_every_other_line_stays_byte_for_byte(forgotten: tuple[World, Lake, Any]):
    world, _, _ = forgotten

    assert world.delivered() == world.without(*GONE)
    assert sites.files(world.landing).keys() == {str(world.landing / name) for name in MANY}


def test_every_other_row_stays(forgotten: tuple[World, Lake, Any]):
    _, lake, (_, before) = forgotten
    for name in (*LANDING, "quarantine"):
        after = rows(lake, name)
        assert len(after) == len({repr(row) for row in after}) > 0
    others = [row for row in before["customer_landing"] if row["email"].strip()[:3] in OTHERS]
    assert contents(lake)["customer_landing"] == others


def test_tables_and_accounts_are_those_of_a_fresh_lake(forgotten: tuple[World, Lake, Any]):
    world, lake, _ = forgotten

    _is_as_fresh(world, lake)
    assert {row["serialnumber"] for row in rows(lake, "step_trainer_landing")} == {DORAS, JOS}
    assert [one for one in lake.check() if not one.passed and one.severity == "fail"] == []


def test_nothing_of_theirs_is_in_any_byte(forgotten: tuple[World, Lake, Any]):
    world, lake, _ = forgotten
    held = everything(world.lake)
    key = lake.home.key()

    assert told(held, IDENTIFIERS) == []
    assert told(held, [pseudonym(key, who) for who in IDENTIFIERS[:4]]) == []
    assert told(held, ["dora@test.com", "carl@test.com", "ada byron", DORAS, SHARED])
    assert {len(lake.history(name)) for name in snapshots_of(lake) if name != "runs"} == {1}


def test_the_certificate_counts_what_went_by_table_and_file(forgotten: tuple[World, Lake, Any]):
    world, lake, (done, before) = forgotten
    told_of = rows(lake, "erasures")
    after = contents(lake)
    removed = {row["place"]: row for row in told_of if row["step"] == "removed"}
    for name, held in after.items():
        full = next(table for table in removed if table.endswith("." + name))
        assert removed[full]["rows"] == len(before[name]) - len(held), name
    for name, lines in MANY.items():
        cut = [text for whose, text in lines if {*whose.split()} & {*GONE}]
        found = removed[str(world.landing / name)]
        assert (found["files"], found["rows"]) == (1, len(cut))
        assert found["bytes"] == sum(map(len, cut))

    key = key_of(lake.store)
    (search,) = [row for row in told_of if row["step"] == "searched"]
    prints = {fingerprint(key, "person", who.strip().lower()) for who in ALL}
    assert (search["found"], search["files"], search["people"]) == (0, done.proof.files, len(ALL))
    assert set(json.loads(search["fingerprints"])) == prints
    kept_out = {row["fingerprint"] for row in rows(lake, "forgotten")}
    devices = {fingerprint(key, "device", one) for one in (SERIAL, SHARED, PAIR)}
    assert kept_out == prints | devices


def test_the_next_run_has_nothing_to_do(forgotten: tuple[World, Lake, Any]):
    world, lake, _ = forgotten
    before = snapshots_of(lake)
    result = lake.run(world.landing)

    assert (result.landed, result.refreshed) == ({}, [])
    assert snapshots_of(lake) == before
    assert all(entry.forgotten == 0 for entry in ledger.entries(lake.store).values())


def test_of_a_shared_device_nothing_is_attributed_to_the_other_claimant(
    forgotten: tuple[World, Lake, Any],
):
    world, lake, _ = forgotten
    carl = pseudonym(lake.home.key(), "carl@test.com")
    deliver(world.landing / "step_trainer/9.json", steps("carl", SHARED, 1, 2))
    landed = lake.run(world.landing).landed["step_trainer"]

    assert (landed.landed, landed.forgotten) == (0, 2)
    assert carl not in {row["subject_id"] for row in rows(lake, "machine_learning_curated")}
