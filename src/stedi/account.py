"""Every row accounted for: in = out + excluded by reason, for every table; and for one person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from stedi.contract import Table, load_tables, refresh_order
from stedi.contract.sql import translate, used
from stedi.engines.base import Engine, Params
from stedi.lake.model import Query, Source
from stedi.lake.store import Store
from stedi.landing import ledger
from stedi.landing.keepout import reason
from stedi.people import belongs, person_of, quoted, serials_of
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
    return Line(
        table=table.full_name,
        sources={f"{table.feed} feed": delivered},
        rows_out=sum(entry.landed for entry in entries),
        excluded={
            **_quarantined(store, engine, table.feed),
            **reason(sum(entry.forgotten for entry in entries)),
        },
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
        f"(file = {quoted(file)} AND batch < {batch})"
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
    person = person_of(engine, email)
    serials = serials_of(store, engine, person)
    return trails(store, engine, params, person, serials, sources_of(store))


def sources_of(store: Store) -> dict[str, Source]:
    """The current version of every table of people's rows, by bare name; what counts in it."""
    people = [table.name for table in load_tables().values() if table.person]
    found = {name: store.table(name).source() for name in people}
    return found | {"quarantine": quarantine(store)}


def trails(
    store: Store,
    engine: Engine,
    params: Params,
    person: str,
    serials: Sequence[str],
    sources: Mapping[str, Source],
) -> list[Trail]:
    """What became of one person's rows, and of those of the devices, table by table."""
    held = _held(store, engine, person, serials, sources)
    found = [_landed(table, held) for table in load_tables().values() if table.feed]
    for table in refresh_order():
        condition = belongs(store, table, person, serials)
        reasons = _judged(engine, table, params, condition, sources)
        found.append(_promoted(table, reasons, held.get((table.name, ""), 0)))
    return found


def _held(
    store: Store,
    engine: Engine,
    person: str,
    serials: Sequence[str],
    sources: Mapping[str, Source],
) -> dict[tuple[str, str], int]:
    """Rows held by table, of quarantine by table and feed."""
    counts = [
        f"SELECT {quoted(name)} AS name, {'feed' if name == 'quarantine' else quoted('')} AS feed, "
        f'count(*) AS n FROM "{name}" '
        f"WHERE {belongs(store, load_tables()[name], person, serials)} GROUP BY 1, 2"
        for name in sources
    ]
    rows = engine.query(Query(" UNION ALL ".join(counts), sources)).read_all().to_pylist()
    return {(row["name"], row["feed"]): row["n"] for row in rows}


def _landed(table: Table, held: Mapping[tuple[str, str], int]) -> Trail:
    landed, bad = held.get((table.name, ""), 0), held.get(("quarantine", table.feed), 0)
    return Trail(table.full_name, landed + bad, landed, {"quarantined": bad} if bad else {})


def _judged(
    engine: Engine, table: Table, params: Params, condition: str, sources: Mapping[str, Source]
) -> dict[str | None, int]:
    verdicts = translate(table.query, "duckdb")
    rows = engine.query(
        Query(
            f"SELECT excluded, count(*) AS n FROM ({verdicts}) WHERE {condition} "
            "GROUP BY 1 ORDER BY 2 DESC, 1",
            {name: sources[name] for name in table.sources},
            used(params, verdicts),
        )
    )
    return {row["excluded"]: row["n"] for row in rows.read_all().to_pylist()}


def _promoted(table: Table, reasons: dict[str | None, int], held: int) -> Trail:
    promoted = reasons.pop(None, 0)
    excluded = {str(reason): count for reason, count in reasons.items()}
    if promoted > held:
        excluded["exact duplicate"] = promoted - held
    return Trail(table.full_name, promoted + sum(reasons.values()), held, excluded)
