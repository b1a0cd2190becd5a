"""A bucket that is watched: rows follow the objects that arrive."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import sites
import stedi
from helpers import FEEDS, deliver, record, rows_of
from stedi.places import S3Path
from stedi.watch import Hear, Ran


@pytest.mark.on_request
def test_rows_follow_the_objects_that_arrive(
    bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sites.with_keys(monkeypatch, tmp_path)
    landing, ended, runs, said = S3Path(bucket, "landing"), threading.Event(), list[Ran](), []
    for feed in FEEDS:
        deliver(landing, feed, "1.json", [record(feed)])
    with sites.create(f"s3://{bucket}/lake") as lake:
        hear = Hear(runs.append, said.append)
        watch = threading.Thread(
            target=lake.watch, args=(landing, 0.2, 0.5, hear), kwargs={"stopped": ended.is_set}
        )
        watch.start()
        try:
            wait(lambda: landed(runs) == 1)
            deliver(landing, "accelerometer", "2.json", [record("accelerometer", x=7)])
            wait(lambda: landed(runs) == 2)
        finally:
            ended.set()
            watch.join()
    assert said == [f"watching {landing}"]
    with stedi.open(f"s3://{bucket}/lake") as lake:
        assert sorted(row["x"] for row in rows_of(lake, "accelerometer_landing")) == [1, 7]


def landed(runs: list[Ran]) -> int:
    """Files of readings that were landed; each feed may have had a run of its own."""
    counts = (ran.result.landed.get("accelerometer") for ran in runs)
    return sum(count.files for count in counts if count)


def wait(until: Callable[[], object]) -> None:
    deadline = time.monotonic() + 40
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.05)
