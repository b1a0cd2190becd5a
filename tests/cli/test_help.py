"""Every command, argument and option says what it is for, here and in docs/cli.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from cli.commands import Command
from stedi.cli.app import app

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
COMMANDS: dict[str, Any] = dict(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does(name: str, command: Command) -> None:
    entry = COMMANDS[name]
    done = command(name, "--help")

    assert (done.code, done.err) == (0, "")
    assert re.match(r"[A-Z].*[.)]$", entry.help.partition("\n")[0])
    for parameter in entry.params:
        assert parameter.help, f"{name}: {parameter.name} has no help"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_documented(name: str) -> None:
    found = re.search(rf"^## {name}\n\n```text\n(.*?)```", PAGE.read_text(), re.S | re.M)

    assert found, f"docs/cli.md has no section {name}: run `make docs`"
    for parameter in COMMANDS[name].params:
        for option in parameter.opts:
            assert option in found[1]


def test_no_command_shows_the_list(command: Command) -> None:
    done = command()

    assert done.code in (0, 2)
    assert all(re.search(rf"^  {name} ", done.out + done.err, re.M) for name in COMMANDS)
