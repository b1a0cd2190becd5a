"""The people to forget together: their addresses, devices, and what identifies nobody else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from stedi.contract import load_tables
from stedi.engines.base import Engine
from stedi.errors import UsageError
from stedi.lake.model import Query
from stedi.lake.store import Store
from stedi.landing import ledger
from stedi.people import belong_to, person_of, quoted

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
SHORTEST = 6  # characters of a name or number from which finding it says something
_COLUMNS = {"name": "customername", "phone": "phone", "serial": "serialnumber"}
# Whatever a record of theirs says is theirs alone if no record of anybody else says it.
_STATED = """\
SELECT DISTINCT {column} AS value,
  lower(trim({column})) NOT IN (
    SELECT lower(trim({column})) FROM customer_landing WHERE NOT ({theirs})
  ) AS alone
FROM customer_landing WHERE {theirs}"""


@dataclass(frozen=True)
class Batch:
    """People (addresses as matched), every device they claimed, identifiers of theirs alone."""

    people: list[str]
    devices: list[str]
    identifiers: list[tuple[str, str]]


def batch_of(store: Store, engine: Engine, emails: Sequence[str]) -> Batch:
    """Who they are, by all landed records; UsageError for what is no address."""
    people = sorted({_person(engine, email) for email in emails})
    if not people:
        raise UsageError("nobody to forget; give one or more e-mail addresses")
    theirs = belong_to(store, load_tables()["customer_landing"], people, [])
    identifiers = [("email", person) for person in people]
    devices: list[str] = []
    for kind, column in _COLUMNS.items():
        sql = _STATED.format(column=column, theirs=theirs)
        for row in _rows(store, engine, sql):
            value = str(row["value"])
            if kind == "serial":
                devices.append(value)
            if row["alone"] and len(value.strip()) >= SHORTEST:
                identifiers.append((kind, value.strip()))
    return Batch(people, devices, identifiers)


def _person(engine: Engine, email: str) -> str:
    person = person_of(engine, email)
    if not ADDRESS.fullmatch(person):
        raise UsageError(f"{email!r} is no e-mail address; give one such as ada@test.com")
    return person


def _rows(store: Store, engine: Engine, sql: str) -> list[dict[str, object]]:
    sources = {"customer_landing": store.table("customer_landing").source()}
    return list(engine.query(Query(sql, sources)).read_all().to_pylist())


def delivered(store: Store, engine: Engine, batch: Batch) -> dict[str, list[str]]:
    """The delivered files, by feed, that hold rows or lines of theirs, now or kept out."""
    quarantine = load_tables()["quarantine"]
    entries = ledger.entries(store).values()
    found: dict[str, list[str]] = {}
    for table in (table for table in load_tables().values() if table.feed):
        theirs = belong_to(store, table, batch.people, batch.devices)
        told = belong_to(store, quarantine, batch.people, batch.devices)
        sql = (
            f'SELECT _file AS file FROM "{table.name}" WHERE {theirs} UNION '
            f"SELECT file FROM quarantine WHERE feed = {quoted(table.feed)} AND {told}"
        )
        names = (table.name, "quarantine")
        sources = {name: store.table(name).source() for name in names}
        rows = engine.query(Query(sql, sources)).read_all().to_pylist()
        kept_out = {entry.file for entry in entries if entry.feed == table.feed and entry.forgotten}
        found[table.feed] = sorted({row["file"] for row in rows} | kept_out)
    return found
