"""`stedi subject`: a report to read, a copy to take away, and messages that help."""

from __future__ import annotations

import errno
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

import stedi
from cli.commands import Command
from helpers import deliver, line, record

ISO_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
KEYS = ["format", "made", "person", "subject_id", "emails", "names", "phones", "devices"]
KEYS += ["consent", "looked_in", "tables", "not_used", "shared_device_readings"]
KEYS += ["delivered_files", "retention", "rows"]


@pytest.fixture(scope="session")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with one person whose name steers terminals, and one more on the same device."""
    folder = tmp_path_factory.mktemp("asked")
    ada = record("customer", email="Ada@test.com", customerName="Ada \x1b[2J\u202eByron")
    deliver(folder / "in", "customer", "1.json", [ada, record("customer", email="bob@test.com")])
    readings = [record("accelerometer"), line("accelerometer", "z")]
    deliver(folder / "in", "accelerometer", "1.json", readings)
    deliver(folder / "in", "step_trainer", "1.json", [record("step_trainer")])
    with stedi.create(folder / "lake") as lake:
        lake.run(folder / "in")
    return folder / "lake"


WRONG: dict[str, tuple[str, str]] = {
    "nobody named": ("show", "Missing argument"),
    "an unknown format": ("show ada@test.com --format csv", "'table', 'json'"),
    "no address": ("show ada", "'ada' is no e-mail address; give one such as ada@test.com"),
    "two addresses": ("show ada@test.com bob@test.com", "bob@test.com"),
    "a copy that is no JSON": ("show ada@test.com --out a.csv", "must end in .json"),
    "a copy in no folder": ("show ada@test.com --out no/a.json", "no: no such folder"),
    "a copy over a folder": ("show ada@test.com --out d.json", "d.json: a folder"),
}


@pytest.mark.parametrize("why", WRONG)
def test_wrong_usage(command: Command, asked: Path, tmp_path: Path, why: str) -> None:
    arguments, message = WRONG[why]
    (tmp_path / "d.json").mkdir()
    done = command("--lake", asked, "subject", *arguments.split())

    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert list(tmp_path.iterdir()) == [tmp_path / "d.json"]


def test_blank_address(command: Command, asked: Path) -> None:
    done = command("--lake", asked, "subject", "show", "  ")

    assert (done.code, done.out) == (2, "")
    assert "an empty address belongs to nobody" in done.err


def test_no_lake(command: Command) -> None:
    done = command("subject", "show", "ada@test.com")

    assert (done.code, done.out) == (1, "")
    assert "there is no lake" in done.err


def test_stranger(command: Command, asked: Path) -> None:
    done = command("subject", "show", "nobody@test.com", "--lake", asked)

    assert done.code == 0
    assert "Nothing is held about nobody@test.com. Looked in:" in done.out
    assert "landing.quarantine" in done.out
    assert "curated.machine_learning_curated" in done.out
    assert done.err == "nothing is held about nobody@test.com\n"


def test_full_disk_leaves_nothing_behind(
    command: Command, asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    (tmp_path / "ada.json").write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    done = command("subject", "show", "ada@test.com", "--lake", asked, "--out", "ada.json")

    assert (done.code, done.out) == (1, "")
    assert "ada.json: no space left on the device" in done.err
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]


def test_report_names_everything_and_steers_no_terminal(command: Command, asked: Path) -> None:
    done = command("subject", "show", " ADA@test.com ", "--lake", asked)

    assert (done.code, done.err) == (0, "")
    for heading in (
        "Held about ada@test.com, subject_id ",
        "Who",
        "Consent",
        "Rows",
        "Why rows are not used",
        "1 reading in landing.step_trainer_landing of a device that others claim, too:",
        "Delivered files",
        "Lines not landed",
        "How long it is kept",
    ):
        assert re.search(rf"^{heading}", done.out, re.MULTILINE), heading
    assert re.search(r"^device .* claimed by others, too$", done.out, re.MULTILINE)
    assert re.search(r"^landing.accelerometer_landing +1 ", done.out, re.MULTILINE)
    assert re.search(r"1\.json +2 +required field missing or null: z$", done.out, re.MULTILINE)
    assert r"Ada \x1b[2J\x202eByron" in done.out
    assert not re.search("[\x00-\x09\x0b-\x1f\u202a-\u202e]", done.out)


def test_copy_is_one_object_of_known_keys(command: Command, asked: Path) -> None:
    done = command("subject", "show", "ada@test.com", "--lake", asked, "--format", "json")
    copy: dict[str, Any] = json.loads(done.out)

    assert (done.code, done.err) == (0, "")
    assert list(copy) == KEYS
    assert "\u202e" not in done.out
    assert [one["value"] for one in copy["names"]] == ["Ada \x1b[2J\u202eByron"]
    (reading,) = copy["rows"]["landing.accelerometer_landing"]
    assert reading["timestamp"] == "2026-02-02T02:40:00Z"
    assert ISO_UTC.fullmatch(copy["made"])
    for table in copy["tables"]:
        assert all(ISO_UTC.fullmatch(table[key] or copy["made"]) for key in ("first", "since"))
        rows = copy["rows"][table["table"]]
        assert table["rows"] == len(rows)
        assert all(row.keys() >= table["columns"].keys() for row in rows)


def test_copy_in_a_file_is_the_same_and_its_owners_alone(
    command: Command, asked: Path, tmp_path: Path
) -> None:
    who = ("subject", "show", "ada@test.com", "--lake", asked)
    done = command(*who, "--out", "ada.json")
    shown = json.loads(command(*who, "--format", "json").out)
    written = json.loads((tmp_path / "ada.json").read_text())

    assert (done.code, done.out) == (0, "")
    assert re.search(r"^wrote \d+ rows to ada.json; ", done.err)
    assert (tmp_path / "ada.json").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["ada.json"]
    assert written | {"made": ""} == shown | {"made": ""}
