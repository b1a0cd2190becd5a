"""What the generated pages hold, made from the code; cog calls it (`make docs`)."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import typer.main

from stedi.cli.app import app
from stedi.contract import Check, Column, Table, load_tables
from stedi.contract.roles import Role, load_roles

WIDTH = 80
ZONES = {
    "landing": "Well-formed records as delivered, and apart from them the lines that are not.",
    "trusted": "What consent allows.",
    "curated": "What data scientists read.",
    "ops": "What the lakehouse knows about its own work.",
}
PERSONS = {
    "email": "the person whose e-mail address is in {}",
    "device": "the person whose device has the serial number in {}",
    "pseudonym": "the person whose pseudonym is in {}",
    "text": "whoever the text in {} names",
}

# `STEDI_DEMO=1 make docs` runs these anew, in this order; otherwise the pages keep what they show.
ANEW = "STEDI_DEMO"
DEMO = (
    "stedi demo",
    "stedi check",
    "stedi account --why {person}",
    "stedi subject forget {person} --dry-run",
)
PERSON = "SELECT min(email) AS email FROM customers_curated"


# ---------------------------------------------------------------- docs/cli.md


def commands() -> Iterator[tuple[str, str]]:
    """Every command with its help as the terminal shows it, after the program itself."""
    group = typer.main.get_command(app)
    yield "stedi", typer.Context(group, info_name="stedi", terminal_width=WIDTH).get_help()
    for name, context in contexts():
        yield name, context.get_help()


def contexts() -> Iterator[tuple[str, typer.Context]]:
    """Every command by its name (`subject show`), each group before the commands in it."""
    group = typer.main.get_command(app)
    yield from _below(typer.Context(group, info_name="stedi", terminal_width=WIDTH), "")


def _below(above: typer.Context, prefix: str) -> Iterator[tuple[str, typer.Context]]:
    for name, command in getattr(above.command, "commands", {}).items():
        context = typer.Context(command, info_name=name, parent=above, terminal_width=WIDTH)
        yield prefix + name, context
        yield from _below(context, f"{prefix}{name} ")


def cli() -> str:
    """The command-line reference."""
    return "\n".join(f"## {name}\n\n```text\n{text.strip()}\n```\n" for name, text in commands())


# ---------------------------------------------------------------- docs/tables.md


def tables() -> str:
    """The pages of all tables, zone by zone."""
    found = load_tables().values()
    return "\n".join(
        f"## {zone}\n\n{about}\n\n" + "\n".join(_table(t) for t in found if t.zone == zone)
        for zone, about in ZONES.items()
    )


def table_list() -> str:
    """All tables with their grain, for the README."""
    rows = [("table", "one row is", "what it holds")]
    rows += [(f"`{t.full_name}`", t.grain, t.description) for t in load_tables().values()]
    return _grid(rows)


def _table(table: Table) -> str:
    return (
        f"### {table.full_name}\n\n{table.description}\n\n"
        + "".join(f"- {name}: {text}\n" for name, text in _facts(table) if text)
        + "\n"
        + _grid([("column", "type", "personal", "unit", "description"), *_columns(table)])
        + _checks(table)
    )


def _facts(table: Table) -> Iterator[tuple[str, str]]:
    yield "Grain", table.grain
    yield "Key", ", ".join(f"`{key}`" for key in table.keys)
    yield "Partition", f"`{table.partition}`" if table.partition else ""
    yield "Feed", f"`{table.feed}`; `field` is the feed's spelling" if table.feed else ""
    yield "Candidates", f"every row of `{table.candidates}`" if table.candidates else ""
    yield "Reads", ", ".join(f"`{source}`" for source in table.sources)
    yield "Asks only who has any", ", ".join(f"of `{name}`" for name in table.presence)
    yield "A row is about", _person(table)
    yield "Identifying columns", "never" if table.identifying == "never" else ""


def _person(table: Table) -> str:
    if not table.person:
        return ""
    return PERSONS[table.person.by].format(f"`{table.person.column}`")


def _columns(table: Table) -> Iterator[tuple[str, ...]]:
    for column in table.columns:
        yield (f"`{column.name}`", _type(column), _personal(column), column.unit,
               column.description)  # fmt: skip


def _type(column: Column) -> str:
    text = column.type
    if column.field and column.field != column.name:
        text += f", field `{column.field}`"
    return text + (", required" if column.required else "")


def _personal(column: Column) -> str:
    return "" if column.pii == "none" else column.pii


def _checks(table: Table) -> str:
    if not table.checks:
        return ""
    rows = [(check.name, _rule(check), check.severity) for check in table.checks]
    return "\n" + _grid([("check", "rule", "if it fails"), *rows])


def _rule(check: Check) -> str:
    columns = ", ".join(f"`{column}`" for column in check.columns)
    match check.kind:
        case "unique":
            return f"no two rows with the same {columns}"
        case "not_null":
            return f"{columns}: never null"
        case "range":
            return f"`{check.column}` from {check.min:,} to {check.max:,}"
        case "fresh":
            return f"newest `{check.column}` at most {check.days} days old"
        case _:
            return "a query of its own finds no row"


def _grid(rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]]) + "\n"


# ---------------------------------------------------------------- README.md


def transcript(command: str, previous: str) -> str:
    """What a terminal shows of one of DEMO; `previous` unless asked to run it anew."""
    if not os.environ.get(ANEW):
        return previous
    return f"\n```text\n{_transcripts()[command]}```\n"


@cache
def _transcripts() -> dict[str, str]:
    program = str(Path(sys.executable).with_name("stedi"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        shown = {}
        for command in DEMO:
            line = command
            if "{" in command:
                line = command.format(person=_somebody(folder / "lake"))
            done = subprocess.run(  # noqa: S603, the commands stand above
                [program, *shlex.split(line)[1:]],
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=True,
            )
            shown[command] = f"$ {line}\n{_plain(done.stdout, folder)}"
    return shown


def _somebody(lake: Path) -> str:
    import stedi

    with stedi.open(lake) as opened:
        return str(next(iter(opened.sql(PERSON)))["email"])


def _plain(text: str, folder: Path) -> str:
    """Without the progress of landing, and without the folder it happened in."""
    lines = (line.rstrip() for line in text.splitlines() if not line.startswith("landing "))
    return "\n".join(lines).replace(f"{folder}/", "").strip("\n") + "\n"


# ---------------------------------------------------------------- docs/console.md


def roles() -> str:
    """What each role sees of each table, from zones/roles.yaml."""
    found = load_roles().values()
    lines = ["\n| table | " + " | ".join(role.name for role in found) + " |"]
    lines.append("|---|" + "---|" * len(found))
    for table in load_tables().values():
        cells = (_seen(role, table) for role in found)
        lines.append(f"| {table.full_name} | " + " | ".join(cells) + " |")
    people = ", ".join(role.name for role in found if role.subjects)
    return "\n".join(lines) + f"\n\nLooking people up, exporting and forgetting them: {people}.\n"


def _seen(role: Role, table: Table) -> str:
    seen = role.columns(table)
    if not seen:
        return "not there"
    hidden = len(table.columns) - len(seen)
    return f"without {hidden} personal columns" if hidden else "all columns"
