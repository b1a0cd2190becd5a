"""A new pseudonym key changes every subject_id and nothing else: who was forgotten stays out."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import stedi
from behaviour.forgetting import FEW, World, bytes_of, customer, deliver, readings
from helpers import SERIAL, rows_of, snapshots_of
from stedi.api import Lake
from stedi.errors import LakeError
from stedi.people import fingerprint, pseudonym

ADA, BOB = "ada@test.com", "bob@test.com"
PAGE = Path(__file__).parents[2] / "docs" / "privacy.md"
NEW = b"a key for the second release of the data"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("rotation"), FEW).build()
    with stedi.open(world.lake) as lake:
        assert lake.forget([ADA]).proved
    shutil.rmtree(world.root / "aside")
    shutil.copytree(world.root / "work", world.root / "aside")
    return world


@pytest.fixture
def world(built: World) -> World:
    """Ada and Bob, landed; then Ada was forgotten."""
    return built.restore()


@pytest.fixture
def lake(world: World) -> Iterator[Lake]:
    with stedi.open(world.lake) as opened:
        yield opened


@pytest.fixture
def key_file(world: World) -> Path:
    """The key of the fingerprints."""
    return world.lake / "forgotten.key"


def deliver_again(world: World) -> None:
    deliver(world.landing / "customer/9.json", [customer("ada", ADA, SERIAL)])
    deliver(world.landing / "accelerometer/9.json", readings("ada", ADA, 8))


def test_a_lake_in_which_nobody_was_forgotten_has_no_such_key(
    new_lake: Callable[..., Lake], landing: Path
):
    lake = new_lake()
    deliver(landing / "accelerometer/1.json", readings("ada", ADA, 8))

    assert lake.run(landing).landed["accelerometer"].landed == 1
    assert not (lake.home.root / "forgotten.key").exists()


def test_fingerprints_have_a_key_of_their_own(lake: Lake, key_file: Path):
    key = key_file.read_bytes().strip()

    assert key_file.stat().st_mode & 0o777 == 0o600
    assert len(key) == 64
    prints = {row["fingerprint"] for row in rows_of(lake, "forgotten")}
    assert prints == {fingerprint(key, "person", ADA), fingerprint(key, "device", SERIAL)}
    assert fingerprint(lake.home.key(), "person", ADA) not in prints


@pytest.mark.parametrize("harm", ["lost", "another"])
def test_without_the_key_of_the_fingerprints_nothing_is_landed(
    world: World, lake: Lake, key_file: Path, harm: str
):
    deliver_again(world)
    key = key_file.read_bytes()
    if harm == "lost":
        key_file.unlink()
    else:
        key_file.write_bytes(NEW)
    before = snapshots_of(lake)
    for attempt in (lambda: lake.run(world.landing), lambda: lake.forget([BOB])):
        with pytest.raises(LakeError, match=r"forgotten\.key: not .*restore it from a backup"):
            attempt()
    assert snapshots_of(lake) == before
    assert not (world.lake / "forgetting.json").exists()

    key_file.write_bytes(key)
    assert lake.run(world.landing).landed["accelerometer"].forgotten == 1


def test_a_new_pseudonym_key_is_refused_until_it_is_meant(world: World, lake: Lake):
    before = bytes_of(world.lake)
    (world.lake / "pseudonym.key").write_bytes(NEW)
    with pytest.raises(LakeError, match="delete this file to change every subject_id on purpose"):
        lake.run(world.landing)

    (world.lake / "pseudonym.key").write_bytes(before[str(world.lake / "pseudonym.key")])
    assert bytes_of(world.lake) == before


def test_a_new_pseudonym_key_makes_the_training_table_anew_and_forgets_nobody(
    world: World, lake: Lake
):
    old, before = rows_of(lake, "machine_learning_curated"), snapshots_of(lake)
    certificate = rows_of(lake, "erasures")
    (world.lake / "pseudonym.key").write_bytes(NEW)
    (world.lake / "key.check").unlink()
    deliver_again(world)
    with stedi.open(world.lake) as rotated:
        result = rotated.run(world.landing)
        new = rows_of(rotated, "machine_learning_curated")
        after = snapshots_of(rotated)

    scopes = {one.account.table: one.account.scope for one in result.refreshed}
    assert scopes["curated.machine_learning_curated"] == "all: the policy or the key changed"
    assert {row["subject_id"] for row in new} == {pseudonym(NEW, BOB)}
    assert [row | {"subject_id": ""} for row in new] == [row | {"subject_id": ""} for row in old]
    assert {feed: count.forgotten for feed, count in result.landed.items()} == {
        "customer": 1,
        "accelerometer": 1,
    }
    assert rows_of(lake, "erasures") == certificate
    assert {n for n in before if before[n] != after[n]}.isdisjoint({"forgotten", "erasures"})


def test_the_page_on_privacy_finds_a_certificate_by_the_key(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    assert ADA in code
    monkeypatch.chdir(world.lake.parent)
    exec(code, {})
    exec(code.replace(ADA, BOB), {})
    (line,) = capsys.readouterr().out.splitlines()

    assert line.endswith(" 0")


def test_who_is_forgotten_after_a_new_key_is_recognised_beside_the_others(
    world: World, lake: Lake, key_file: Path
):
    (world.lake / "pseudonym.key").write_bytes(NEW)
    (world.lake / "key.check").unlink()
    key = key_file.read_bytes()
    assert lake.forget([BOB]).proved

    assert key_file.read_bytes() == key
    people = {r["fingerprint"] for r in rows_of(lake, "forgotten") if r["kind"] == "person"}
    assert people == {fingerprint(key.strip(), "person", who) for who in (ADA, BOB)}
