"""The rules for what table.yaml declares beside the columns: `identifying`, `job`, `presence`.

Every table with a query has a job of its own, known by a name that no other table's job has.

Where `presence` names a table of readings, a run answers "has this person any?" from the
published table, without reading them all (`witnesses` of the embedded engine). That is right
only if the query asks nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from sqlglot import exp, parse_one

from stedi.contract.sql import SOURCE_DIALECT
from stedi.contract.table import LANDING_JOB, Table

_JOB = re.compile("[a-z][a-z0-9_]+")


def declared_faults(
    table: Table, tree: exp.Query | None, tables: Mapping[str, Table]
) -> Iterator[str]:
    """Every declaration that is broken or missing: the file in the table's folder, and the fault.

    `tree` is its query; None if there is none, or none that parses.
    """
    yield from _identifying(table)
    yield from _job(table, tables)
    yield from _presence(table, tree, tables)


def _identifying(table: Table) -> Iterator[str]:
    for column in table.columns:
        if table.identifying == "never" and column.pii != "none":
            yield (
                f"table.yaml: column {column.name} is pii: {column.pii} in a table that says "
                "identifying: never; drop the column or the promise"
            )


def _job(table: Table, tables: Mapping[str, Table]) -> Iterator[str]:
    if table.query and not table.job:
        yield "table.yaml: job is missing; name the job that refreshes the table"
    if table.job and not table.query:
        yield "table.yaml: job: the table has no query that a job could refresh it by; drop it"
    others = [name for other in tables.values() if other.name != table.name for name in other.job]
    for name in map(str, table.job):
        if not _JOB.fullmatch(name):
            yield f"table.yaml: job: {name!r} is no name; write lower-case letters, digits and _"
        elif name == LANDING_JOB:
            yield f"table.yaml: job: {name} is the job that lands files; choose another name"
        elif name in others or table.job.count(name) > 1:
            yield f"table.yaml: job: {name} is named twice; choose another name"


def _presence(table: Table, tree: exp.Query | None, tables: Mapping[str, Table]) -> Iterator[str]:
    for name in table.presence:
        if fault := _declared(table, name, tables):
            yield f"table.yaml: presence: {fault}"
        elif tree is not None:
            yield from _asked(tree, tables[name])
    if table.query and not table.time:
        for name in table.sources:
            if name in tables and tables[name].time and name not in table.presence:
                yield (
                    f"query.sql: reads {name}, a table of readings, for a table without an event "
                    "time; ask only who has any, and name it under presence in table.yaml"
                )


def _declared(table: Table, name: str, tables: Mapping[str, Table]) -> str:
    if table.time:
        return f"the table has an event time ({table.time}), so drop {name}"
    if name not in tables or name not in table.sources:
        return f"query.sql does not read {name}; drop it"
    if not tables[name].time:
        return f"{name} has no event time, its rows are no readings; drop it"
    if not (_by_email(table) and _by_email(tables[name])):
        return f"rows of {table.name} and of {name} must both be known by an e-mail address"
    return ""


def _by_email(table: Table) -> bool:
    return table.person is not None and table.person.by == "email"


def _asked(tree: exp.Query, readings: Table) -> Iterator[str]:
    wanted = f"SELECT DISTINCT lower(trim(`{readings.owner.column}`)) FROM {readings.name}"
    for node in tree.find_all(exp.Table):
        if node.name.lower() == readings.name and _plain(_select(node)) != _plain(_parsed(wanted)):
            yield f"query.sql: asks more of {readings.name} than who has any; write {wanted}"


def _parsed(sql: str) -> exp.Expr:
    return parse_one(sql, read=SOURCE_DIALECT)


def _select(node: exp.Table) -> exp.Expr:
    """The SELECT in whose FROM a table stands; the table itself if it stands elsewhere."""
    source = node.parent
    select = source.parent if isinstance(source, exp.From) else None
    return select if isinstance(select, exp.Select) else node


def _plain(tree: exp.Expr) -> str:
    """The text without the names given to columns; case and quotation marks do not count."""
    plain = tree.copy()
    if isinstance(plain, exp.Select):
        plain.set("expressions", [column.unalias() for column in plain.expressions])
    return plain.sql(SOURCE_DIALECT, identify=True, comments=False).lower()
