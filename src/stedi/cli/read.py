"""stedi sql, preview, status, describe, lineage, ddl, history."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from stedi.api import tables
from stedi.cli.options import AsOf, Form, LakePath, open_at
from stedi.cli.output import Format, counted, emit, say, show
from stedi.contract import find_table
from stedi.errors import QueryError
from stedi.rows import Rows

PREVIEW_ROWS = 500


class Dialect(StrEnum):
    """Engines that tables can be declared for."""

    athena = "athena"
    spark = "spark"
    duckdb = "duckdb"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (status, preview, sql, describe, lineage, ddl, history):
        app.command()(command)


def status(ctx: typer.Context, lake: LakePath = None, form: Form = Format.table) -> None:
    """Every table with its size and age.

    Rows, files, bytes, snapshots kept, when it was published, the newest day in it (UTC).
    """
    with open_at(ctx, lake) as opened:
        emit((vars(entry) for entry in opened.status()), form, grouped=True)


def preview(
    ctx: typer.Context,
    table: Annotated[str, typer.Argument(help="A table, with or without its zone.")],
    rows: Annotated[int, typer.Option("-n", min=0, help="How many rows.")] = PREVIEW_ROWS,
    lake: LakePath = None,
    as_of: AsOf = None,
    form: Form = Format.table,
) -> None:
    """Print the first rows of a table."""
    with open_at(ctx, lake) as opened:
        found = find_table(table)
        opened.table(table)
        _print(opened.sql(f'SELECT * FROM "{found.name}" LIMIT {rows}', as_of), form)


def sql(
    ctx: typer.Context,
    query: Annotated[str, typer.Argument(help="One SELECT; tables by name or zone.name.")],
    lake: LakePath = None,
    as_of: AsOf = None,
    form: Form = Format.table,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write to a .parquet or .csv file.")
    ] = None,
) -> None:
    """Run one SELECT over the tables; the lake is read-only here."""
    with open_at(ctx, lake) as opened:
        rows = opened.sql(query, as_of)
        if out is None:
            return _print(rows, form)
        say(f"wrote {counted(rows.write(out), 'row')} to {out}")


def _print(rows: Rows, form: Format) -> None:
    reader = rows.batches()
    twice = {name for name in reader.schema.names if reader.schema.names.count(name) > 1}
    if twice:
        raise QueryError(f"two columns are called {min(twice)}; name them apart with AS")
    stream = (row for batch in reader for row in batch.to_pylist())
    emit(stream, form, reader.schema.names)


def describe(
    table: Annotated[str | None, typer.Argument(help="A table; without it, all.")] = None,
    form: Form = Format.table,
) -> None:
    """The data dictionary of a table or of all.

    Every column with its type, unit, meaning, and whether it is personal.
    """
    chosen = [find_table(table)] if table else list(tables().values())
    for entry in chosen if form is Format.table else ():
        say(f"{entry.full_name}: {entry.description} Grain: {entry.grain}.")
    emit((_column(entry, column) for entry in chosen for column in entry.columns), form)


def _column(table: Any, column: Any) -> dict[str, object]:
    return {
        "table": table.full_name,
        "column": column.name,
        "type": column.type,
        "personal": column.pii,
        "unit": column.unit,
        "description": column.description,
    }


def lineage(
    column: Annotated[
        str | None, typer.Option(metavar="TABLE.COLUMN", help="Trace one column to the feeds.")
    ] = None,
    form: Form = Format.table,
) -> None:
    """Which table is made from which; or where one column comes from."""
    from stedi.contract import lineage as lineages

    if column is None:
        emit(({"table": t, "reads": s} for s, t in lineages.table_edges(tables())), form)
        return
    emit(lineages.trace_rows(tables(), column), form)


def ddl(
    dialect: Annotated[Dialect, typer.Option(help="The engine to write it for.")] = Dialect.athena,
) -> None:
    """Declare all tables for another engine."""
    from stedi.contract.ddl import ddl as declare

    show(declare(tables(), dialect.value))


def history(
    ctx: typer.Context,
    table: Annotated[str | None, typer.Argument(help="A table; without it, all.")] = None,
    lake: LakePath = None,
    form: Form = Format.table,
) -> None:
    """Snapshots still kept, oldest first, for `--as-of`."""
    with open_at(ctx, lake) as opened:
        emit(
            (
                {
                    "at": snapshot.at,
                    "table": name,
                    "snapshot": snapshot.id,
                    "operation": snapshot.operation,
                    "rows": snapshot.rows,
                    "run": snapshot.summary.get("stedi.run", ""),
                }
                for name, snapshot in opened.history(table)
            ),
            form,
        )
