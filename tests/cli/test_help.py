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


def _below(group: Any, prefix: str = "") -> dict[str, Any]:
    """Every command by its name (`subject show`), groups too."""
    found = {}
    for name, entry in getattr(group, "commands", {}).items():
        found |= {prefix + name: entry} | _below(entry, f"{prefix}{name} ")
    return found


COMMANDS = _below(typer.main.get_command(app))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does(name: str, command: Command) -> None:
    entry = COMMANDS[name]
    done = command(*name.split(), "--help")

    assert (done.code, done.err) == (0, "")
    assert re.match(r"[A-Z].*[.)]$", entry.help.partition("\n")[0])
    assert re.search(rf"^ *Usage: .*\b{name} ", done.out, re.M)
    for parameter in entry.params:
        assert parameter.help, f"{name}: {parameter.name} has no help"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_documented(name: str) -> None:
    found = re.search(rf"^## {name}\n\n```text\n(.*?)```", PAGE.read_text(), re.S | re.M)

    assert found, f"docs/cli.md has no section {name}: run `make docs`"
    for parameter in COMMANDS[name].params:
        positional = parameter.param_type_name == "argument" and parameter.metavar
        for shown in [parameter.metavar] if positional else parameter.opts:
            assert shown in found[1]


def test_commands_of_a_group_are_among_them() -> None:
    assert {"subject", "subject show", "subject forget"} <= COMMANDS.keys()


@pytest.mark.parametrize("group", ["", "subject"])
def test_no_command_shows_the_list(group: str, command: Command) -> None:
    done = command(*group.split())
    listed = [name.removeprefix(group).strip() for name in COMMANDS if name.startswith(group)]
    names = [name for name in listed if name and " " not in name]

    assert done.code in (0, 2)
    assert names
    assert all(re.search(rf"^  {name} ", done.out + done.err, re.M) for name in names)
