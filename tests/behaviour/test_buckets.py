"""Days in buckets of people: the same rows, each file of one bucket, the number raised later."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import stedi
from helpers import T0, deliver, record, tables_of
from stedi.api import Lake
from stedi.errors import LakeError
from stedi.lake.layout import bucket_numbers
from stedi.maintain import compact

DAY = 86_400_000
PEOPLE = [f"person{number}@test.com" for number in range(12)]
READINGS = {
    "accelerometer_trusted": "user",
    "step_trainer_trusted": "serialnumber",
    "machine_learning_curated": "subject_id",
}


@pytest.fixture(autouse=True)
def one_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lakes that are compared have the same key."""
    monkeypatch.setenv("STEDI_PSEUDONYM_KEY", "the same key for every lake of the test")


def everybody(landing: Path, day: int) -> None:
    """All people, with a reading each of both devices on one day."""
    at = T0 + day * DAY
    customers = [record("customer", email=one, serialNumber=f"serial-{one}") for one in PEOPLE]
    deliver(landing, "customer", f"{day}.json", customers)
    rows = [record("accelerometer", user=one, timestamp=at) for one in PEOPLE]
    deliver(landing, "accelerometer", f"{day}.json", rows)
    rows = [
        record("step_trainer", serialNumber=f"serial-{one}", sensorReadingTime=at) for one in PEOPLE
    ]
    deliver(landing, "step_trainer", f"{day}.json", rows)


def withdrawal(landing: Path) -> None:
    """One person withdraws."""
    gone = record("customer", "shareWithResearchAsOfDate", email=PEOPLE[0], lastUpdateDate=T0)
    deliver(landing, "customer", "gone.json", [gone | {"serialNumber": f"serial-{PEOPLE[0]}"}])


def set_buckets(lake: Lake, text: str) -> None:
    """Write the number of buckets into the lake's policy."""
    policy = lake.home.root / "stedi.toml"
    before = policy.read_text().partition("[layout]\nbuckets")[0]
    policy.write_text(f"{before}\n[layout]\nbuckets = {text}\n")


def check_files(lake: Lake, buckets: int) -> None:
    """Every file that lies as new ones do holds rows of one bucket, the one it is known by."""
    import pyarrow.parquet as pq

    for name, column in READINGS.items():
        files = lake.store.table(name).source().files
        assert files
        for file in files:
            values = pq.read_table(file.path, columns=[column])[column].to_pylist()
            if file.bucket is not None:  # older files lie as they did
                assert set(bucket_numbers(values, buckets)) == {file.bucket}


@pytest.mark.on_spark
def test_buckets_change_no_row(new_lake: Callable[..., Lake], landing: Path, tmp_path: Path):
    plain = stedi.create(tmp_path / "plain")
    bucketed = new_lake("bucketed")
    set_buckets(bucketed, "4")
    everybody(landing, 0)
    everybody(landing, 1)
    bucketed.run(landing)
    check_files(bucketed, 4)
    set_buckets(bucketed, "8")
    everybody(landing, 2)
    withdrawal(landing)
    for lake in (plain, bucketed):
        lake.run(landing)
    assert tables_of(plain) == tables_of(bucketed)
    check_files(bucketed, 8)
    assert plain.account() == bucketed.account()
    plain.close()


def test_a_full_run_lets_all_files_lie_in_the_new_buckets(
    new_lake: Callable[..., Lake], landing: Path
):
    lake = new_lake()
    everybody(landing, 0)
    lake.run(landing)
    before = tables_of(lake)
    set_buckets(lake, "4")
    lake.run(full=True)
    assert tables_of(lake) == before
    for name in READINGS:
        assert all(f.bucket is not None for f in lake.store.table(name).source().files)
    check_files(lake, 4)


def test_upkeep_and_forgetting_keep_to_buckets(
    new_lake: Callable[..., Lake], landing: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(compact, "WORTH", 4)
    lake = new_lake()
    set_buckets(lake, "2")
    for part in range(5):  # so many small files a day and bucket that putting them together pays
        rows = [
            record("accelerometer", user=one, timestamp=T0 + part * 1000, x=part) for one in PEOPLE
        ]
        deliver(landing, "accelerometer", f"part{part}.json", rows)
        if part == 0:
            everybody(landing, 0)
        lake.run(landing)
    before = tables_of(lake)
    together = {one.table for one in lake.maintain().tables if one.compacted}
    assert "landing.accelerometer_landing" in together
    assert tables_of(lake) == before
    check_files(lake, 2)
    lake.forget([PEOPLE[3]])
    check_files(lake, 2)
    left = [row for row in before["accelerometer_trusted"] if row["user"] != PEOPLE[3]]
    assert tables_of(lake)["accelerometer_trusted"] == left


@pytest.mark.parametrize("text", ["-1", "4097", "true", '"4"', "2.5"])
def test_a_number_that_is_none_is_refused(new_lake: Callable[..., Lake], text: str):
    lake = new_lake()
    set_buckets(lake, text)
    with pytest.raises(LakeError, match=r"buckets is .*; write a whole number from 0 to 4096"):
        lake.run()


def test_another_key_below_layout_is_refused(new_lake: Callable[..., Lake]):
    lake = new_lake()
    policy = lake.home.root / "stedi.toml"
    policy.write_text(policy.read_text() + "\n[layout]\nbucket = 4\n")
    with pytest.raises(LakeError, match=r"\[layout\] has no 'bucket'; its key: buckets"):
        lake.run()
