"""stedi sql, preview, status, describe, lineage, ddl, history."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

import stedi.athena as athenas
from stedi.api import tables
from stedi.athena import WORKGROUP, WORKGROUP_VARIABLE
from stedi.cli.options import AsOf, Form, LakePath, lake_path, open_at
from stedi.cli.output import Format, counted, emit, say, show
from stedi.contract import ZONES, find_table
from stedi.errors import QueryError, UsageError
from stedi.lake.home import open_home
from stedi.places import place
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
    athena: Annotated[
        bool, typer.Option("--athena", help="Let Amazon Athena run it, in Trino's SQL.")
    ] = False,
    workgroup: Annotated[
        str,
        typer.Option(envvar=WORKGROUP_VARIABLE, metavar="NAME", help="Athena's workgroup."),
    ] = WORKGROUP,
    database: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Glue's database for names without one.  [default: those of the lake]",
        ),
    ] = None,
) -> None:
    """Run one SELECT over the tables; the lake is read-only here."""
    if athena:
        _refuse_here(as_of, out)
        found = {} if database else athenas.databases(open_home(lake_path(ctx, lake)))
        return _ask_athena(athenas.in_databases(query, found), workgroup, database or "", form)
    if database:
        raise UsageError("--database is a database of Glue; it goes with --athena")
    with open_at(ctx, lake) as opened:
        rows = opened.sql(query, as_of)
        if out is None:
            return _print(rows, form)
        say(f"wrote {counted(rows.write(out), 'row')} to {out}")


def _print(rows: Rows, form: Format) -> None:
    reader = rows.batches()
    stream = (row for batch in reader for row in batch.to_pylist())
    emit(stream, form, _distinct(reader.schema.names))


def _distinct(columns: list[str]) -> list[str]:
    twice = {name for name in columns if columns.count(name) > 1}
    if twice:
        raise QueryError(f"two columns are called {min(twice)}; name them apart with AS")
    return columns


def _refuse_here(as_of: str | None, out: Path | None) -> None:
    if as_of is not None:
        raise UsageError(
            "--as-of is not for Athena; write FOR TIMESTAMP AS OF TIMESTAMP "
            "'2026-01-31 12:00:00 UTC' behind the table's name"
        )
    if out is not None:
        raise UsageError("--out is not for Athena; print with --format csv into a file")


def _ask_athena(query: str, workgroup: str, database: str, form: Format) -> None:
    answer = athenas.ask(query, workgroup, database)
    emit(answer.rows, form, _distinct(answer.columns))
    say(
        f"Athena read {answer.scanned / 1000**2:,.1f} MB in {answer.seconds:,.1f} s: "
        f"some {answer.usd:.5f} USD"
        + (" (a result it had kept)" if answer.reused else f" at {athenas.USD_PER_TB:g} USD a TB")
    )


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
    ctx: typer.Context,
    dialect: Annotated[Dialect, typer.Option(help="The engine to write it for.")] = Dialect.athena,
    lake: Annotated[
        str | None,
        typer.Option("--lake", metavar="PATH", help="A lake, for its databases and places."),
    ] = None,
    landing: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Where the feeds are delivered, s3://bucket/folder."),
    ] = None,
) -> None:
    """Declare all tables for another engine.

    Athena's statements also declare the feeds as delivered. Without --lake (or STEDI_LAKE) and
    --landing the places are to be filled in.
    """
    from stedi.contract.ddl import LANDING_LOCATION, Places
    from stedi.contract.ddl import ddl as declare

    named = lake or ctx.obj
    home = open_home(place(named)) if named else None
    places = Places(landing=landing or LANDING_LOCATION)
    if home is not None:
        prefix = home.catalog_policy.prefix
        zones = {zone: str(home.zone(zone)) for zone in ZONES}
        places = replace(places, prefix=prefix, zones=zones)
    show(declare(tables(), dialect.value, places))


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
