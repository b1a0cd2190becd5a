"""Who may see what, derived from the roles: a row for each table, a cell for each role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stedi.contract import Table, load_tables
from stedi.contract.roles import Role, load_roles


@dataclass(frozen=True)
class Sight:
    """What one role sees of one table: names of columns, and of those withheld from it.

    Where it sees none, the table is not there for it.
    """

    seen: Sequence[str]
    withheld: Sequence[str]


def sight(role: Role, table: Table) -> Sight:
    """The announced columns of a table as the role sees them."""
    seen = [column.name for column in role.columns(table)]
    return Sight(seen, [column.name for column in table.columns if column.name not in seen])


def access() -> list[tuple[Table, Mapping[str, Sight]]]:
    """Every table with what each role, by name, sees of it."""
    roles = load_roles().values()
    return [
        (table, {role.name: sight(role, table) for role in roles})
        for table in load_tables().values()
    ]
