"""stedi demo."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from stedi.api import Lake, create_lake
from stedi.cli.options import LakePath, lake_path
from stedi.cli.output import Format, emit, say, show
from stedi.cli.prove import account_rows
from stedi.cli.runs import Talk, summarise
from stedi.errors import UsageError
from stedi.lake.home import is_lake
from stedi.places import Place

PEOPLE, DAYS, DIRTY = 40, 3, 0.001


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(demo)


def demo(
    ctx: typer.Context,
    lake: LakePath = None,
    people: Annotated[int, typer.Option(help="Customers to simulate.")] = PEOPLE,
) -> None:
    """Simulate, run, show what happened."""
    path = lake_path(ctx, lake)
    if is_lake(path):
        raise UsageError(
            f"{path}: there is a lake already; look at it with `stedi status --lake {path}`, "
            "or give the demo another --lake"
        )
    feeds = Path(tempfile.mkdtemp(prefix="stedi-demo-"))
    try:
        _simulate(feeds / "landing", people)
        started = time.monotonic()
        with create_lake(path) as opened:
            result = opened.run(feeds / "landing", Talk().watch)
            summarise(opened, result, time.monotonic() - started)
            _show(opened, path)
    finally:
        shutil.rmtree(feeds, ignore_errors=True)


def _simulate(out: Path, people: int) -> None:
    from stedi.simulate import simulate

    say(f"simulating {people} people over {DAYS} days, {DIRTY:.1%} of the lines malformed")
    simulate(out, people=people, days=DAYS, dirty=DIRTY)


def _show(lake: Lake, path: Place) -> None:
    show("\nEvery row accounted for: in = out + excluded\n")
    emit(account_rows(lake.account(), Format.table), Format.table, grouped=True)
    where = f"--lake {path}"
    show(f"\nThe lake is at {lake.home.root}. Try next:\n")
    show(f"  stedi preview machine_learning_curated -n 5 {where}")
    show(f"  stedi check {where}")
    show(f"  stedi serve {where}")
    show(
        f'  stedi sql "SELECT subject_id, count(*) AS readings FROM machine_learning_curated '
        f'GROUP BY 1 ORDER BY 2 DESC LIMIT 5" {where}'
    )
