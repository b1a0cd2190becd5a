"""Who a person is, by the records and readings that are landed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stedi.contract import load_tables
from stedi.contract.sql import translate, used
from stedi.engines.base import Engine, Params
from stedi.errors import UsageError
from stedi.lake.model import Query
from stedi.lake.store import Store
from stedi.people import belongs, person_of, pseudonym

_ADDRESS = re.compile(r"[^@]*\S[^@]*@[^@]*\S[^@]*")
_STATED = """\
SELECT mine.what, mine.value, mine.since, mine.last, everyone.people
FROM (
  SELECT
    '{what}' AS what, {key} AS key, max({column}) AS value,
    min(lastupdatedate) AS since, max(lastupdatedate) AS last
  FROM customer_landing WHERE lower(trim(email)) = $person GROUP BY 1, 2
) AS mine
JOIN (
  SELECT {key} AS key, count(DISTINCT lower(trim(email))) AS people
  FROM customer_landing GROUP BY 1
) AS everyone USING (key)"""


@dataclass(frozen=True)
class Stated:
    """A name, telephone number or serial number that a person's records state.

    `since` and `last`: the earliest and the latest lastupdatedate of these records; `people`: how
    many customers state the same, this person among them.
    """

    value: str
    since: datetime
    last: datetime
    people: int

    @property
    def unique(self) -> bool:
        """Whether no other customer states it."""
        return self.people == 1


@dataclass(frozen=True)
class Person:
    """A person as the lake knows them.

    `address` is the e-mail as people are matched, `emails` are its spellings as delivered.
    Names and telephone numbers are compared without case and outer spaces.
    """

    address: str
    subject_id: str
    emails: Sequence[str]
    names: Sequence[Stated]
    phones: Sequence[Stated]
    devices: Sequence[Stated]

    @property
    def serials(self) -> list[str]:
        """Serial numbers that nobody else claims: their readings are this person's."""
        return [device.value for device in self.devices if device.unique]

    @property
    def shared(self) -> list[str]:
        """Serial numbers that others claim too: their readings are nobody's."""
        return [device.value for device in self.devices if not device.unique]


@dataclass(frozen=True)
class Statement:
    """What one customer record of the person says of consent; dates are None where not given."""

    at: datetime
    research: datetime | None
    public: datetime | None
    friends: datetime | None
    file: str


@dataclass(frozen=True)
class Consent:
    """Consent to research as the landed records have it now, and every record of it in order.

    `research` is None where the person does not consent; `policy` is the lake's: `since` uses
    readings from that time on, `any` uses all.
    """

    research: datetime | None
    policy: str
    history: Sequence[Statement]


def who(store: Store, engine: Engine, email: str) -> Person:
    """The person with that address; UsageError for what is no address."""
    person = person_of(engine, email)
    if not _ADDRESS.fullmatch(person):
        raise UsageError(f"{email!r} is no e-mail address; give one such as ada@test.com")
    stated = _stated(store, engine, person)
    return Person(
        address=person,
        subject_id=pseudonym(store.home.key(), person),
        emails=sorted(_spellings(store, engine, person)),
        names=stated["name"],
        phones=stated["phone"],
        devices=stated["device"],
    )


def _spellings(store: Store, engine: Engine, person: str) -> set[str]:
    """The address as it stands in the landed rows of all feeds that tell it."""
    columns = {
        table.name: table.person.column
        for table in load_tables().values()
        if table.feed and table.person and table.person.by == "email"
    }
    sql = " UNION ".join(
        f'SELECT "{column}" AS email FROM "{name}" WHERE lower(trim("{column}")) = $person'
        for name, column in columns.items()
    )
    return {row["email"] for row in _rows(store, engine, columns, sql, person=person)}


def _stated(store: Store, engine: Engine, person: str) -> dict[str, list[Stated]]:
    kinds = [
        _STATED.format(what="name", column="customername", key="lower(trim(customername))"),
        _STATED.format(what="phone", column="phone", key="lower(trim(phone))"),
        _STATED.format(what="device", column="serialnumber", key="serialnumber"),
    ]
    sql = " UNION ALL ".join(kinds) + " ORDER BY 1, 3, 2"
    found: dict[str, list[Stated]] = {"name": [], "phone": [], "device": []}
    for row in _rows(store, engine, ["customer_landing"], sql, person=person):
        found[row.pop("what")].append(Stated(**row))
    return found


def consent(store: Store, engine: Engine, params: Params, person: str) -> Consent:
    """Whether the person consents now, by the query of customer_trusted, and how that came."""
    sql = (
        "SELECT lastupdatedate AS at, sharewithresearchasofdate AS research, "
        "sharewithpublicasofdate AS public, sharewithfriendsasofdate AS friends, "
        "_source_file AS file "
        "FROM customer_landing WHERE lower(trim(email)) = $person ORDER BY ALL"
    )
    found = _rows(store, engine, ["customer_landing"], sql, person=person)
    history = [Statement(**row) for row in found]
    return Consent(_now(store, engine, params, person), store.home.consent, history)


def _now(store: Store, engine: Engine, params: Params, person: str) -> datetime | None:
    table = load_tables()["customer_trusted"]
    verdicts = translate(table.query, "duckdb")
    where = belongs(store, table, person, ())
    sql = f"SELECT max(sharewithresearchasofdate) AS since FROM ({verdicts}) WHERE {where}"
    found = _rows(store, engine, table.sources, sql, **used(params, verdicts))
    since: datetime | None = found[0]["since"]
    return since


def _rows(
    store: Store, engine: Engine, tables: Iterable[str], sql: str, **params: str
) -> list[dict[str, Any]]:
    """The few rows of a query over the current versions of some tables."""
    sources = {name: store.table(name).source() for name in tables}
    return list(engine.query(Query(sql, sources, params)).read_all().to_pylist())
