"""stedi init, stedi run."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from stedi.api import Lake, create_lake, open_lake, open_to_land
from stedi.cli.options import (
    ConsentOption,
    EngineName,
    EngineOption,
    LakePath,
    PolicyFile,
    lake_path,
)
from stedi.cli.output import counted, reasons, redraw, say, show
from stedi.errors import UsageError
from stedi.lake.home import is_lake

if TYPE_CHECKING:
    from stedi.landing.land import FeedCount
    from stedi.landing.progress import Progress
    from stedi.outcome import RunResult, Watch
    from stedi.plan import Step


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(init)
    app.command()(run)


def init(
    ctx: typer.Context,
    lake: LakePath = None,
    consent: ConsentOption = None,
    policy: PolicyFile = None,
) -> None:
    """Make an empty lake (`run` does it too)."""
    path = lake_path(ctx, lake)
    if is_lake(path):
        raise UsageError(f"{path}: there is a lake already; its policy is in {path / 'stedi.toml'}")
    made = create_lake(path, consent.value if consent else None, policy=policy)
    say(f"made a lake at {made.home.root}; next: stedi run --lake {path} --landing DIR")


def run(
    ctx: typer.Context,
    landing: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Folder above customer, accelerometer, step_trainer."),
    ] = None,
    lake: LakePath = None,
    engine: EngineOption = EngineName.duckdb,
    consent: ConsentOption = None,
    policy: PolicyFile = None,
    wait: Annotated[float, typer.Option(metavar="SECONDS", help="Wait for another run.")] = 0,
    full: Annotated[bool, typer.Option("--full", help="Make every table anew.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what it would do, and why.")
    ] = False,
) -> None:
    """Land what is new, refresh what it changes.

    Only the days and people that it touches are made anew. Without --landing nothing is landed;
    tables are refreshed if a query or the policy changed.
    """
    wanted = consent.value if consent else None
    if dry_run:
        with open_lake(lake_path(ctx, lake), engine.value) as opened:
            return foretell(opened.plan(landing, wanted, full))
    with open_to_land(lake_path(ctx, lake), landing, wanted, engine.value, policy) as opened:
        started = time.monotonic()
        result = opened.run(landing, Talk().watch, wait, wanted, full=full)
        summarise(opened, result, time.monotonic() - started)


class Talk:
    """Progress on stderr: one line rewritten on a terminal, a line a step elsewhere."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._started = time.monotonic()
        self._spoken = self._started

    @property
    def watch(self) -> Watch:
        """This talk, for a run to report to."""
        from stedi.outcome import Watch

        return Watch(self._landing, self._refreshed, lambda text: say(f"note: {text}"))

    def _refreshed(self, table: str, rows: int) -> None:
        self._line(f"{table:34} {rows:>12,} rows", last=True)

    def _landing(self, step: Progress) -> None:
        now = time.monotonic()
        done = step.bytes >= step.of_bytes
        if done or now - self._spoken > (0.1 if self._live else 5):
            self._spoken = now
            self._line(_far(step, now - self._started), last=done)

    def _line(self, text: str, last: bool) -> None:
        if self._live:
            redraw(text, last)
        else:
            say(text)


def _far(step: Progress, seconds: float) -> str:
    rate = step.rows / max(seconds, 1e-3)
    text = f"landing {step.files:,} files, {step.rows:,} lines, {rate:,.0f}/s"
    if 0 < step.bytes < step.of_bytes:
        left = seconds * (step.of_bytes - step.bytes) / step.bytes
        text += f", {step.bytes / step.of_bytes:.0%}, {left:.0f} s left"
    return text


def foretell(steps: list[Step]) -> None:
    """What a run would do, on stdout."""
    if not steps:
        say("nothing new, nothing changed: a run would do nothing")
    for step in steps:
        show(f"{step.action} {step.what}: {step.why}")


def summarise(lake: Lake, result: RunResult, seconds: float) -> None:
    """What the run did, in a few lines on stderr."""
    for feed, count in result.landed.items():
        if count.files:
            say(
                f"landed {feed}: {counted(count.landed, 'line')} from "
                f"{counted(count.files, 'file')}{_detail(count)}"
            )
    for refreshed in result.refreshed:
        account = refreshed.account
        left = f"; left out: {reasons(account.excluded)}" if account.excluded else ""
        say(f"{account.table}: {account.rows_out:,} of {account.rows_in:,} rows{left}")
        say(f"  judged {account.scope}")
        for warning in refreshed.warnings:
            say(f"  warning: {warning.check.name}: {warning.example}")
    if result.ignored:
        say(
            f"left alone {len(result.ignored)} files that are not JSON, such as {result.ignored[0]}"
        )
    verdict = "done" if result.changed else "nothing new, nothing changed"
    say(f"{verdict} in {seconds:.2f} s; lake: {lake.home.root}")


def _detail(count: FeedCount) -> str:
    text = ""
    if count.quarantined:
        text += f", {count.quarantined:,} quarantined"
    if count.forgotten:
        text += f", {count.forgotten:,} kept out: forgotten people"
    if count.replaced:
        text += f", {count.replaced:,} files replaced"
    if count.columns:
        text += f", new columns {', '.join(dict.fromkeys(count.columns))}"
    return text
