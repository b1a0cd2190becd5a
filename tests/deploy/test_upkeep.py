"""The job that looks after the lake, as Glue starts it: its script and its arguments."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from deploy.build import SCRIPTS, scripts
from proving import ROOT

from stedi.api import create_lake


def started(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The script in a process of its own, without any key."""
    environment = {key: text for key, text in os.environ.items() if not key.startswith("STEDI_")}
    return subprocess.run(
        [sys.executable, str(SCRIPTS / "maintain.py"), *arguments],
        env=environment | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_lake_it_says_so_and_fails(tmp_path: Path) -> None:
    done = started("--lake", str(tmp_path / "none"))

    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_without_an_argument_it_says_which(tmp_path: Path) -> None:
    done = started("--JOB_NAME", "stedi-maintain")

    assert (done.returncode, "argument --lake is missing" in done.stderr) == (2, True)


def test_a_lake_that_needs_nothing_is_left_alone(tmp_path: Path) -> None:
    create_lake(tmp_path / "lake").close()

    done = started("--lake", str(tmp_path / "lake"), "--wait", "1")

    assert (done.returncode, done.stderr) == (0, "maintain: not due\n")
    assert not (tmp_path / "lake" / "maintained").exists()


def test_a_lake_that_is_due_is_looked_after_without_its_key(tmp_path: Path) -> None:
    from stedi.api import open_lake

    folder = tmp_path / "feeds" / "customer"
    folder.mkdir(parents=True)
    (folder / "one.json").write_text("not a customer\n")
    with create_lake(tmp_path / "lake") as lake:
        lake.run(tmp_path / "feeds")
    (tmp_path / "lake" / "pseudonym.key").rename(tmp_path / "elsewhere.key")
    with open_lake(tmp_path / "lake") as lake:
        lake.maintain()
    visited = tmp_path / "lake" / "maintained"
    visited.write_text(visited.read_text().replace("20", "19", 1))  # a century ago

    done = started("--lake", str(tmp_path / "lake"))

    assert (done.returncode, "maintain: done" in done.stderr) == (0, True), done.stderr
    assert '"at": "20' in visited.read_text()


def test_every_step_of_a_round_has_a_script(tmp_path: Path) -> None:
    from deploy.plan import Plan
    from deploy.settings import DEFAULT, read_settings

    scripts(tmp_path)

    there = {path.stem for path in tmp_path.glob("*.py")}
    assert there == set(Plan(read_settings(DEFAULT)).steps)
