"""Every row accounted for: in = out + excluded by reason, for every table; and for one person."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from stedi.contract import Table, load_tables, refresh_order
from stedi.contract.sql import translate, used
from stedi.engines.base import Engine, Params
from stedi.errors import ContractError, UsageError
from stedi.lake.model import Query, Source
from stedi.lake.store import Store
from stedi.landing import ledger
from stedi.refresh.bookmark import account_of


@dataclass(frozen=True)
class Line:
    """The account of one table: rows in by source, rows out, rows excluded by reason.

    `stored` is what the table's files hold now; it must equal `rows_out`.
    """

    table: str
    sources: Mapping[str, int]
    rows_out: int
    excluded: Mapping[str, int]
    stored: int

    @property
    def rows_in(self) -> int:
        """All candidate rows."""
        return sum(self.sources.values())

    @property
    def balanced(self) -> bool:
        """Whether in = out + excluded, and the table holds what went out."""
        accounted = self.rows_out + sum(self.excluded.values())
        return self.rows_in == accounted and self.rows_out == self.stored


@dataclass(frozen=True)
class Trail:
    """What became of one person's rows at one table."""

    table: str
    rows_in: int
    rows_out: int
    excluded: Mapping[str, int] = field(default_factory=dict)


def account(store: Store, engine: Engine) -> list[Line]:
    """One line for every landing and promoted table."""
    feeds = [table for table in load_tables().values() if table.feed]
    lines = [_landing_line(store, engine, table) for table in feeds]
    return lines + [line for table in refresh_order() if (line := _promoted_line(store, table))]


def _landing_line(store: Store, engine: Engine, table: Table) -> Line:
    entries = [e for e in ledger.entries(store).values() if e.feed == table.feed]
    delivered = sum(entry.lines for entry in entries)
    landed = delivered - sum(entry.quarantined for entry in entries)
    return Line(
        table=table.full_name,
        sources={f"{table.feed} feed": delivered},
        rows_out=landed,
        excluded=_quarantined(store, engine, table.feed),
        stored=store.table(table.name).source().rows,
    )


def _quarantined(store: Store, engine: Engine, feed: str) -> dict[str, int]:
    """Quarantined lines by reason, the detail after the colon left out."""
    rows = engine.query(
        Query(
            "SELECT 'quarantined: ' || split_part(reason, ':', 1) AS reason, count(*) AS lines "
            "FROM quarantine WHERE feed = $feed GROUP BY 1 ORDER BY 2 DESC, 1",
            {"quarantine": quarantine(store)},
            {"feed": feed},
        )
    )
    return {row["reason"]: row["lines"] for row in rows.read_all().to_pylist()}


def quarantine(store: Store) -> Source:
    """The quarantined lines that count: of landed batches, and of no replaced version."""
    source = ledger.settled(store.table("quarantine").source(), ledger.batches(store))
    old = [
        f"(file = {_quoted(file)} AND batch < {batch})"
        for file, batch in ledger.replaced(store).items()
    ]
    return replace(source, where=f"NOT ({' OR '.join(old)})" if old else "")


def _promoted_line(store: Store, table: Table) -> Line | None:
    published = account_of(store, table)
    if published is None:
        return None
    return Line(
        table=table.full_name,
        sources={published.source: published.rows_in},
        rows_out=published.rows_out,
        excluded=published.excluded,
        stored=store.table(table.name).source().rows,
    )


def why(store: Store, engine: Engine, params: Params, email: str) -> list[Trail]:
    """Follow one person through every table, by the same queries that made the tables."""
    if not email.strip():
        raise UsageError("an empty address belongs to nobody; give the person's e-mail address")
    person = _person(engine, email)
    serials = _serials(store, engine, person)
    trails = [
        _landed(store, engine, table, person, serials)
        for table in load_tables().values()
        if table.feed
    ]
    return trails + [
        _judged(store, engine, table, params, person, serials) for table in refresh_order()
    ]


def _person(engine: Engine, email: str) -> str:
    """The address as people are matched, by the engine's own lower and trim."""
    query = Query("SELECT lower(trim($email)) AS person", {}, {"email": email})
    return str(engine.query(query).read_all().to_pylist()[0]["person"])


def pseudonym(key: bytes, person: str) -> str:
    """The subject_id of a person (a trimmed, lower-case address): HMAC-SHA256, RFC 2104."""
    return hmac.new(key, person.encode(), hashlib.sha256).hexdigest()


def _serials(store: Store, engine: Engine, person: str) -> list[str]:
    query = Query(
        "SELECT DISTINCT serialnumber FROM customer_landing WHERE lower(trim(email)) = $person",
        {"customer_landing": store.table("customer_landing").source()},
        {"person": person},
    )
    return [row["serialnumber"] for row in engine.query(query).read_all().to_pylist()]


def belongs(store: Store, table: Table, person: str, serials: list[str]) -> str:
    """A condition, in the embedded engine's SQL, that holds for the person's rows of a table."""
    if table.person is None:
        raise ContractError(f"{table.full_name}: table.yaml does not say whose a row is")
    column = '"' + table.person.column + '"'
    match table.person.by:
        case "email":
            return f"lower(trim({column})) = {_quoted(person)}"
        case "device":
            return f"{column} IN ({', '.join(map(_quoted, serials)) or 'NULL'})"
        case "pseudonym":
            return f"{column} = {_quoted(pseudonym(store.home.key(), person))}"
        case _:
            told = person if "@" in person else f'"{person}"'
            return f"contains(lower({column}), {_quoted(told)})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _landed(store: Store, engine: Engine, table: Table, person: str, serials: list[str]) -> Trail:
    held = _count(store, engine, table, person, serials)
    sources = {"quarantine": quarantine(store)}
    text = belongs(store, load_tables()["quarantine"], person, serials)
    sql = f"SELECT count(*) AS n FROM quarantine WHERE feed = {_quoted(table.feed)} AND {text}"
    bad = engine.query(Query(sql, sources)).read_all().to_pylist()[0]["n"]
    return Trail(table.full_name, held + bad, held, {"quarantined": bad} if bad else {})


def _count(store: Store, engine: Engine, table: Table, person: str, serials: list[str]) -> int:
    condition = belongs(store, table, person, serials)
    sql = f'SELECT count(*) AS n FROM "{table.name}" WHERE {condition}'
    sources = {table.name: store.table(table.name).source()}
    return int(engine.query(Query(sql, sources)).read_all().to_pylist()[0]["n"])


def _judged(
    store: Store, engine: Engine, table: Table, params: Params, person: str, serials: list[str]
) -> Trail:
    verdicts = translate(table.query, "duckdb")
    condition = belongs(store, table, person, serials)
    rows = engine.query(
        Query(
            f"SELECT excluded, count(*) AS n FROM ({verdicts}) WHERE {condition} GROUP BY 1",
            {name: store.table(name).source() for name in table.sources},
            used(params, verdicts),
        )
    )
    reasons = {row["excluded"]: row["n"] for row in rows.read_all().to_pylist()}
    promoted = reasons.pop(None, 0)
    rows_in = promoted + sum(reasons.values())
    held = _count(store, engine, table, person, serials)
    if promoted > held:
        reasons["exact duplicate"] = promoted - held
    return Trail(table.full_name, rows_in, held, reasons)
