"""stedi report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stedi.cli.options import LakePath, lake_path
from stedi.cli.output import say
from stedi.cli.serve import RoleName


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(report)


def report(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Write to an .html file.")],
    lake: LakePath = None,
    role: Annotated[RoleName, typer.Option(help="Whose view of the lake it shows.")] = (
        RoleName.engineer
    ),
) -> None:
    """The console's pages as one HTML file: flow, account, checks, tables, runs, queries.

    It needs nothing else to be read or printed, and holds no value that identifies people.
    """
    from stedi.console import report as reports
    from stedi.contract.roles import find_role

    path = reports.writable_path(out)
    text = reports.report(lake_path(ctx, lake), find_role(role.value))
    reports.write(text, path)
    say(f"wrote the report of the role {role.value} to {path} ({len(text.encode()):,} bytes)")
