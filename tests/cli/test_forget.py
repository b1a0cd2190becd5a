"""`stedi subject forget`: asks first, says what went, tells nobody who it was."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from behaviour.forgetting import ADAS, FEW, World, bytes_of, told
from cli.commands import Command

FORGET = ("subject", "forget")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("cli"), FEW).build()


@pytest.fixture
def world(built: World) -> World:
    """Ada and Bob, landed, to be changed."""
    return built.restore()


@pytest.fixture
def untouched(built: World) -> Iterator[World]:
    """The same; not a byte may change."""
    built.restore()
    before = bytes_of(built.lake, built.landing)
    yield built
    assert bytes_of(built.lake, built.landing) == before


WRONG: dict[str, tuple[str, str]] = {
    "nobody": ("--yes", "give the addresses of the people to forget"),
    "somebody, and resume": ("ada@test.com --resume", "give it alone"),
    "nothing to resume": ("--resume", "there is nothing to resume"),
    "no terminal": ("ada@test.com", "there is no terminal to ask on"),
    "no address": ("ada --yes", "'ada' is no e-mail address; give one such as ada@test.com"),
    "no address in a file": ("--file bad.txt --yes", "'bob' is no e-mail address"),
    "an empty file": ("--file empty.txt --yes", "empty.txt: no address in it"),
    "no such file": ("--file none.txt --yes", "none.txt: cannot be read"),
    "a folder": ("--file . --yes", "cannot be read (Is a directory)"),
    "a binary file": ("--file binary.txt --yes", "binary.txt: not UTF-8 text"),
    "an unknown format": ("ada@test.com --yes --format xml", "xml"),
}


@pytest.mark.parametrize("why", WRONG)
def test_wrong_usage(
    command: Command,
    untouched: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    why: str,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    (tmp_path / "bad.txt").write_text("ada@test.com\nbob\n")
    (tmp_path / "empty.txt").write_text("\n \r\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe")
    arguments, message = WRONG[why]
    done = command("--lake", untouched.lake, *FORGET, *arguments.split())

    assert (done.code, done.out) == (2, "")
    assert message in " ".join(re.sub("[│\n]", " ", done.err).split())
    assert "Traceback" not in done.err


def test_a_blank_address(command: Command, untouched: World) -> None:
    done = command("--lake", untouched.lake, *FORGET, " ", "--yes")

    assert (done.code, done.out) == (2, "")
    assert "an empty address belongs to nobody" in done.err


def test_a_file_that_cannot_be_rewritten_is_named(command: Command, world: World) -> None:
    file = world.landing / "accelerometer" / "1.json"
    file.with_name("other").hardlink_to(file)
    before = bytes_of(world.lake, world.landing)
    for choice in ("--yes", "--dry-run"):
        done = command("--lake", world.lake, *FORGET, "ada@test.com", choice)

        assert (done.code, done.out) == (1, "")
        assert f"{file}: the file has another name" in done.err
    assert bytes_of(world.lake, world.landing) == before


@pytest.fixture
def typing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], object]]:
    """A terminal on stdin at which somebody types what the returned function is given."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        yield lambda text: os.write(ours, text.encode())
    os.close(ours)


@pytest.mark.parametrize("answer", ["n\n", "\n", "\x04"])
def test_without_a_yes_nothing_is_forgotten(
    command: Command, untouched: World, typing: Callable[[str], object], answer: str
) -> None:
    typing(answer)
    done = command("--lake", untouched.lake, *FORGET, "ada@test.com")

    assert (done.code, done.out) == (1, "")
    assert "delivered accelerometer files: 4 lines" in done.err
    assert "landing.customer_landing: 1 row" in done.err
    assert "Forget 1 person? This cannot be undone." in done.err
    assert "not confirmed, so nothing was forgotten" in done.err


def test_a_dry_run_counts_and_changes_nothing(command: Command, untouched: World) -> None:
    who = ("--lake", untouched.lake, *FORGET, " Ada@Test.COM", "--dry-run", "--format", "json")
    done = command(*who)
    counts = {row["place"]: row["rows"] for row in json.loads(done.out)}

    assert (done.code, done.err) == (0, "")
    assert counts["delivered accelerometer files"] == 4
    assert counts["delivered step_trainer files"] == 2
    assert counts["landing.accelerometer_landing"] == 3
    assert counts["landing.quarantine"] == 1


def test_people_in_a_file_are_forgotten_and_nobody_is_told_who(
    command: Command, world: World, tmp_path: Path, typing: Callable[[str], object]
) -> None:
    people = tmp_path / "people.txt"
    people.write_bytes(b"\xef\xbb\xbfada@test.com\r\n\r\n  ADA@test.com ")
    typing("y\n")
    done = command("--lake", world.lake, *FORGET, "--file", people, "--format", "json")
    removed = {row["place"]: row for row in json.loads(done.out)}

    assert done.code == 0, done.err
    assert re.search(r"^forgotten: 1; .* searched, nothing found", done.err, re.MULTILINE)
    assert told((done.out + done.err).lower().encode(), ADAS) == []
    assert removed["curated.machine_learning_curated"]["rows"] == 2
    assert world.delivered() == world.without("ada")

    query = "SELECT step, sum(rows) AS n FROM erasures GROUP BY 1 ORDER BY 1"
    shown = command("--lake", world.lake, "sql", query, "--format", "json")
    assert json.loads(shown.out)[1] == {"step": "searched", "n": 0}
    assert command("--lake", world.lake, "check").code == 0


def test_a_mistyped_address_stops_it_for_all(command: Command, world: World) -> None:
    before = world.delivered()
    done = command("--lake", world.lake, *FORGET, "ada@test.com", "aad@test.com", "--yes")
    assert done.code == 2
    assert "nothing is held about aad@test.com, so nothing was done for anybody" in done.err
    assert world.delivered() == before


def test_what_is_left_is_named_until_it_is_proved(command: Command, world: World) -> None:
    stray = world.lake / "notes about ada@test.com.txt"
    stray.write_text("call ada@test.com")
    done = command("--lake", world.lake, *FORGET, "ada@test.com", "--yes")

    assert done.code == 1
    assert "notes about [email].txt: file name (email)" in done.err
    assert "notes about [email].txt: text" in done.err
    assert "Then: stedi subject forget --resume" in done.err
    assert told((done.out + done.err).lower().encode(), ADAS) == []
    other = command("--lake", world.lake, *FORGET, "bob@test.com", "--yes")
    assert (other.code, other.out) == (2, "")
    assert "finish it first: stedi subject forget --resume" in other.err

    stray.unlink()
    done = command("--lake", world.lake, *FORGET, "--resume")
    assert done.code == 0, done.err
    assert "nothing found" in done.err


def test_a_run_is_refused_until_it_is_finished(
    command: Command, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("stedi.subject.forget.certificate.keep_out", stop)
    assert command("--lake", world.lake, *FORGET, "ada@test.com", "--yes").code == 130
    done = command("run", "--lake", world.lake, "--landing", world.landing, "--full")

    assert (done.code, done.out) == (1, "")
    assert "finish it first: stedi subject forget --resume" in done.err
