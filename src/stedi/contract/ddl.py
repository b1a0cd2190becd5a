"""The tables declared in another engine's SQL, derived from their contracts."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

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
A lake whose catalog is Glue makes its tables itself, and Athena reads those as they are: of
these statements such a lake needs the _raw tables alone. Athena's DDL knows no timestamp with
time zone, which the lake's own tables hold; these tables are created with `timestamp`, and
every timestamp in them is UTC. Where no lake has been yet, let the lake make its tables first.
The _raw tables read the files as delivered, good and bad lines alike: epoch milliseconds as
bigint, dates as text, nothing filtered; a line that is no JSON becomes a row of nulls. What may
be missing is text, since an empty text in place of a number would end the query: a consent that
was not given comes as null, as an empty text and as 0; try_cast(column AS bigint) makes it one."""


@dataclass(frozen=True)
class Places:
    """Where tables lie and what their databases are called.

    A table lies in `<zone's folder>/<table>/`, a zone's folder is `<lake>/warehouse/<zone>`
    unless `zones` says where else; a feed as delivered in `<landing>/<feed>/`. `prefix` stands
    before the zone in the name of its database.
    """

    lake: str = LAKE_LOCATION
    landing: str = LANDING_LOCATION
    prefix: str = ""
    zones: Mapping[str, str] = field(default_factory=dict)

    def database(self, zone: str) -> str:
        """What the zone's database is called."""
        return self.prefix + zone

    def table(self, table: Table) -> str:
        """Where the table's files lie."""
        folder = self.zones.get(table.zone) or f"{self.lake.rstrip('/')}/warehouse/{table.zone}"
        return f"{folder.rstrip('/')}/{table.name}/"

    def feed(self, name: str) -> str:
        """Where the feed's files are delivered."""
        return f"{self.landing.rstrip('/')}/{name}/"


def ddl(tables: Mapping[str, Table], dialect: str, places: Places | None = None) -> str:
    """CREATE statements for athena, spark or duckdb, each ended by a semicolon.

    Athena's also declare the feeds as delivered. UsageError for another dialect, or a place that
    Athena cannot read.
    """
    if dialect not in _DIALECTS:
        known = ", ".join(_DIALECTS)
        raise UsageError(f"there is no dialect {dialect!r}; choose one of {known}")
    return "\n\n".join(_DIALECTS[dialect](tables, places or Places())) + "\n"


def _athena(tables: Mapping[str, Table], places: Places) -> Iterator[str]:
    _refuse_other_storage(tables, places)
    yield _comment(_ATHENA_NOTE)
    yield from _databases(tables, places)
    for table in tables.values():
        if table.feed:
            yield _athena_raw(table, places)
    for table in tables.values():
        yield _athena_table(table, places)


def _athena_raw(table: Table, places: Places) -> str:
    columns = [column for column in table.columns if column.field]
    name = _name(places.database(table.zone), f"{table.feed}_raw")
    return (
        f"CREATE EXTERNAL TABLE IF NOT EXISTS {name} (\n"
        f"{_described(columns, raw_type)}\n)\n"
        f"COMMENT {_backslashed(table.description)}\n"
        "ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'\n"
        f"WITH SERDEPROPERTIES (\n{_properties(serde_properties(table), '=')}\n)\n"
        "STORED AS TEXTFILE\n"
        f"LOCATION {_backslashed(places.feed(table.feed or ''))};"
    )


def raw_type(column: Column) -> str:
    """How Athena reads a field of a feed as delivered; as text if its number may be missing."""
    return _RAW[column.type] if column.required else "string"


def serde_properties(table: Table) -> dict[str, str]:
    """What Athena's OpenX SerDe is told, so that it finds a feed's fields by the columns."""
    # Only with case.insensitive off does the SerDe look fields up by the mapping.
    return {"ignore.malformed.json": "TRUE", "case.insensitive": "FALSE"} | {
        f"mapping.{column.name}": column.field
        for column in table.columns
        if column.field and column.field != column.name
    }


def _athena_table(table: Table, places: Places) -> str:
    # Athena's CREATE TABLE for Iceberg has no COMMENT of the table.
    return "\n".join(
        [
            _comment(f"{table.full_name}: {table.description} One row: {table.grain}."),
            f"CREATE TABLE IF NOT EXISTS {_name(places.database(table.zone), table.name)} (",
            f"{_described(table.columns, lambda column: _ATHENA[column.type])}\n)",
            *_partition(table, "PARTITIONED BY (day({}))"),
            f"LOCATION {_backslashed(places.table(table))}",
            "TBLPROPERTIES ('table_type'='ICEBERG', 'format'='parquet');",
        ]
    )


def _spark(tables: Mapping[str, Table], places: Places) -> Iterator[str]:
    yield _comment("Set spark.sql.session.timeZone to UTC.")
    yield from _databases(tables, places)
    for table in tables.values():
        yield _spark_table(table, places)


def _spark_table(table: Table, places: Places) -> str:
    return "\n".join(
        [
            f"CREATE TABLE IF NOT EXISTS {_name(places.database(table.zone), table.name)} (",
            f"{_described(table.columns, lambda column: _SPARK[column.type])}\n)",
            "USING iceberg",
            *_partition(table, "PARTITIONED BY (days({}))"),
            f"COMMENT {_backslashed(table.description)}",
            f"LOCATION {_backslashed(places.table(table))}",
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


def _duckdb(tables: Mapping[str, Table], places: Places) -> Iterator[str]:
    schemas = (places.database(zone) for zone in _zones(tables))
    yield from (f"CREATE SCHEMA IF NOT EXISTS {_double(schema)};" for schema in schemas)
    for table in tables.values():
        yield "\n".join(_duckdb_table(table, places))


def _duckdb_table(table: Table, places: Places) -> Iterator[str]:
    name = f"{_double(places.database(table.zone))}.{_double(table.name)}"
    columns = [f"  {_double(c.name)} {_DUCKDB[c.type]}" for c in table.columns]
    yield f"CREATE TABLE IF NOT EXISTS {name} (\n" + ",\n".join(columns) + "\n);"
    yield f"COMMENT ON TABLE {name} IS {_doubled(table.description)};"
    for column in table.columns:
        meaning = _doubled(_meaning(column))
        yield f"COMMENT ON COLUMN {name}.{_double(column.name)} IS {meaning};"


_DIALECTS: dict[str, Callable[[Mapping[str, Table], Places], Iterator[str]]] = {
    "athena": _athena,
    "spark": _spark,
    "duckdb": _duckdb,
}


def _zones(tables: Mapping[str, Table]) -> list[str]:
    return list(dict.fromkeys(table.zone for table in tables.values()))


def _databases(tables: Mapping[str, Table], places: Places) -> Iterator[str]:
    for zone in _zones(tables):
        yield f"CREATE DATABASE IF NOT EXISTS {_tick(places.database(zone))};"


def _refuse_other_storage(tables: Mapping[str, Table], places: Places) -> None:
    feeds = [places.feed(table.feed) for table in tables.values() if table.feed]
    for where in (*map(places.table, tables.values()), *feeds):
        if not where.startswith("s3://"):
            raise UsageError(f"{where}: Athena reads S3 alone; name a place such as s3://bucket/…")


def _described(columns: Sequence[Column], type_of: Callable[[Column], str]) -> str:
    return ",\n".join(
        f"  {_tick(c.name)} {type_of(c)} COMMENT {_backslashed(_meaning(c))}" for c in columns
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


def _name(database: str, table: str) -> str:
    return f"{_tick(database)}.{_tick(table)}"


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
