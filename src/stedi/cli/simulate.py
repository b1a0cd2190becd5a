"""stedi simulate."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from stedi.cli.output import redraw, say


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(simulate)


def simulate(
    out: Annotated[Path, typer.Option(metavar="DIR", help="A new or empty folder.")],
    people: Annotated[int | None, typer.Option(help="Customers.  [default: 20]")] = None,
    readings: Annotated[
        int | None, typer.Option(help="Readings in all; the number of people follows.")
    ] = None,
    days: Annotated[int, typer.Option(help="Days with readings.")] = 2,
    minutes: Annotated[float, typer.Option(help="Minutes a person and day.")] = 5.0,
    rate: Annotated[float, typer.Option(help="Instants a second (Hz).")] = 20.0,
    seed: Annotated[int, typer.Option(help="The same seed makes the same bytes.")] = 7,
    dirty: Annotated[float, typer.Option(help="Share of malformed lines, 0 to 1.")] = 0.0,
    compress: Annotated[bool, typer.Option(help="Deliver some files as .gz.")] = False,
) -> None:
    """Make feeds of a plausible STEDI, with their truth beside them."""
    from stedi.simulate import simulate as make

    started = time.monotonic()
    made = make(
        out,
        people=people,
        readings=readings,
        days=days,
        minutes=minutes,
        rate=rate,
        seed=seed,
        dirty=dirty,
        compress=compress,
        progress=_progress if sys.stderr.isatty() else None,
    )
    say(
        f"simulated {made.readings:,} readings of {made.people:,} people in "
        f"{time.monotonic() - started:.1f} s; next: stedi run --landing {out}"
    )


def _progress(done: int, total: int) -> None:
    redraw(f"simulating {done:,} of {total:,} readings", last=done >= total)
