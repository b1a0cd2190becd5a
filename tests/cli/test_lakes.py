"""Lakes that are not there, not whole, or somebody else's: exit code and message."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from cli.commands import Command


@pytest.fixture
def lake(command: Command, tmp_path: Path) -> Path:
    """An empty lake at ./lake, where commands look without --lake."""
    assert command("init").code == 0
    return tmp_path / "lake"


def failed(command: Command, line: str, code: int, *messages: str) -> None:
    """The command fails with this code, says all of this, and prints no data."""
    done = command(*line.split())

    assert (done.code, done.out) == (code, ""), done
    assert all(message in done.err for message in messages), done.err
    assert done.err.startswith("error: ")


READING = ["status", "check", "account", "history", "preview customer_trusted", "account --why a@b"]


@pytest.mark.parametrize("line", READING)
def test_reading_needs_a_lake(line: str, command: Command) -> None:
    failed(command, line, 1, "lake: there is no lake", "stedi init")


def test_a_folder_of_something_else_is_no_lake(command: Command, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "letter.txt").write_text("Dear")

    failed(command, "status --lake docs", 1, "docs: there is no lake")
    failed(command, "init --lake docs", 2, "docs: not empty and not a lake")
    assert [path.name for path in (tmp_path / "docs").iterdir()] == ["letter.txt"]


def test_a_file_is_no_lake(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    failed(command, "status --lake file", 1, "file")
    failed(command, "init --lake file", 2, "file: not empty and not a lake")


def test_a_lake_is_made_once(command: Command, lake: Path) -> None:
    failed(command, "init", 2, "there is a lake already", "stedi.toml")
    failed(command, "demo", 2, "there is a lake already", "another --lake")


def test_a_lake_of_another_version(command: Command, lake: Path) -> None:
    policy = lake / "stedi.toml"
    policy.write_text(policy.read_text().replace("format = 1", "format = 99"))

    failed(command, "run", 1, "stedi.toml", "format 99", "use the version of stedi that made")


def test_a_policy_that_is_none(command: Command, lake: Path) -> None:
    policy = lake / "stedi.toml"
    policy.write_text(policy.read_text().replace('"since"', '"maybe"'))
    failed(command, "status", 1, "stedi.toml", "'maybe'", "since, any")

    policy.write_text("consent = [")
    failed(command, "status", 1, "stedi.toml", "not valid TOML")


@pytest.mark.parametrize("line", ["run", "check", "account --why a@b"])
def test_a_missing_key(line: str, command: Command, lake: Path) -> None:
    (lake / "pseudonym.key").unlink()

    failed(command, line, 1, "pseudonym.key", "restore it from a backup", "STEDI_PSEUDONYM_KEY")


def test_a_short_key(command: Command, lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEDI_PSEUDONYM_KEY", "guessable")

    failed(command, "run", 2, "STEDI_PSEUDONYM_KEY has 9 characters; use 16 or more")


@pytest.mark.parametrize("key", ["", "\n", "cut short"])
def test_a_key_file_that_is_cut_short(key: str, command: Command, lake: Path) -> None:
    (lake / "pseudonym.key").write_text(key)

    failed(command, "run", 1, "pseudonym.key", "restore it from a backup")


def test_a_memory_that_is_no_size(command: Command, lake: Path) -> None:
    policy = lake / "stedi.toml"
    policy.write_text(policy.read_text().replace("1200MB", "lots"))

    failed(command, "run", 1, "stedi.toml", "lots")


@pytest.mark.parametrize("line", ["status", "run", "history", "preview customer_trusted"])
def test_a_catalog_that_is_none(line: str, command: Command, lake: Path) -> None:
    (lake / "catalog.db").write_text("this is no database" * 500)

    failed(command, line, 1, "catalog.db", "check that the file is whole")


def test_a_damaged_catalog(command: Command, lake: Path) -> None:
    assert command("run").code == 0
    pages = bytearray((lake / "catalog.db").read_bytes())
    pages[100:5000] = b"x" * 4900
    (lake / "catalog.db").write_bytes(pages)

    failed(command, "status", 1, "catalog.db", "malformed")


def test_a_lost_catalog(command: Command, lake: Path) -> None:
    assert command("run").code == 0
    (lake / "catalog.db").unlink()

    failed(command, "status", 1, "catalog.db")


def test_lost_metadata(command: Command, lake: Path) -> None:
    assert command("run").code == 0
    (lake / "warehouse").rename(lake / "elsewhere")

    failed(command, "status", 1, "its metadata is missing", "move it back")


def test_a_run_at_work(command: Command, lake: Path) -> None:
    handle = os.open(lake / "lock", os.O_RDWR | os.O_CREAT)
    os.write(handle, b"4711")
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        failed(command, "run", 1, "another run (process 4711)", "--wait SECONDS")
        assert command("status").code == 0
    finally:
        os.close(handle)


def test_a_table_still_empty(command: Command, lake: Path) -> None:
    failed(command, "preview machine_learning_curated", 2, "is still empty", "stedi run")
    failed(command, "preview nope", 2, "there is no table 'nope'", "trusted.customer_trusted")


# ---------------------------------------------------------------- what is to be landed


def test_a_folder_without_feeds(command: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "full" / "pictures").mkdir(parents=True)
    missing = "no folder named accelerometer, customer, step_trainer"

    failed(command, "run --landing empty", 2, f"empty: {missing}", "the folder above them")
    failed(command, "run --landing full", 2, f"full: {missing}")


def test_a_file_where_the_feeds_should_be(command: Command, tmp_path: Path) -> None:
    (tmp_path / "feed.json").write_text("{}")

    failed(command, "run --landing feed.json", 2, "feed.json: not a folder")


def test_a_wrong_folder_leaves_an_existing_lake_alone(command: Command, lake: Path) -> None:
    failed(command, "run --landing nowhere", 2, "nowhere: no such folder")
