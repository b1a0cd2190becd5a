"""stedi maintain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from stedi.cli.options import Form, LakePath, open_at
from stedi.cli.output import Format, counted, emit, say

if TYPE_CHECKING:
    from stedi.maintain import Upkeep


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(maintain)


def maintain(
    ctx: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would do, change nothing.")
    ] = False,
    if_due: Annotated[
        bool, typer.Option("--if-due", help="Only if the policy in stedi.toml says it is time.")
    ] = False,
    wait: Annotated[float, typer.Option(metavar="SECONDS", help="Wait for a run.")] = 0,
    lake: LakePath = None,
    form: Form = Format.table,
) -> None:
    """Put small files together, expire old versions, remove files that nobody names.

    How long versions are kept stands in the lake's stedi.toml under [maintain].
    """
    with open_at(ctx, lake) as opened:
        done = opened.maintain(if_due, dry_run, wait)
    if done is None:
        return say("not due yet")
    emit((vars(table) for table in done.tables), form, grouped=True)
    say(_told(done, dry_run))
    if done.left:
        say(f"left {counted(done.left, 'file')} for next time: a reader is at work")


def _told(done: Upkeep, dry_run: bool) -> str:
    total = {
        name: sum(getattr(table, name) for table in done.tables)
        for name in ("compacted", "into", "expired", "removed", "freed")
    }
    if not any(total.values()) and not done.left:
        return "nothing to do"
    return (
        f"{'would have put' if dry_run else 'put'} {counted(total['compacted'], 'small file')} "
        f"together into {total['into']:,}, expired {counted(total['expired'], 'version')}, "
        f"removed {counted(total['removed'], 'file')} of {counted(total['freed'], 'byte')}"
    )
