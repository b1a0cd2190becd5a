"""Size, order and look of the feeds."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from simulate.oracle import landed, raw_lines
from stedi.simulate import Simulated

Feeds = Callable[..., Simulated]


def digests(out: Path) -> dict[str, str]:
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def test_same_arguments_give_the_same_bytes(feeds: Feeds) -> None:
    choices = {"readings": 300_000, "dirty": 0.01, "compress": True}
    one, two = feeds(**choices, workers=1), feeds(**choices, workers=3)
    assert digests(one.out) == digests(two.out)


def test_another_seed_gives_other_bytes(feeds: Feeds) -> None:
    one, two = feeds(readings=500, seed=1), feeds(readings=500, seed=2)
    different = digests(one.out).items() ^ digests(two.out).items()
    assert {name for name, _ in different} >= {"truth/expected.json", "truth/people.parquet"}


@pytest.mark.parametrize("readings", [1, 2, 50, 9_999, 250_001])
def test_readings_are_hit_exactly(feeds: Feeds, readings: int) -> None:
    simulated = feeds(readings=readings)
    assert simulated.readings == readings
    assert readings == sum(
        len(raw_lines(simulated.out, feed)) for feed in ("accelerometer", "step_trainer")
    )


def test_figures_are_those_of_the_files(feeds: Feeds) -> None:
    simulated = feeds(readings=2_000, dirty=0.1)
    paths = [path for path in simulated.out.rglob("*") if path.is_file()]
    delivered = [path for path in paths if simulated.truth not in path.parents]
    assert simulated.files == len(delivered)
    assert simulated.bytes == sum(path.stat().st_size for path in delivered)


def test_three_accelerometer_readings_to_one_of_the_trainer(feeds: Feeds) -> None:
    simulated = feeds()
    ratio = simulated.accelerometer_readings / simulated.step_trainer_readings
    assert ratio == pytest.approx(81_273 / 28_680, rel=0.02)


def test_share_of_malformed_lines(feeds: Feeds) -> None:
    simulated = feeds(readings=50_000, dirty=0.05)
    lines = simulated.readings + simulated.customer_records + simulated.malformed
    assert simulated.malformed / lines == pytest.approx(0.05, abs=0.001)


def test_without_dirt_every_line_is_well_formed(feeds: Feeds) -> None:
    simulated = feeds(readings=5_000)
    assert simulated.malformed == 0
    assert len(landed(simulated.out, "accelerometer")) == simulated.accelerometer_readings


def test_people_share_instants_and_devices_agree(feeds: Feeds) -> None:
    simulated = feeds(minutes=1, rate=10)
    people = defaultdict(set)
    for line in landed(simulated.out, "accelerometer"):
        people[line["timestamp"]].add(line["user"].strip().lower())
    shared = sum(len(users) > 1 for users in people.values()) / len(people)
    trainers = {line["sensorReadingTime"] for line in landed(simulated.out, "step_trainer")}
    assert shared > 0.2
    assert len(people.keys() & trainers) / len(people) > 0.95


def test_readings_lie_on_several_days_and_about_midnight(feeds: Feeds) -> None:
    simulated = feeds(days=1, minutes=2, rate=2)
    times = [
        datetime.fromtimestamp(line["timestamp"] / 1000, UTC)
        for line in landed(simulated.out, "accelerometer")
    ]
    assert len({time.date() for time in times}) == 2
    assert {(time.hour, time.minute) for time in times} >= {(23, 59), (0, 0)}


def test_addresses_differ_in_case_and_spaces(feeds: Feeds) -> None:
    simulated = feeds(minutes=1, rate=2)
    users = {line["user"] for line in landed(simulated.out, "accelerometer")}
    assert any(user != user.strip() for user in users)
    assert any(user != user.lower() for user in users)
    assert len(users) > len({user.strip().lower() for user in users})


def test_no_consent_is_written_in_four_ways(feeds: Feeds) -> None:
    simulated = feeds(people=100, minutes=0.01)
    ways = Counter(
        line.get("shareWithResearchAsOfDate", "absent")
        for line in landed(simulated.out, "customer")
        if not line.get("shareWithResearchAsOfDate")
    )
    assert set(ways) == {"absent", None, "", 0}
    assert max(ways, key=lambda way: ways[way]) == "absent"


def test_long_days_do_not_overlap(feeds: Feeds) -> None:
    simulated = feeds(people=2, minutes=720, rate=0.25, days=3, truth_rows=False)
    counts = Counter(
        (line["serialNumber"], line["sensorReadingTime"])
        for line in landed(simulated.out, "step_trainer")
    )
    assert max(counts.values()) <= 4


def test_progress_ends_at_the_total(feeds: Feeds) -> None:
    calls: list[tuple[int, int]] = []
    feeds(readings=300_000, progress=lambda done, total: calls.append((done, total)))
    assert calls == sorted(calls)
    assert len(calls) > 1
    assert calls[-1] == (300_000, 300_000)


def test_importing_loads_no_numpy() -> None:
    code = (
        "import sys, stedi.simulate; sys.exit('numpy' in sys.modules or 'pyarrow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
