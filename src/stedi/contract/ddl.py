"""The tables declared in another engine's SQL, derived from their contracts."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from stedi.contract.table import TYPES, Column, Table
from stedi.errors import UsageError

LAKE_LOCATION = "s3://your-bucket/lake"
LANDING_LOCATION = "s3://your-bucket/landing"

_SPARK = {name: name.upper() for name in TYPES} | {"long": "BIGINT"}
_ATHENA = {name: name for name in TYPES} | {"long": "bigint"}
# As delivered: epoch milliseconds, and a date that need not be one.
_RAW = _ATHENA | {"timestamp": "bigint", "date": "string"}
_DUCKDB = _SPARK | {"string": "VARCHAR", "int": "INTEGER", "timestamp": "TIMESTAMPTZ"}

_ATHENA_NOTE = """\
Run one statement at a time; Athena takes no script.
Athena's DDL knows no timestamp with time zone, so these tables are created with `timestamp`;
every timestamp in them is UTC. Tables that the lake itself has made hold timestamptz, and
Athena reads those as they are: do not create them again.
The _raw tables read the files as delivered, good and bad lines alike: epoch milliseconds as
bigint, dates as text, nothing filtered; a line that is no JSON becomes a row of nulls."""


@dataclass(frozen=True)
class _Places:
    lake: str
    landing: str


def ddl(
    tables: Mapping[str, Table],
    dialect: str,
    *,
    lake_location: str = LAKE_LOCATION,
    landing_location: str = LANDING_LOCATION,
) -> str:
    """CREATE statements for athena, spark or duckdb, each ended by a semicolon.

    The tables lie in `<lake_location>/<zone>/<table>/`, the feeds as delivered (Athena only) in
    `<landing_location>/<feed>/`. UsageError for another dialect.
    """
    if dialect not in _DIALECTS:
        known = ", ".join(_DIALECTS)
        raise UsageError(f"there is no dialect {dialect!r}; choose one of {known}")
    places = _Places(lake_location.rstrip("/"), landing_location.rstrip("/"))
    return "\n\n".join(_DIALECTS[dialect](tables, places)) + "\n"


def _athena(tables: Mapping[str, Table], places: _Places) -> Iterator[str]:
    yield _comment(_ATHENA_NOTE)
    yield from (f"CREATE DATABASE IF NOT EXISTS {_tick(zone)};" for zone in _zones(tables))
    for table in tables.values():
        if table.feed:
            yield _athena_raw(table, places)
    for table in tables.values():
        yield _athena_table(table, places)


def _athena_raw(table: Table, places: _Places) -> str:
    columns = [column for column in table.columns if column.field]
    # Only with case.insensitive off does the SerDe look fields up by the mapping.
    properties = {"ignore.malformed.json": "TRUE", "case.insensitive": "FALSE"} | {
        f"mapping.{column.name}": column.field for column in columns if column.field != column.name
    }
    return (
        f"CREATE EXTERNAL TABLE IF NOT EXISTS {_name(table.zone, f'{table.feed}_raw')} (\n"
        f"{_described(columns, _RAW)}\n)\n"
        f"COMMENT {_backslashed(table.description)}\n"
        "ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'\n"
        f"WITH SERDEPROPERTIES (\n{_properties(properties, '=')}\n)\n"
        "STORED AS TEXTFILE\n"
        f"LOCATION {_backslashed(f'{places.landing}/{table.feed}/')};"
    )


def _athena_table(table: Table, places: _Places) -> str:
    # Athena's CREATE TABLE for Iceberg has no COMMENT of the table.
    return "\n".join(
        [
            _comment(f"{table.full_name}: {table.description} One row: {table.grain}."),
            f"CREATE TABLE IF NOT EXISTS {_name(table.zone, table.name)} (",
            f"{_described(table.columns, _ATHENA)}\n)",
            *_partition(table, "PARTITIONED BY (day({}))"),
            f"LOCATION {_backslashed(_location(table, places))}",
            "TBLPROPERTIES ('table_type'='ICEBERG', 'format'='parquet');",
        ]
    )


def _spark(tables: Mapping[str, Table], places: _Places) -> Iterator[str]:
    yield _comment("Set spark.sql.session.timeZone to UTC.")
    yield from (f"CREATE DATABASE IF NOT EXISTS {_tick(zone)};" for zone in _zones(tables))
    for table in tables.values():
        yield _spark_table(table, places)


def _spark_table(table: Table, places: _Places) -> str:
    return "\n".join(
        [
            f"CREATE TABLE IF NOT EXISTS {_name(table.zone, table.name)} (",
            f"{_described(table.columns, _SPARK)}\n)",
            "USING iceberg",
            *_partition(table, "PARTITIONED BY (days({}))"),
            f"COMMENT {_backslashed(table.description)}",
            f"LOCATION {_backslashed(_location(table, places))}",
            f"TBLPROPERTIES (\n{_properties(_iceberg_properties(table), ' = ')}\n);",
        ]
    )


def _iceberg_properties(table: Table) -> dict[str, str]:
    """As the lake sets them: no values of identifying columns in the metadata's statistics."""
    hidden = [column.name for column in table.columns if column.pii != "none"]
    return {
        "format-version": "2",
        "write.delete.mode": "copy-on-write",
        "write.update.mode": "copy-on-write",
        "write.merge.mode": "copy-on-write",
        **{f"write.metadata.metrics.column.{name}": "none" for name in hidden},
    }


