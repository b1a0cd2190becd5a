"""Landing tables, quarantine and ledger without the people to forget."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, cast

from stedi.contract import Table, load_tables
from stedi.engines.arrow import write_rows
from stedi.engines.base import Engine
from stedi.erasure.hits import Rewritten
from stedi.erasure.journal import Journal, Removed
from stedi.erasure.needles import Needles
from stedi.erasure.objects import of_this
from stedi.feeds.raw import read_lines
from stedi.lake.model import VERSION, Query
from stedi.lake.store import Store
from stedi.landing import ledger
from stedi.landing.ledger import Entry
from stedi.people import quoted, spelled
from stedi.places import Place, place
from stedi.subject.raw import needles_of

ERASURE = "stedi.erasure"
ERASED = "stedi.erased"


def count(store: Store, engine: Engine, table: Table, journal: Journal) -> int:
    """Rows of theirs in a table."""
    theirs = condition(store, engine, table, journal.people, journal.devices)
    sql = f'SELECT count(*) AS n FROM "{table.name}" WHERE {theirs}'
    sources = {table.name: store.table(table.name).source()}
    return int(engine.query(Query(sql, sources)).read_all().to_pylist()[0]["n"])


def condition(
    store: Store, engine: Engine, table: Table, people: Sequence[str], devices: Sequence[str]
) -> str:
    """A condition, in the embedded engine's SQL, that holds for their rows of a table.

    A quarantined line is theirs by the same search that takes it out of its delivered file.
    """
    if table.owner.by != "text":
        return spelled(store, engine, table, people, devices)
    needles = {
        t.feed: needles_of(t.feed, people, devices) for t in load_tables().values() if t.feed
    }
    sources = {table.name: store.table(table.name).source()}
    query = Query(f'SELECT feed, file, line, text FROM "{table.name}"', sources)
    places = [
        f"({quoted(row['file'])}, {row['line']})"
        for part in engine.query(query)
        for row in part.to_pylist()
        if _tells(row["text"].encode(), needles[row["feed"]])
    ]
    return f"(file, line) IN ({', '.join(places)})" if places else "false"


def _tells(text: bytes, needles: Needles) -> bool:
    return any(True for _ in needles.plain(text)) or any(True for _ in needles.escaped(text))


def clear_landing(store: Store, engine: Engine, journal: Journal) -> None:
    """Rewrite the files of landing tables and quarantine that hold rows of theirs."""
    for table in load_tables().values():
        if table.zone == "landing":
            journal.removed[table.full_name] = _clear(store, engine, table, journal)


def _clear(store: Store, engine: Engine, table: Table, journal: Journal) -> Removed:
    """Take their rows out in one commit, which tells how many it took."""
    stored = store.table(table.name)
    theirs = condition(store, engine, table, journal.people, journal.devices)
    gone, added, rows = engine.without_rows(stored.source(), stored.target(), theirs)
    if gone:
        summary = {key: value for key, value in stored.inherited().items() if key != VERSION}
        told = {ERASURE: journal.erasure, ERASED: f"{len(gone)} {rows}"}
        stored.publish(added, summary | told, removed=gone)
    if stored.summary.get(ERASURE) != journal.erasure:
        return Removed()
    files, taken = stored.summary[ERASED].split()
    return Removed(int(files), int(taken))


def mend_ledger(
    store: Store, engine: Engine, journal: Journal, cut: Mapping[str, Rewritten]
) -> None:
    """Let ops.files tell the delivered files as they are now, so that none is landed again.

    `cut` is what is known of files that were rewritten just now; others are read once more.
    """
    known = ledger.entries(store)
    changed = []
    for feed, paths in journal.delivered.items():
        landed = _by_file(store, engine, ledger.landing_table(feed), "_source_file", paths)
        bad = _by_file(store, engine, "quarantine", "file", paths)
        for old in (known[path] for path in paths if path in known):
            held = landed.get(old.file, 0), bad.get(old.file, 0)
            new = _mended(old, cut.get(old.file), *held)
            changed += [new] if new != old else []
    if changed:
        _exchange(store, engine, changed)


def _by_file(
    store: Store, engine: Engine, name: str, column: str, paths: Sequence[str]
) -> dict[str, int]:
    listed = ", ".join(map(quoted, paths)) or "NULL"
    sql = (
        f'SELECT {column} AS file, count(*) AS n FROM "{name}" '
        f"WHERE {column} IN ({listed}) GROUP BY 1"
    )
    rows = engine.query(Query(sql, {name: store.table(name).source()})).read_all().to_pylist()
    return {row["file"]: row["n"] for row in rows}


def _mended(old: Entry, cut: Rewritten | None, landed: int, quarantined: int) -> Entry:
    """The entry of a file as it is now; one that changed since it was landed stays to be landed.

    Lines that are neither landed nor quarantined are those that were kept out.
    """
    path = place(old.file)
    lines = landed + quarantined + old.forgotten
    if not of_this(path, old.modified):
        return replace(old, lines=lines, quarantined=quarantined)
    if cut is not None:
        size, modified, checksum, lines = cut.size, cut.modified, cut.sha256, cut.lines_left
    else:
        stat, checksum = path.stat(), _checksum(path)
        size, modified = stat.st_size, stat.st_mtime_ns
        lines = sum(len(batch.numbers) for batch in read_lines(old.file))
    kept_out = max(lines - landed - quarantined, 0)
    return replace(
        old,
        size=size,
        modified=modified,
        checksum=checksum,
        lines=landed + quarantined + kept_out,
        quarantined=quarantined,
        forgotten=kept_out,
    )


def _checksum(path: Place) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(cast(Any, file), "sha256").hexdigest()


def _exchange(store: Store, engine: Engine, entries: Sequence[Entry]) -> None:
    table = store.table("files")
    files = [entry.file for entry in entries]
    gone, kept = engine.without(table.source(), table.target(), "file", files)
    new = write_rows([asdict(entry) for entry in entries], table.target())
    table.publish([*kept, new], table.inherited(), removed=gone)
