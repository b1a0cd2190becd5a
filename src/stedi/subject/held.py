"""A person's rows in one table: how many, of when, from which files, in which versions."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from stedi.contract import Table, load_tables
from stedi.engines.base import Engine
from stedi.lake.model import DataFile, Query, Snapshot, Source
from stedi.lake.store import Store
from stedi.lake.stored import StoredTable
from stedi.landing import ledger
from stedi.landing.ledger import Entry
from stedi.people import belongs, quoted
from stedi.subject.who import Person

WITHHELD = "(withheld: the line tells of somebody else, too)"
_ESCAPES = re.compile(r"\\u([0-9a-fA-F]{4})")
_ADDRESSES = re.compile(r"[^\s\"'`<>(){}\[\],;:=|/?&@\\]+@[^\s\"'`<>(){}\[\],;:=|/?&@\\]+")
_UUIDS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Part:
    """Rows of one table that came from one delivered file, and the run that landed them."""

    file: str
    rows: int
    first: datetime | None
    last: datetime | None
    run: str


@dataclass(frozen=True)
class Held:
    """A person's rows in the current version of one table.

    `first` and `last` are the event times in them (of customer records the lastupdatedate), `since`
    is when the first of them was landed or, in promoted tables, when the version was published.
    `parts` names the delivered files, in landing tables and quarantine. `versions` counts the
    kept snapshots of the table that hold rows of the person, the current one among them, and
    `oldest` is when the first of these was published.
    """

    table: Table
    rows: int
    first: datetime | None
    last: datetime | None
    since: datetime | None
    parts: Sequence[Part]
    versions: int
    oldest: datetime | None

    @property
    def research(self) -> bool:
        """Whether these rows are there for research to use."""
        return self.table.zone in ("trusted", "curated")


def held(store: Store, engine: Engine, person: Person, sources: Mapping[str, Source]) -> list[Held]:
    """The person's rows in every table of `sources`, its current version by bare name."""
    parts = _parts(store, engine, person, sources)
    known = {name for name, found in parts.items() if found}
    versions = _versions(store, engine, person, sources, known)
    return [_held(store, load_tables()[name], parts[name], versions[name]) for name in sources]


def _held(store: Store, table: Table, parts: Sequence[Part], versions: Sequence[Snapshot]) -> Held:
    times = [at for part in parts for at in (part.first, part.last) if at]
    return Held(
        table=table,
        rows=sum(part.rows for part in parts),
        first=min(times, default=None),
        last=max(times, default=None),
        since=_since(store, table, parts),
        parts=[part for part in parts if part.file],
        versions=len(versions),
        oldest=min((version.at for version in versions), default=None),
    )


def _theirs(store: Store, name: str, person: Person) -> str:
    return belongs(store, load_tables()[name], person.address, person.serials)


def _parts(
    store: Store, engine: Engine, person: Person, sources: Mapping[str, Source]
) -> dict[str, list[Part]]:
    """The rows of every table by the file they came from."""
    entries = ledger.entries(store)
    counts = " UNION ALL ".join(_counting(store, name, person) for name in sources)
    found: dict[str, list[Part]] = {name: [] for name in sources}
    for row in engine.query(Query(f"{counts} ORDER BY 1, 2", sources)).read_all().to_pylist():
        found[row.pop("name")].append(Part(**row, run=_run(entries, row["file"])))
    return found


def _counting(store: Store, name: str, person: Person) -> str:
    columns = {column.name for column in load_tables()[name].columns}
    file = next((f'"{known}"' for known in ("_source_file", "file") if known in columns), "''")
    time = load_tables()[name].time or ("lastupdatedate" if "lastupdatedate" in columns else "")
    moment = f'"{time}"' if time else "CAST(NULL AS TIMESTAMPTZ)"
    return (
        f"SELECT {quoted(name)} AS name, {file} AS file, count(*) AS rows, "
        f"min({moment}) AS first, max({moment}) AS last "
        f'FROM "{name}" WHERE {_theirs(store, name, person)} GROUP BY 1, 2'
    )


def _run(entries: Mapping[str, Entry], file: str) -> str:
    return entries[file].run if file in entries else ""


