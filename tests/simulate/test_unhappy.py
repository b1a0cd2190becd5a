from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stedi.errors import StorageError, UsageError
from stedi.simulate import simulate
from stedi.simulate.choices import check_space

REFUSED = [
    ({"people": 3, "readings": 100}, "give one of them"),
    ({"people": 0}, "people=0"),
    ({"readings": -5}, "readings=-5"),
    ({"days": 0}, "days=0"),
    ({"workers": 0}, "workers=0"),
    ({"rate": 0}, "rate=0"),
    ({"rate": -20.0}, "rate=-20"),
    ({"rate": float("nan")}, "rate=nan"),
    ({"rate": 1001}, "at most 1000 Hz"),
    ({"minutes": 0}, "minutes=0"),
    ({"minutes": 721}, "at most 720"),
    ({"people": 2, "minutes": 0.001, "rate": 1}, "hold no reading"),
    ({"dirty": 0.51}, "between 0 and 0.5"),
    ({"dirty": -0.1}, "between 0 and 0.5"),
    ({"dirty": float("nan")}, "between 0 and 0.5"),
    ({"seed": -1}, "seed=-1"),
    ({"start": date(1999, 12, 31)}, "start in 2002 or later"),
    ({"start": date(9999, 12, 31)}, "start earlier"),
    ({"days": 10**9}, "take fewer days"),
]


@pytest.mark.parametrize(("choices", "words"), REFUSED)
def test_refused_with_the_remedy(tmp_path: Path, choices: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        simulate(tmp_path / "feeds", **choices)
    assert not (tmp_path / "feeds").exists()


def test_refuses_days_that_have_not_come(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="reach past today"):
        simulate(tmp_path, start=datetime.now(UTC) - timedelta(days=3))


def test_refuses_a_folder_with_content(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(UsageError, match="not empty"):
        simulate(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_refuses_a_file_in_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        simulate(tmp_path / "out")


def test_refuses_what_the_disk_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ask for fewer readings"):
        check_space(tmp_path, 10**15)


def test_names_the_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        simulate(tmp_path / "file" / "out", readings=10)


def test_an_interrupted_simulation_has_no_expected_counts(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(tmp_path, readings=500, progress=interrupt)
    assert not (tmp_path / "truth" / "expected.json").exists()