def _duckdb(tables: Mapping[str, Table], places: _Places) -> Iterator[str]:
    yield from (f"CREATE SCHEMA IF NOT EXISTS {_double(zone)};" for zone in _zones(tables))
    for table in tables.values():
        yield "\n".join(_duckdb_table(table))


def _duckdb_table(table: Table) -> Iterator[str]:
    name = f"{_double(table.zone)}.{_double(table.name)}"
    columns = [f"  {_double(c.name)} {_DUCKDB[c.type]}" for c in table.columns]
    yield f"CREATE TABLE IF NOT EXISTS {name} (\n" + ",\n".join(columns) + "\n);"
    yield f"COMMENT ON TABLE {name} IS {_doubled(table.description)};"
    for column in table.columns:
        meaning = _doubled(_meaning(column))
        yield f"COMMENT ON COLUMN {name}.{_double(column.name)} IS {meaning};"


_DIALECTS: dict[str, Callable[[Mapping[str, Table], _Places], Iterator[str]]] = {
    "athena": _athena,
    "spark": _spark,
    "duckdb": _duckdb,
}


def _zones(tables: Mapping[str, Table]) -> list[str]:
    return list(dict.fromkeys(table.zone for table in tables.values()))


def _location(table: Table, places: _Places) -> str:
    return f"{places.lake}/{table.zone}/{table.name}/"


def _described(columns: list[Column] | tuple[Column, ...], types: Mapping[str, str]) -> str:
    return ",\n".join(
        f"  {_tick(c.name)} {types[c.type]} COMMENT {_backslashed(_meaning(c))}" for c in columns
    )


def _meaning(column: Column) -> str:
    if not column.unit:
        return column.description
    return f"{column.description.removesuffix('.')} (unit: {column.unit})."


def _partition(table: Table, clause: str) -> list[str]:
    return [clause.format(_tick(table.day_column))] if table.day_column else []


def _properties(values: Mapping[str, str], equals: str) -> str:
    return ",\n".join(
        f"  {_backslashed(key)}{equals}{_backslashed(value)}" for key, value in values.items()
    )


def _comment(text: str) -> str:
    lines = (line for part in text.splitlines() for line in textwrap.wrap(part, 97))
    return "\n".join(f"-- {line}" for line in lines)


def _name(zone: str, table: str) -> str:
    return f"{_tick(zone)}.{_tick(table)}"


def _tick(name: str) -> str:
    """A name as Hive and Spark quote it."""
    return "`" + name.replace("`", "``") + "`"


def _double(name: str) -> str:
    """A name as standard SQL quotes it."""
    return '"' + name.replace('"', '""') + '"'


def _backslashed(text: str) -> str:
    """A text as Hive and Spark write it."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


def _doubled(text: str) -> str:
    """A text as standard SQL writes it."""
    return "'" + text.replace("'", "''") + "'"
