"""What a promoted table is in the end a function of: its roots, found by following its query.

A table of readings is made cell by cell: what it holds of one person on one day follows from
the landed readings of that day and from the tables of customers, whichever tables of readings
stand between. So its roots are the landed readings, whose changes touch days, and the tables
without an event time, whose changes touch people.
"""

from __future__ import annotations

import hashlib
import re

from stedi.contract.table import Table, load_tables


def roots(table: Table) -> tuple[str, ...]:
    """The tables whose changes can change `table`, each once, nearest first."""
    found: dict[str, None] = {}
    for name in table.sources:
        source = load_tables()[name]
        if source.time and source.query:
            found.update(dict.fromkeys(roots(source)))
        else:
            found[name] = None
    return tuple(found)


def recipe(table: Table) -> str:
    """Changes when the query or columns of the table or of any promoted table above it do."""
    tables = load_tables()
    above = sorted({name for name in ancestors(table) if tables[name].query})
    text = table.fingerprint + "".join(tables[name].fingerprint for name in above)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def columns_read(table: Table, root: str) -> tuple[str, ...]:
    """Columns of a root that the query, or one on the way to it, may read; never fewer."""
    words = set(re.findall(r"\w+", " ".join(_way(table)).lower()))
    columns = load_tables()[root].columns
    always = {device_column(), load_tables()[root].owner.column}
    return tuple(c.name for c in columns if c.name in words | always)


def _way(table: Table) -> list[str]:
    """The query of a table and of every table of readings between it and its roots."""
    between = (load_tables()[name] for name in table.sources)
    above = [_way(source) for source in between if source.time and source.query]
    return [table.query, *(query for queries in above for query in queries)]


def ancestors(table: Table) -> set[str]:
    """Every table that it reads, directly or through others."""
    found = set(table.sources)
    for name in table.sources:
        found |= ancestors(load_tables()[name])
    return found


def registry() -> Table:
    """The landing table of people and their devices: the one that has no event time."""
    return next(t for t in load_tables().values() if t.feed and not t.time)


def device_column() -> str:
    """The column, of the registry too, that names a device."""
    people = (table.person for table in load_tables().values())
    return next(person.column for person in people if person and person.by == "device")
