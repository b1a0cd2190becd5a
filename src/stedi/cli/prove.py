"""stedi account, stedi check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from stedi.cli.options import Form, LakePath, open_at
from stedi.cli.output import Format, emit, reasons, say

if TYPE_CHECKING:
    from stedi.account import Line, Trail


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(account)
    app.command()(check)


def account(
    ctx: typer.Context,
    why: Annotated[
        str | None, typer.Option(metavar="EMAIL", help="Follow one person through the tables.")
    ] = None,
    lake: LakePath = None,
    form: Form = Format.table,
) -> None:
    """Every row accounted for: in = out + excluded, by reason. Exit code 1 if not."""
    with open_at(ctx, lake) as opened:
        if why is not None:
            trails = opened.why(why)
            if not any(trail.rows_in for trail in trails):
                say(f"no row of {why} is in this lake")
            return emit((_trail(trail, form) for trail in trails), form, grouped=True)
        lines = opened.account()
        emit(account_rows(lines, form), form, grouped=True)
        unbalanced = [line.table for line in lines if not line.balanced]
        if unbalanced:
            say(f"does not balance: {', '.join(unbalanced)}; run `stedi check` for more")
            raise typer.Exit(1)


def account_rows(lines: list[Line], form: Format) -> Iterator[dict[str, object]]:
    """The account to print: for people a line a reason, otherwise a line a table."""
    for line in lines:
        row = {
            "table": line.table,
            "rows_in": line.rows_in,
            "rows_out": line.rows_out,
            "excluded": sum(line.excluded.values()),
            "balance": "ok" if line.balanced else "BROKEN",
        }
        if form is not Format.table:
            plain = form is Format.csv
            sources = ", ".join(line.sources) if plain else dict(line.sources)
            why = reasons(line.excluded) if plain else dict(line.excluded)
            yield row | {"sources": sources, "reasons": why}
            continue
        yield row | {"why": ""}
        for reason, count in sorted(line.excluded.items(), key=lambda pair: -pair[1]):
            yield dict.fromkeys(row, "") | {"excluded": count, "why": reason}


def _trail(trail: Trail, form: Format) -> dict[str, object]:
    return {
        "table": trail.table,
        "rows_in": trail.rows_in,
        "rows_out": trail.rows_out,
        "reasons": dict(trail.excluded) if form is Format.json else reasons(trail.excluded),
    }


def check(ctx: typer.Context, lake: LakePath = None, form: Form = Format.table) -> None:
    """Run every declared check, the balance, and the proof by lineage. Exit code 1 on failure."""
    with open_at(ctx, lake) as opened:
        results = opened.check()
        emit(
            (
                {
                    "result": "ok" if r.passed else r.severity,
                    "table": r.table,
                    "check": r.name,
                    "detail": r.detail,
                }
                for r in results
            ),
            form,
        )
        if any(not r.passed and r.severity == "fail" for r in results):
            raise typer.Exit(1)
