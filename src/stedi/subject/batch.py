"""The people to forget together: their addresses, devices, and what identifies nobody else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from stedi.contract import Table, load_tables
from stedi.engines.base import Engine
from stedi.errors import UsageError
from stedi.feeds.raw import read_lines
from stedi.feeds.told import serials
from stedi.lake.model import Query
from stedi.lake.parquet import rows
from stedi.lake.store import Store
from stedi.landing import ledger
from stedi.landing.keepout import fingerprints, key_of
from stedi.people import belong_to, fingerprint, people_of, quoted, spelled
from stedi.places import place
from stedi.subject.tables import condition

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
SHORTEST = {"name": 6, "phone": 7, "serial": 6}  # from which on finding it says something
_COLUMNS = {"name": "customername", "phone": "phone", "serial": "serialnumber"}
# Whatever a record of theirs says is theirs alone if no record of anybody else says it.
_STATED = """\
SELECT DISTINCT {column} AS value,
  lower(trim({column})) NOT IN (
    SELECT lower(trim({column})) FROM customer_landing WHERE NOT ({theirs})
  ) AS alone
FROM customer_landing WHERE {theirs}"""

_KNOWN = "SELECT DISTINCT lower(trim(email)) AS person FROM customer_landing WHERE {theirs}"


@dataclass(frozen=True)
class Batch:
    """People (addresses as matched), every device they claimed, identifiers of theirs alone.

    `strangers` are those of the people whom no landed customer record names.
    """

    people: list[str]
    devices: list[str]
    identifiers: list[tuple[str, str]]
    strangers: list[str]


def batch_of(store: Store, engine: Engine, emails: Sequence[str]) -> Batch:
    """Who they are, by all landed records; UsageError for what is no address."""
    people = sorted(set(people_of(engine, emails))) if emails else []
    if odd := [person for person in people if not ADDRESS.fullmatch(person)]:
        raise UsageError(f"{odd[0]!r} is no e-mail address; give one such as ada@test.com")
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
            if row["alone"] and _telling(kind, value.strip()):
                identifiers.append((kind, value.strip()))
    known = {row["person"] for row in _rows(store, engine, _KNOWN.format(theirs=theirs))}
    return Batch(people, devices, identifiers, [one for one in people if one not in known])


def _telling(kind: str, value: str) -> bool:
    """Whether finding it tells of the person: a single word may be any, a column's name too."""
    return len(value) >= SHORTEST[kind] and (kind != "name" or " " in value)


def refuse_unknown(store: Store, engine: Engine, batch: Batch) -> None:
    """UsageError for addresses that nothing tells of: a slip of the pen must not be certified."""
    key = key_of(store) if store.table("forgotten").source_id else b""
    known = set(fingerprints(store))
    landing = [table for table in load_tables().values() if table.zone == "landing"]
    unknown = [
        person
        for person in batch.strangers
        if fingerprint(key, "person", person) not in known
        and not any(_rows_of(store, engine, table, person) for table in landing)
    ]
    if unknown:
        raise UsageError(
            f"nothing is held about {', '.join(unknown)}, so nothing was done for anybody; check "
            "the spelling, or leave them out"
        )


def _rows_of(store: Store, engine: Engine, table: Table, person: str) -> int:
    theirs = condition(store, engine, table, [person], [])
    sql = f'SELECT count(*) AS n FROM "{table.name}" WHERE {theirs}'
    sources = {table.name: store.table(table.name).source()}
    return int(engine.query(Query(sql, sources)).read_all().to_pylist()[0]["n"])


def known_again(store: Store, batch: Batch) -> Batch:
    """The same with devices forgotten with them before, as far as files with lines kept out tell.

    Only fingerprints of those are kept, and no landed record of theirs names them any more.
    """
    told = rows(store.table("forgotten").source().files)
    if not told:
        return batch
    key = key_of(store)
    prints = {fingerprint(key, "person", person) for person in batch.people}
    erasures = {row["erasure"] for row in told if row["fingerprint"] in prints}
    known = {row["fingerprint"] for row in told if row["erasure"] in erasures}
    files = _kept_out(store) if known else []
    named = {one for file in files if place(file).exists() for one in _told(file)}
    again = {one for one in named if fingerprint(key, "device", one) in known}
    return replace(batch, devices=sorted({*batch.devices, *again}))


def _kept_out(store: Store) -> list[str]:
    feeds = {t.feed for t in load_tables().values() if t.person and t.person.by == "device"}
    entries = ledger.entries(store).values()
    return [entry.file for entry in entries if entry.feed in feeds and entry.forgotten]


def _told(file: str) -> set[str]:
    """Whatever may be a serial number in a delivered file."""
    lines = (line for part in read_lines(file) for line in part.lines)
    return {one for line in lines for one in serials(line.decode("utf-8", "backslashreplace"))}


def _rows(store: Store, engine: Engine, sql: str) -> list[dict[str, object]]:
    sources = {"customer_landing": store.table("customer_landing").source()}
    return list(engine.query(Query(sql, sources)).read_all().to_pylist())


def delivered(store: Store, engine: Engine, batch: Batch) -> dict[str, list[str]]:
    """The delivered files, by feed, that hold rows or lines of theirs, now or kept out."""
    told = condition(store, engine, load_tables()["quarantine"], batch.people, batch.devices)
    entries = ledger.entries(store).values()
    found: dict[str, list[str]] = {}
    for table in (table for table in load_tables().values() if table.feed):
        theirs = spelled(store, engine, table, batch.people, batch.devices)
        sql = (
            f'SELECT _source_file AS file FROM "{table.name}" WHERE {theirs} UNION '
            f"SELECT file FROM quarantine WHERE feed = {quoted(table.feed)} AND {told}"
        )
        names = (table.name, "quarantine")
        sources = {name: store.table(name).source() for name in names}
        rows = engine.query(Query(sql, sources)).read_all().to_pylist()
        kept_out = {entry.file for entry in entries if entry.feed == table.feed and entry.forgotten}
        found[table.feed] = sorted({row["file"] for row in rows} | kept_out)
    return found
