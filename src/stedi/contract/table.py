"""A table's contract, read from its folder under `zones/`: table.yaml and query.sql.

The path is the name: `zones/<zone>/<table>/`. Nothing is registered anywhere else.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from stedi.errors import ContractError, UsageError

ZONES = ("landing", "trusted", "curated", "ops")
TYPES = ("string", "boolean", "int", "long", "double", "date", "timestamp")
PII = ("direct", "indirect", "none")
LANDING_JOB = "landing"
FOLDER = Path(__file__).parent.parent / "zones"

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SOURCE = re.compile(r"\b(?:FROM|JOIN)\s+([a-z_]+)", re.IGNORECASE)
_CTE = re.compile(r"\b([a-z_]+)\s+AS\s*\(", re.IGNORECASE)
_COMMENT = re.compile(r"--[^\n]*")


@dataclass(frozen=True)
class Column:
    """One column: its type, meaning, unit, and whether it identifies a person.

    `field` is the feed's own spelling (landing tables only); `pii` is `direct` (names the
    person), `indirect` (does so with other data) or `none`. `was` is the name it had in lakes
    of an older version.
    """

    name: str
    type: str
    description: str
    pii: str = "none"
    unit: str = ""
    required: bool = False
    field: str = ""
    was: str = ""


@dataclass(frozen=True)
class Check:
    """One declared check: kind unique, not_null, range, fresh or none (SQL finds no rows)."""

    name: str
    kind: str
    columns: tuple[str, ...] = ()
    column: str = ""
    min: float | None = None
    max: float | None = None
    days: float | None = None
    sql: str = ""
    severity: str = "fail"


@dataclass(frozen=True)
class Person:
    """How a row is known to be a person's: by the e-mail, device, pseudonym or text in a column."""

    by: str
    column: str


@dataclass(frozen=True)
class Table:
    """The contract of one table.

    `query` is the text of query.sql (empty for landing and ops), `candidates` the table whose
    rows it gives a verdict, one for one; `time` is the event-time column; `presence` names the
    tables of readings of which the query asks only whether a person has any; `job` is the name
    of the job that refreshes it, and after it other names of the same; `identifying: never`
    forbids identifying columns.
    """

    zone: str
    name: str
    description: str
    grain: str
    columns: tuple[Column, ...]
    feed: str = ""
    candidates: str = ""
    presence: tuple[str, ...] = ()
    job: tuple[str, ...] = ()
    time: str = ""
    person: Person | None = None
    partition: str = ""
    keys: tuple[str, ...] = ()
    identifying: str = "allowed"
    checks: tuple[Check, ...] = ()
    query: str = field(default="", repr=False)

    @property
    def full_name(self) -> str:
        """`zone.table`, the name in the catalog."""
        return f"{self.zone}.{self.name}"

    @property
    def owner(self) -> Person:
        """How a row is known to be a person's; ContractError if table.yaml does not say."""
        if self.person is None:
            raise ContractError(f"{self.full_name}: table.yaml does not say whose a row is")
        return self.person

    @property
    def day_column(self) -> str:
        """The timestamp column whose UTC day partitions the table; empty if unpartitioned."""
        return self.partition.removeprefix("day(").removesuffix(")")

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """Names of the tables that the query reads, in order of first mention."""
        text = _COMMENT.sub("", self.query)
        local = {name.lower() for name in _CTE.findall(text)}
        names = [name.lower() for name in _SOURCE.findall(text)]
        return tuple(dict.fromkeys(name for name in names if name not in local))

    @property
    def fingerprint(self) -> str:
        """Changes whenever the query or the columns do (SHA-256, 16 hexadecimal digits)."""
        text = self.query + repr([(c.name, c.type) for c in self.columns]) + self.partition
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def column(self, name: str) -> Column:
        """The column of that name; UsageError names the columns there are."""
        for column in self.columns:
            if column.name == name.lower():
                return column
        known = ", ".join(column.name for column in self.columns)
        raise UsageError(f"{self.full_name} has no column {name!r}; it has {known}")


def _columns(raw: list[dict[str, Any]], where: Path) -> tuple[Column, ...]:
    columns = tuple(Column(**entry) for entry in raw)
    for column in columns:
        if column.type not in TYPES or column.pii not in PII:
            raise ContractError(
                f"{where}: column {column.name}: type must be one of {', '.join(TYPES)} "
                f"and pii one of {', '.join(PII)}; found {column.type!r}, {column.pii!r}"
            )
        if column.name != column.name.lower():
            raise ContractError(f"{where}: column {column.name}: names are lower-case")
    return columns


def _check(raw: dict[str, Any]) -> Check:
    return Check(**{**raw, "columns": tuple(raw.get("columns", ()))})


def _names(raw: str | list[str]) -> tuple[str, ...]:
    return (raw,) if isinstance(raw, str) else tuple(raw)


def read_table(folder: Path) -> Table:
    """The contract in one folder; ContractError names the file and what is wrong in it."""
    where = folder / "table.yaml"
    query = folder / "query.sql"
    try:
        raw = yaml.load(where.read_bytes(), _LOADER)  # noqa: S506, the loader is a safe one
        return Table(
            zone=folder.parent.name,
            name=folder.name,
            query=query.read_text("utf-8") if query.exists() else "",
            **{
                **raw,
                "person": Person(**raw["person"]) if "person" in raw else None,
                "columns": _columns(raw["columns"], where),
                "keys": tuple(raw.get("keys", ())),
                "presence": tuple(raw.get("presence", ())),
                "job": _names(raw.get("job", [])),
                "checks": tuple(_check(check) for check in raw.get("checks", ())),
            },
        )
    except (yaml.YAMLError, TypeError, KeyError, AttributeError) as error:
        raise ContractError(f"{where}: {error}; see docs/tables.md for the fields") from error


@cache
def load_tables(folder: Path = FOLDER) -> dict[str, Table]:
    """All contracts by bare name, in zone order."""
    tables = {
        path.parent.name: read_table(path.parent)
        for zone in ZONES
        for path in sorted((folder / zone).glob("*/table.yaml"))
    }
    if not tables:
        raise ContractError(f"{folder}: no table.yaml found; install the package again")
    return tables


def find_table(name: str) -> Table:
    """The contract of `table` or `zone.table`; UsageError lists the tables there are."""
    tables = load_tables()
    table = tables.get(name.lower().rpartition(".")[2])
    if table is None or name.lower() not in (table.name, table.full_name):
        known = ", ".join(entry.full_name for entry in tables.values())
        raise UsageError(f"there is no table {name!r}; there are {known}")
    return table


def refresh_order(tables: dict[str, Table] | None = None) -> list[Table]:
    """The tables with a query, each after every table it reads; ContractError on a cycle."""
    tables = tables or load_tables()
    order: dict[str, Table] = {}

    def visit(table: Table, path: tuple[str, ...]) -> None:
        if table.name in path:
            raise ContractError(f"tables read each other in a circle: {' > '.join(path)}")
        for source in table.sources:
            if source not in tables:
                raise ContractError(f"{table.full_name}: query.sql reads unknown table {source}")
            visit(tables[source], (*path, table.name))
        if table.query:
            order.setdefault(table.name, table)

    for table in tables.values():
        visit(table, ())
    return list(order.values())
