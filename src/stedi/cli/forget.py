"""stedi subject forget."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stedi.api import Lake
from stedi.cli.options import LakePath, open_at
from stedi.cli.output import Format, counted, emit, say
from stedi.errors import CheckFailed, StediError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stedi.erasure.journal import Removed
    from stedi.subject.forget import Forgotten

MOST_SHOWN = 20
Wait = Annotated[float, typer.Option(metavar="SECONDS", help="Wait for another run.")]


def forget_subjects(
    ctx: typer.Context,
    emails: Annotated[
        list[str] | None, typer.Argument(metavar="EMAIL...", help="The people's addresses.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="A file with one address a line.")
    ] = None,
    lake: LakePath = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count what would be removed.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with one that was interrupted.")
    ] = False,
    wait: Wait = 0,
    form: Annotated[Format, typer.Option("--format", help="How the counts are printed.")] = (
        Format.table
    ),
) -> None:
    """Remove people from delivered files and every table, then prove that nothing is left.

    What they deliver later is kept out. It cannot be undone; exports and backups are not reached.
    """
    people = [*(emails or []), *(_listed(file) if file else [])]
    if resume and (people or dry_run):
        raise UsageError("--resume goes on with the people it was begun for; give it alone")
    if not (people or resume):
        raise UsageError("give the addresses of the people to forget, or --resume")
    with open_at(ctx, lake) as opened:
        if dry_run:
            return _table(opened.foresee_forgetting(people, say), form)
        if not yes and not resume:
            _ask(opened, people)
        _forget(opened, people, resume, wait, form)


def _listed(file: Path) -> list[str]:
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file}: not UTF-8 text; save it as that") from None
    found = [line.strip() for line in lines if line.strip()]
    if not found:
        raise UsageError(f"{file}: no address in it; write one a line")
    return found


def _ask(opened: Lake, people: list[str]) -> None:
    """Show what would go and have it confirmed; without a terminal there is nobody to ask."""
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on; look with --dry-run, then give --yes")
    found = opened.foresee_forgetting(people, say)
    for place, gone in found.items():
        say(f"  {place}: {counted(gone.rows, 'line' if gone.bytes else 'row')}")
    number = counted(len(set(people)), "person").replace("persons", "people")
    typer.echo(f"Forget {number}? This cannot be undone. [y/N]: ", nl=False, err=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise StediError("not confirmed, so nothing was forgotten")


def _forget(opened: Lake, people: list[str], resume: bool, wait: float, form: Format) -> None:
    started = time.monotonic()
    done = opened.forget(people, say, resume, wait)
    _table(done.removed, form)
    proof = done.proof
    searched = f"{counted(proof.files, 'file')} and {proof.bytes_searched:,} bytes searched"
    if not done.proved:
        raise CheckFailed(_left(done, searched))
    seconds = time.monotonic() - started
    say(f"forgotten: {done.people}; {searched}, nothing found; {seconds:.1f} s")
    say(f"certificate {done.erasure} is in ops.erasures")


def _left(done: Forgotten, searched: str) -> str:
    places = [f"  {one.path}: {one.where} ({one.kind})" for one in done.proof.findings]
    more = f"\n  and {len(places) - MOST_SHOWN} more" if len(places) > MOST_SHOWN else ""
    return (
        f"{searched}; something was found or could not be read, so there is no certificate:\n"
        + "\n".join(places[:MOST_SHOWN])
        + more
        + "\nremove files that are not the lake's own; if a record of somebody else mentions them, "
        "deliver its file again without that and run `stedi run`; never touch a table's files. "
        "Then: stedi subject forget --resume"
    )


def _table(found: Mapping[str, Removed], form: Format) -> None:
    rows = [
        {"place": place, "files": gone.files, "rows": gone.rows, "bytes": gone.bytes}
        for place, gone in found.items()
    ]
    emit(rows, form, ["place", "files", "rows", "bytes"])
