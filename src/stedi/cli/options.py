"""Options that commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from stedi.api import Lake, open_lake
from stedi.cli.output import Format

LakePath = Annotated[
    Path | None,
    typer.Option(
        "--lake", metavar="PATH", help="The lake's folder.  [default: $STEDI_LAKE or ./lake]"
    ),
]
Form = Annotated[Format, typer.Option("--format", help="How to print rows on stdout.")]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of", metavar="TIME|SNAPSHOT", help="Read the past: a UTC time or a snapshot."
    ),
]


class Consent(StrEnum):
    """Which readings of people who consent to research are used."""

    since = "since"
    any = "any"


class EngineName(StrEnum):
    """Where the work is done."""

    duckdb = "duckdb"
    spark = "spark"


ConsentOption = Annotated[
    Consent | None,
    typer.Option("--consent", help="Readings since the consent, or any of people who consent."),
]
EngineOption = Annotated[EngineName, typer.Option("--engine", help="Where the work is done.")]


def lake_path(ctx: typer.Context, given: Path | None) -> Path:
    """The lake's folder: after the command, before it, STEDI_LAKE, ./lake."""
    return given or ctx.obj or Path("lake")


def open_at(ctx: typer.Context, given: Path | None) -> Lake:
    """The existing lake that a command works on."""
    return open_lake(lake_path(ctx, given))
