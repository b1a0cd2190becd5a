"""What is held about one person, where, and since when: the answer to a request for access."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stedi.account import Trail, sources_of, trails
from stedi.contract import Table
from stedi.engines.base import Engine, Params
from stedi.lake.model import Source
from stedi.lake.parquet import rows
from stedi.lake.store import Store
from stedi.landing.keepout import key_of
from stedi.people import fingerprint
from stedi.places import place
from stedi.subject.held import Held, held, rows_of, run_time, shared_rows
from stedi.subject.who import Consent, Person, consent, who

RETENTION = (
    "Landing tables and quarantine keep what was delivered until the person is forgotten.",
    "Trusted and curated tables hold a person's rows for research while the consent stands: the "
    "first run after a withdrawal takes them out.",
    "Older versions of a table stay until stedi.toml lets go of them ([maintain]) and `stedi "
    "maintain` has removed their files.",
    "Delivered files stay where they are for as long as whoever delivers them keeps them.",
    "The run record and the list of landed files hold counts and file names, nothing of a person "
    "unless a file is named after one.",
    "Of people who were forgotten, a keyed fingerprint is kept, to keep them out.",
)


@dataclass(frozen=True)
class Delivered:
    """A delivered file that lines of the person came from: how many landed, how many did not.

    `landed` is when; `exists` whether the file is still there.
    """

    file: str
    rows: int
    quarantined: int
    landed: datetime | None
    exists: bool


@dataclass(frozen=True)
class Holding:
    """Everything that is held about one person.

    `tables` has an entry for every table that may hold rows of people, empty ones too; `trails`
    tell what became of the rows at each table and why some are not used; `shared` counts the
    readings, by table, of devices that others claim too: they are attributed to nobody, are in
    no entry of `tables` and not to be had by `rows`. `forgotten`: since when the person is kept
    out, known by a keyed fingerprint alone.
    """

    person: Person
    consent: Consent
    tables: Sequence[Held]
    trails: Sequence[Trail]
    shared: Mapping[str, int]
    delivered: Sequence[Delivered]
    forgotten: datetime | None
    store: Store
    engine: Engine
    sources: Mapping[str, Source]

    @property
    def empty(self) -> bool:
        """Whether nothing is held: no row, and none in a version that is still kept."""
        return not any(entry.rows or entry.versions for entry in self.tables)

    def rows(self, table: Table) -> Iterator[dict[str, Any]]:
        """The person's rows of a table, in full and in order, read as they are asked for."""
        return rows_of(self.store, self.engine, self.person, self.sources[table.name])


def show(store: Store, engine: Engine, params: Params, email: str) -> Holding:
    """What is held about the person with that address; UsageError for what is no address."""
    person = who(store, engine, email)
    sources = sources_of(store)
    serials = [device.value for device in person.devices]
    tables = held(store, engine, person, sources)
    return Holding(
        person=person,
        consent=consent(store, engine, params, person.address),
        tables=tables,
        trails=trails(store, engine, params, person.address, serials, sources),
        shared=shared_rows(store, engine, person, sources),
        delivered=_delivered(tables),
        forgotten=_forgotten(store, person.address),
        store=store,
        engine=engine,
        sources=sources,
    )


def _forgotten(store: Store, address: str) -> datetime | None:
    files = store.table("forgotten").source().files
    if not files:
        return None
    mine = fingerprint(key_of(store), "person", address)
    return min(
        (row["forgotten"] for row in rows(files) if row["fingerprint"] == mine), default=None
    )


def _delivered(tables: Sequence[Held]) -> list[Delivered]:
    """One entry for each file that a landed row or a quarantined line came from."""
    found: dict[str, Delivered] = {}
    for entry in tables:
        bad = not entry.table.feed
        for part in entry.parts:
            known = found.get(part.file)
            rows, quarantined = (known.rows, known.quarantined) if known else (0, 0)
            found[part.file] = Delivered(
                part.file,
                rows + (0 if bad else part.rows),
                quarantined + (part.rows if bad else 0),
                run_time(part.run),
                known.exists if known else _exists(part.file),
            )
    return [found[file] for file in sorted(found)]


def _exists(file: str) -> bool:
    try:
        return place(file).is_file()
    except (OSError, ValueError):
        return False
