"""stedi subject show, stedi subject forget."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stedi.cli.forget import forget_subjects
from stedi.cli.options import LakePath, open_at
from stedi.cli.output import STDOUT, Format, counted, emit, reasons, say, show, visible

if TYPE_CHECKING:
    from stedi.subject.held import Held
    from stedi.subject.show import Holding

MOST_LISTED = 100

subject = typer.Typer(
    help="A person's rights: what is held about them, and to be forgotten.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class ReportFormat(StrEnum):
    """How an answer to a person is printed."""

    table = "table"
    json = "json"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    subject.command("show")(show_subject)
    subject.command("forget")(forget_subjects)
    app.add_typer(subject, name="subject")


def show_subject(
    ctx: typer.Context,
    email: Annotated[str, typer.Argument(help="The person's e-mail address.")],
    lake: LakePath = None,
    form: Annotated[
        ReportFormat,
        typer.Option("--format", help="A report to read, or the portable copy with every row."),
    ] = ReportFormat.table,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the portable copy to a .json file.")
    ] = None,
) -> None:
    """Everything held about one person: where, since when, and what for.

    Every zone, kept older versions and delivered files; the copy holds every row in full.
    """
    from stedi.subject.portable import portable, writable_path, write_portable

    with open_at(ctx, lake) as opened:
        if out is not None:
            writable_path(out)
        holding = opened.subject(email)
        if holding.empty:
            say(f"nothing is held about {holding.person.address}")
        if out is not None:
            write_portable(holding, out)
            rows = sum(entry.rows for entry in holding.tables)
            return say(f"wrote {counted(rows, 'row')} to {out}; it is personal, send it safely")
        if form is ReportFormat.json:
            for piece in portable(holding):
                STDOUT.write(piece)
            return None
        return _nothing(holding) if holding.empty else _report(holding)


def _nothing(holding: Holding) -> None:
    show(f"Nothing is held about {visible(holding.person.address)}. Looked in:")
    for entry in holding.tables:
        show(f"  {entry.table.full_name}")
    if holding.forgotten:
        show(
            f"The person was forgotten on {holding.forgotten:%Y-%m-%d %H:%M} UTC; a keyed "
            "fingerprint keeps them out. Delivered files may hold lines that were kept out since: "
            "stedi subject forget --dry-run counts them."
        )
    if holding.shared:
        _shared(holding)


def _report(holding: Holding) -> None:
    show(f"Held about {visible(holding.person.address)}, subject_id {holding.person.subject_id}")
    _section("Who", _who(holding))
    _section("Consent", _consent(holding))
    _section("Rows", map(_held, holding.tables))
    _section("Why rows are not used", _why(holding))
    _shared(holding)
    _section("Delivered files", [vars(file) for file in holding.delivered])
    _section("Lines not landed", _lines(holding))
    show("\nHow long it is kept")
    for sentence in _retention():
        show(f"  {sentence}")
    show("\nEvery row in full: --format json, or --out FILE.json")


def _section(title: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """A heading and its rows, the first of many; no heading without rows."""
    found = list(rows)
    if not found:
        return
    show(f"\n{title}")
    emit(found[:MOST_LISTED], Format.table, list(found[0]), grouped=True)
    if len(found) > MOST_LISTED:
        show(f"and {len(found) - MOST_LISTED:,} more, in the portable copy")


def _who(holding: Holding) -> Iterable[dict[str, Any]]:
    person = holding.person
    for email in person.emails:
        yield {"what": "e-mail", "value": email, "since": None, "last": None, "note": ""}
    named: Sequence[tuple[str, Any]] = [
        *(("name", one) for one in person.names),
        *(("phone", one) for one in person.phones),
        *(("device", one) for one in person.devices),
    ]
    for what, one in named:
        note = "claimed by others, too" if what == "device" and not one.unique else ""
        row = {"what": what, "value": one.value, "since": one.since, "last": one.last}
        yield row | {"note": note}


def _consent(holding: Holding) -> Iterable[dict[str, Any]]:
    for said in holding.consent.history:
        yield {
            "record_of": said.at,
            "research_since": said.research or "no",
            "public_since": said.public or "no",
            "friends_since": said.friends or "no",
            "file": said.file,
        }
    if holding.consent.history:
        now = {"record_of": "now", "research_since": holding.consent.research or "no"}
        policy = f"policy {holding.consent.policy}"
        yield now | {"public_since": "", "friends_since": "", "file": policy}


def _held(entry: Held) -> dict[str, Any]:
    return {
        "table": entry.table.full_name,
        "rows": entry.rows,
        "first": entry.first,
        "last": entry.last,
        "since": entry.since,
        "files": len(entry.parts) if entry.parts else None,
        "for_research": entry.research,
        "kept_versions": entry.versions,
        "oldest_version": entry.oldest,
    }


def _why(holding: Holding) -> Iterable[dict[str, Any]]:
    for trail in holding.trails:
        if trail.rows_in:
            row = {"table": trail.table, "rows_in": trail.rows_in, "rows_out": trail.rows_out}
            yield row | {"reasons": reasons(trail.excluded)}


def _shared(holding: Holding) -> None:
    for table, count in holding.shared.items():
        show(f"\n{counted(count, 'reading')} in {table} of a device that others claim, too:")
        show("attributed to nobody, not in the copy")


def _lines(holding: Holding) -> Iterable[dict[str, Any]]:
    for entry in holding.tables:
        if entry.table.name == "quarantine" and entry.rows:
            for row in holding.rows(entry.table):
                yield {key: row[key] for key in ("file", "line", "reason")}


def _retention() -> Sequence[str]:
    from stedi.subject.show import RETENTION

    return RETENTION
