"""stedi job."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from stedi.api import open_lake, open_to_land
from stedi.cli.options import (
    ConsentOption,
    EngineName,
    EngineOption,
    Form,
    LakePath,
    PolicyFile,
    lake_path,
)
from stedi.cli.output import Format, counted, emit, say
from stedi.cli.runs import Talk, summarise
from stedi.jobs import find_job, jobs, write_scripts


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(job)


def job(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(help="A job; without it, all are listed.")] = None,
    landing: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Of job landing: where the feeds' folders are."),
    ] = None,
    lake: LakePath = None,
    engine: EngineOption = EngineName.duckdb,
    consent: ConsentOption = None,
    policy: PolicyFile = None,
    wait: Annotated[float, typer.Option(metavar="SECONDS", help="Wait for another run.")] = 0,
    full: Annotated[bool, typer.Option("--full", help="Make the table anew.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="List all jobs, in order.")] = False,
    scripts: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the scripts of the AWS Glue jobs.")
    ] = None,
    form: Form = Format.table,
) -> None:
    """Do one part of a run: land files, or refresh one table.

    The table is made from the others as they are published. All jobs in their order do what
    `run` does.
    """
    if scripts is not None:
        return _write(scripts)
    if name is None or listed:
        return emit(_rows(), form)
    wanted = consent.value if consent else None
    path = lake_path(ctx, lake)
    chosen = find_job(name)
    chosen.refuse(landing, full)
    opener = open_lake(path, engine.value) if chosen.table else None
    with opener or open_to_land(path, landing, wanted, engine.value, policy) as opened:
        started = time.monotonic()
        result = opened.job(name, landing, Talk().watch, wait, wanted, full)
        summarise(opened, result, time.monotonic() - started)


def _rows() -> Iterator[dict[str, str]]:
    for entry in jobs():
        yield {
            "job": entry.name,
            "also": ", ".join(entry.also),
            "reads": ", ".join(entry.reads),
            "writes": ", ".join(entry.writes),
        }


def _write(folder: Path) -> None:
    written = write_scripts(folder)
    say(f"wrote {counted(len(written), 'script')} to {folder}; docs/jobs.md tells how to use them")