def run_time(run: str) -> datetime | None:
    """When a run started, by its name; None where the name does not say."""
    try:
        return datetime.strptime(run.partition("-")[0], "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _since(store: Store, table: Table, parts: Sequence[Part]) -> datetime | None:
    if table.query:
        return store.table(table.name).snapshots()[-1].at if parts else None
    return min(filter(None, (run_time(part.run) for part in parts)), default=None)


class _Kept:
    """The kept snapshots of one table; `found` are those known to hold rows of the person."""

    def __init__(self, stored: StoredTable, known: set[int | None]) -> None:
        self.snapshots = {snapshot.id: snapshot for snapshot in stored.snapshots()}
        self.found = known & set(self.snapshots)
        self._sources = {number: stored.source(number) for number in self.snapshots}
        self._groups = sorted(_groups(self._sources), key=lambda group: len(group[0]))

    def next(self) -> tuple[frozenset[int], Source] | None:
        """Files to search, with the snapshots that share them: those of the most come first.

        No file comes twice, and none whose snapshots are all found.
        """
        while self._groups:
            numbers, files = self._groups.pop()
            if not numbers <= self.found:
                newest = next(number for number in reversed(self.snapshots) if number in numbers)
                return numbers, replace(self._sources[newest], files=files)
        return None


def _versions(
    store: Store,
    engine: Engine,
    person: Person,
    sources: Mapping[str, Source],
    known: Collection[str],
) -> dict[str, list[Snapshot]]:
    """The kept snapshots that hold rows of the person; in `known` tables the current one does."""
    kept = {
        name: _Kept(store.table(name), {source.snapshot} if name in known else set())
        for name, source in sources.items()
    }
    while step := {name: found for name in kept if (found := kept[name].next())}:
        for name in _any(store, engine, person, {name: part for name, (_, part) in step.items()}):
            kept[name].found |= step[name][0]
    return {
        name: [snapshot for number, snapshot in one.snapshots.items() if number in one.found]
        for name, one in kept.items()
    }


def _groups(sources: Mapping[int, Source]) -> list[tuple[frozenset[int], list[DataFile]]]:
    files = {file.path: file for source in sources.values() for file in source.files}
    holders: dict[str, set[int]] = {path: set() for path in files}
    for number, source in sources.items():
        for file in source.files:
            holders[file.path].add(number)
    groups: dict[frozenset[int], list[DataFile]] = {}
    for path, numbers in holders.items():
        groups.setdefault(frozenset(numbers), []).append(files[path])
    return list(groups.items())


def _any(store: Store, engine: Engine, person: Person, sources: Mapping[str, Source]) -> list[str]:
    """Names of the tables that hold rows of the person in these files."""
    asked = " UNION ALL ".join(
        f"SELECT {quoted(name)} AS name "
        f'WHERE EXISTS (SELECT 1 FROM "{name}" WHERE {_theirs(store, name, person)})'
        for name in sources
    )
    return [row["name"] for row in engine.query(Query(asked, sources)).read_all().to_pylist()]


def shared_rows(
    store: Store, engine: Engine, person: Person, sources: Mapping[str, Source]
) -> dict[str, int]:
    """Readings by landing table of devices that others claim, too: attributed to nobody."""
    found: dict[str, int] = {}
    for table in (load_tables()[name] for name in sources if person.shared):
        if table.feed and table.person and table.person.by == "device":
            theirs = belongs(store, table, person.address, person.shared)
            sql = f'SELECT count(*) AS n FROM "{table.name}" WHERE {theirs}'
            counted = engine.query(Query(sql, {table.name: sources[table.name]})).read_all()
            found[table.full_name] = counted.to_pylist()[0]["n"]
    return {name: count for name, count in found.items() if count}


def rows_of(
    store: Store, engine: Engine, person: Person, source: Source
) -> Iterator[dict[str, Any]]:
    """The person's rows of one version of a table in full, in order, a batch in memory at a time.

    The text of a quarantined line that tells of somebody else, too, is withheld.
    """
    name = source.name
    sql = f'SELECT * FROM "{name}" WHERE {_theirs(store, name, person)} ORDER BY ALL'
    for batch in engine.query(Query(sql, {name: source})):
        rows = batch.to_pylist()
        yield from (_own(row, person) for row in rows) if name == "quarantine" else rows


def _own(row: dict[str, Any], person: Person) -> dict[str, Any]:
    text = _unescaped(row["text"]).lower()
    told = {found.strip(".") for found in _ADDRESSES.findall(text)}
    others = told - {person.address.lower()}
    if person.address not in text:
        others |= set(_UUIDS.findall(text)) - {serial.lower() for serial in person.serials}
    if not others:
        return row
    return row | {"text": WITHHELD, "reason": row["reason"].partition(":")[0]}


def _unescaped(text: str) -> str:
    units = _ESCAPES.sub(lambda found: chr(int(found[1], 16)), text)
    return units.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
