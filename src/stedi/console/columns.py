"""Where columns come from and where they go, as a role may be told it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from stedi.contract import load_tables
from stedi.contract.lineage import table_edges, trace_rows, upstream
from stedi.contract.roles import Role


def trace(role: Role, name: str) -> dict[str, Any]:
    """`sources` and `uses` of `table.column`, each column before those behind it.

    Tables are named even where the role may not open them. The name of a column is withheld
    (None) if the role would see it nowhere.
    """
    above = list(trace_rows(load_tables(), name))[1:]
    sources = [_step(role, str(r["column"]), str(r["flow"]), r["depth"]) for r in above]
    return {"sources": sources, "uses": [_step(role, *one) for one in _used(name, 1)]}


def _step(role: Role, name: str, flow: str, depth: object) -> dict[str, Any]:
    bare, _, column = name.partition(".")
    found = load_tables()[bare]
    declared = found.column(column)
    return {
        "depth": depth,
        "table": found.full_name,
        "column": column if role.sees_column(declared) else None,
        "flow": flow,
        "pii": declared.pii,
        "open": role.sees(found),
    }


def _used(name: str, depth: int) -> Iterator[tuple[str, str, int]]:
    for into, flow in _flows().get(name, ()):
        yield into, flow, depth
        yield from _used(into, depth + 1)


@cache
def edges() -> Sequence[tuple[str, str]]:
    """(source, table) for every table that is made from others."""
    return table_edges(load_tables())


@cache
def _flows() -> Mapping[str, Sequence[tuple[str, str]]]:
    """For each column, the columns made from it directly, and how."""
    found: dict[str, list[tuple[str, str]]] = {}
    for made in load_tables().values():
        for column in made.columns if made.query else ():
            for source in upstream(made, column.name):
                into = f"{made.name}.{column.name}"
                found.setdefault(source.name, []).append((into, source.flow))
    return found
