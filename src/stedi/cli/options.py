"""Options that commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from stedi.api import Lake, open_lake
from stedi.cli.output import Format
from stedi.places import Place, place

LakePath = Annotated[
    str | None,
    typer.Option(
        "--lake",
        metavar="PATH",
        help="The lake's folder, or s3://bucket/folder.  [default: $STEDI_LAKE or ./lake]",
    ),
]
PolicyFile = Annotated[
    str | None,
    typer.Option(
        "--policy", metavar="FILE", help="The stedi.toml to begin with, if the lake is made now."
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


def lake_path(ctx: typer.Context, given: str | None) -> Place:
    """Where the lake is: after the command, before it, STEDI_LAKE, ./lake."""
    return place(given or ctx.obj or "lake")


def open_at(ctx: typer.Context, given: str | None) -> Lake:
    """The existing lake that a command works on."""
    return open_lake(lake_path(ctx, given))
