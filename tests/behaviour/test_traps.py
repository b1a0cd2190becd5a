"""Names and moments that once lost rows, landed them twice, or stopped a lake for good."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import sites
import stedi
from helpers import T0, deliver, record, rows_of
from stedi.api import Lake
from stedi.errors import LakeError, UsageError
from stedi.places import Place

NewLake = Callable[..., Lake]


def readings(*values: float, **extra: object) -> list[dict[str, object]]:
    return [record("accelerometer", timestamp=T0 + i, x=x, **extra) for i, x in enumerate(values)]


def landed(lake: Lake) -> list[float]:
    return sorted(row["x"] for row in rows_of(lake, "accelerometer_landing"))


def balanced(lake: Lake) -> bool:
    return all(line.balanced for line in lake.account())


@pytest.mark.on_s3
def test_a_file_name_that_is_a_pattern_is_read_as_it_stands(lake: Lake, landing: Path):
    deliver(landing, "accelerometer", "a.json", readings(1, 2))
    deliver(landing, "accelerometer", "[a].json", readings(11, 12))
    deliver(landing, "accelerometer", "*.json", readings(21))
    lake.run(landing)
    assert landed(lake) == [1, 2, 11, 12, 21]


def test_a_lake_opened_before_another_run_lands_nothing_twice(lake: Lake, landing: Path):
    deliver(landing, "accelerometer", "a.json", readings(1))
    lake.run(landing)
    deliver(landing, "accelerometer", "b.json", readings(2))
    with stedi.open(lake.home.root) as other:
        other.run(landing)
    assert landed(lake) == [1, 2]
    assert not lake.run(landing).changed
    assert balanced(lake)


def test_a_lake_opened_before_the_policy_changed_keeps_to_the_new_one(lake: Lake, landing: Path):
    deliver(landing, "accelerometer", "a.json", readings(1))
    lake.run(landing)
    with stedi.open(lake.home.root) as other:
        other.run(landing, consent="any")
    lake.run(landing)
    assert lake.home.consent == "any"


def test_a_run_that_fails_changes_no_policy(lake: Lake, landing: Path):
    with pytest.raises(UsageError):
        lake.run(landing / "nowhere", consent="any")
    assert stedi.open(lake.home.root).home.consent == "since"


def test_an_indented_policy_is_changed_all_the_same(lake: Lake, landing: Path):
    policy = lake.home.root / "stedi.toml"
    policy.write_text(policy.read_text().replace("consent =", "  consent ="))
    deliver(landing, "accelerometer", "a.json", readings(1))
    lake.run(landing, consent="any")
    assert lake.home.consent == "any"


@pytest.mark.parametrize("place", ["data/project-1/lake", "data/customer-7/lake", "my lake é"])
def test_a_lake_remembers_its_files_wherever_it_is(site: Place, landing: Place, place: str):
    deliver(landing, "accelerometer", "a.json", readings(1))
    with sites.create(site / place) as lake:
        lake.run(landing)
        assert not lake.run(landing).changed
        assert landed(lake) == [1]
        data = lake.home.warehouse / "landing" / "accelerometer_landing" / "data"
        assert [path for path in sites.files(data) if path.endswith(".parquet")]


@pytest.mark.parametrize("odd", "?#%*[]'\"")
def test_a_path_that_some_part_would_read_otherwise_is_refused(tmp_path: Path, odd: str):
    with pytest.raises(UsageError, match="path may not hold"):
        stedi.create(tmp_path / f"lake{odd}1")


@pytest.mark.parametrize("name", ["Day", "filename", "excluded", "times", "file", "x_day", "_day"])
def test_an_unannounced_field_of_any_name_can_be_landed_and_corrected(
    lake: Lake, landing: Path, name: str
):
    deliver(landing, "accelerometer", "a.json", readings(1, **{name: "v"}))
    lake.run(landing)
    deliver(landing, "accelerometer", "a.json", readings(2, 3, **{name: "w"}))
    lake.run(landing)
    assert landed(lake) == [2, 3]
    assert balanced(lake)


def test_a_feed_gains_only_so_many_columns(lake: Lake, landing: Path):
    lines = [record("accelerometer", timestamp=T0 + i, **{f"n{i}_{k}": 1 for k in range(20)})
             for i in range(12)]  # fmt: skip
    deliver(landing, "accelerometer", "a.json", lines)
    lake.run(landing)
    reasons = {row["reason"] for row in rows_of(lake, "quarantine")}
    assert reasons == {"more than 100 unannounced fields in this feed"}
    assert balanced(lake)


@pytest.mark.on_disk("paths and links")
def test_a_folder_spelled_otherwise_is_the_same_folder(
    lake: Lake, landing: Path, monkeypatch: pytest.MonkeyPatch
):
    deliver(landing, "accelerometer", "a.json", readings(1))
    lake.run(landing)
    monkeypatch.chdir(landing / "accelerometer")
    assert not lake.run(Path("../../") / landing.name).changed


@pytest.mark.on_disk("paths and links")
def test_linked_folders_and_other_cases_are_feeds(lake: Lake, landing: Path, tmp_path: Path):
    elsewhere = tmp_path / "elsewhere"
    deliver(elsewhere, "accelerometer", "a.json", readings(1))
    deliver(landing, "Accelerometer", "b.json", [])
    (landing / "Accelerometer" / "b.json").write_bytes(
        (elsewhere / "accelerometer" / "a.json").read_bytes()
    )
    (landing / "accelerometer").rmdir()
    (landing / "accelerometer").symlink_to(elsewhere / "accelerometer")
    (landing / "accelerometer" / "again").symlink_to(landing)
    lake.run(landing)
    assert landed(lake) == [1, 1]


@pytest.mark.on_disk("paths and links")
def test_a_file_name_that_is_no_unicode_is_left_alone_and_named(lake: Lake, landing: Path):
    deliver(landing, "accelerometer", "a.json", readings(1))
    odd = os.fsencode(landing / "accelerometer") + b"/b\xff.json"
    Path(os.fsdecode(odd)).write_bytes(b"{}\n")
    assert len(lake.run(landing).ignored) == 1
    assert landed(lake) == [1]


def test_another_key_is_refused(lake: Lake, landing: Path, monkeypatch: pytest.MonkeyPatch):
    deliver(landing, "accelerometer", "a.json", readings(1))
    lake.run(landing)
    monkeypatch.setenv("STEDI_PSEUDONYM_KEY", "another key that is long enough")
    with pytest.raises(LakeError, match="not the one this lake was made with"):
        lake.run(landing)


def test_values_of_unannounced_fields_stay_out_of_the_metadata(lake: Lake, landing: Path):
    deliver(landing, "accelerometer", "a.json", readings(1, homeAddress="zoe@private.example"))
    lake.run(landing)
    table = lake.home.warehouse / "landing" / "accelerometer_landing"
    metadata = sites.files(table / "metadata").values()
    assert metadata
    assert not any(b"zoe@private" in data for data in metadata)


def test_a_reason_names_no_unannounced_field(lake: Lake, landing: Path):
    twice = b'{"user":"a@b","timestamp":1770000000000,"x":1,"y":1,"z":1,"zoe@n":1,"zoe@n":2}'
    deliver(landing, "accelerometer", "a.json", [twice])
    lake.run(landing)
    (row,) = rows_of(lake, "quarantine")
    assert "zoe" not in row["reason"]
