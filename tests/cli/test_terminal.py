"""What reaches a terminal, a pipe, a full disk: data on stdout, talk on stderr, no traceback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli.commands import STEDI, Command
from helpers import deliver, record
from stedi.simulate import Simulated

STEERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
EVIL = "\x1b]0;owned\x07\x1b[31mRed\x9b2J\u202egnp\tend"
MEASURED = (sys.executable, Path(__file__).with_name("measured.py"))
MOST_MEGABYTES = 300  # 212 without rows, 227 with two or eight million, 468 if all were kept


def open_process(*arguments: object, **more: object) -> subprocess.Popen[str]:
    command = [STEDI, *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **more)  # type: ignore[call-overload, no-any-return]


# ---------------------------------------------------------------- processes


def test_errors_are_one_message(process: Command) -> None:
    wrong = process("nonsense")
    assert (wrong.code, wrong.out) == (2, "")
    assert "No such command 'nonsense'" in wrong.err
    assert "Traceback" not in wrong.err

    missing = process("status")
    assert (missing.code, missing.out) == (1, "")
    assert len(missing.err.splitlines()) == 1


def test_a_run_and_a_query_from_outside(process: Command, feeds: Simulated, filled: Path) -> None:
    again = process("run", "--landing", feeds.out, "--lake", filled)
    assert (again.code, again.out) == (0, "")
    assert again.err.startswith("nothing new, nothing changed in ")

    query = "SELECT subject_id, timestamp FROM machine_learning_curated LIMIT 2"
    done = process("sql", query, "--format", "json", "--lake", filled)
    assert (done.code, done.err) == (0, "")
    assert len(json.loads(done.out)) == 2

    wrong = process("sql", "SELEC", "--lake", filled)
    assert (wrong.code, wrong.out) == (1, "")
    assert "Traceback" not in wrong.err
    assert "leaked" not in wrong.err


def test_a_reader_that_leaves_early(filled: Path) -> None:
    query = "SELECT i FROM range(200000) t(i)"
    writer = open_process("sql", query, "--format", "csv", "--lake", filled, stdout=subprocess.PIPE)
    assert writer.stdout
    assert writer.stdout.readline() == "i\n"
    writer.stdout.close()
    _, talk = writer.communicate()

    assert talk == ""


def test_a_reader_that_leaves_early_is_no_failure(filled: Path) -> None:
    query = "SELECT i FROM range(200000) t(i)"
    writer = open_process("sql", query, "--format", "csv", "--lake", filled, stdout=subprocess.PIPE)
    assert writer.stdout
    writer.stdout.close()
    writer.communicate()

    assert writer.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux alone has /dev/full")
def test_output_into_a_full_disk(filled: Path) -> None:
    with Path("/dev/full").open("w") as full:
        writer = open_process("status", "--lake", filled, stdout=full)
        _, talk = writer.communicate()

    assert writer.returncode == 1
    assert "Traceback" not in talk


def test_a_large_result_streams(process: Command, filled: Path) -> None:
    query = "SELECT i FROM range(2000000) t(i)"
    done = process("sql", query, "--format", "csv", "--lake", filled, program=MEASURED)

    assert done.code == 0
    assert done.out.count("\n") == 2_000_001
    assert int(done.err) / 1024 < MOST_MEGABYTES


# ---------------------------------------------------------------- text that steers terminals


@pytest.fixture
def evil(command: Command, tmp_path: Path) -> Command:
    """Commands over a lake with such text in an accepted line, a refused line and a file's name."""
    landing = tmp_path / "in"
    lines = [record("customer", customerName=EVIL, **{"no\x1bted": 1}), b"{" + EVIL.encode()]
    deliver(landing, "customer", "a.json", lines)
    deliver(landing, "customer", "b\x1b[31m.txt", [])
    return command


def test_tables_show_control_characters_as_text(evil: Command) -> None:
    evil("run", "--landing", "in")

    for table in ("customer_landing", "quarantine", "customer_trusted"):
        shown = evil("preview", table)
        assert shown.code == 0
        assert "\\x1b[31mRed" in shown.out
        assert not STEERS.search(shown.out)
    assert "\\u001b[31mRed" in evil("preview", "customer_landing", "--format", "json").out


def test_talk_shows_control_characters_as_text(evil: Command) -> None:
    landed = evil("run", "--landing", "in")
    query = "SELECT CAST(customername AS INT) FROM customer_landing"
    refused = evil("sql", query)

    assert (landed.code, refused.code) == (0, 1)
    assert ".txt" in landed.err
    assert not STEERS.search(landed.err + refused.err)


def test_output_is_utf_8_whatever_the_locale(filled: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG"))}
    environment |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    writer = open_process("status", "--lake", filled, stdout=subprocess.PIPE, env=environment)
    _, talk = writer.communicate()

    assert (writer.returncode, talk) == (0, "")
