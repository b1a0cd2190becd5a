"""A lake's tables as a role sees them, for a query in the sandbox."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from stedi.contract import Table
from stedi.contract.roles import Role
from stedi.engines.spec import Limits, Relation, Spec
from stedi.lake.model import Source, local


def named(role: Role, sql: str) -> list[str]:
    """The tables of the role whose names stand anywhere in the text."""
    words = set(re.findall(r"\w+", sql.lower()))
    return [table.name for table in role.tables() if table.name in words]


def spec(role: Role, sql: str, sources: Mapping[str, Source], limits: Limits) -> Spec:
    """The query with what it may see of `sources`; tables that are not the role's are left out."""
    seen = {table.name: table for table in role.tables()}
    relations = [_relation(role, seen[n], source) for n, source in sources.items() if n in seen]
    tables = [(table.zone, table.name) for table in seen.values()]
    return Spec(sql, relations, tables, limits)


def _relation(role: Role, table: Table, source: Source) -> Relation:
    types = {field.name: field.type for field in source.fields}
    seen = role.names(table, types)
    return Relation(
        zone=table.zone,
        name=table.name,
        columns=[(name, types[name]) for name in seen],
        files=[local(file.path) for file in source.files],
        sizes=[file.bytes for file in source.files],
        older={c.name: c.was for c in table.columns if c.was and c.name in seen},
        where=source.where,
        needs=_needs(source, types, seen),
    )


def _needs(source: Source, types: Mapping[str, str], seen: Sequence[str]) -> list[tuple[str, str]]:
    """Columns that the house's own condition may read although the role does not see them."""
    words = set(re.findall(r"\w+", source.where))
    return [(name, types[name]) for name in types if name in words and name not in seen]
