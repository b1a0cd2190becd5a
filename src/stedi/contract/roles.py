"""Who sees what: the roles of zones/roles.yaml, and what each may see of a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from stedi.contract.table import FOLDER, PII, ZONES, Column, Table, load_tables
from stedi.errors import ContractError, UsageError

UNANNOUNCED = "direct"  # what a column that no contract names is taken for


@dataclass(frozen=True)
class Role:
    """A kind of user: the zones whose tables they see, the kinds of columns, `subjects` or not.

    `personal` lists the values of a column's `pii` that they see; `subjects` lets them look up,
    export and forget people.
    """

    name: str
    description: str
    zones: tuple[str, ...]
    personal: tuple[str, ...]
    subjects: bool = False

    def sees(self, table: Table) -> bool:
        """Whether the table is there for them at all."""
        return table.zone in self.zones and any(map(self.sees_column, table.columns))

    def sees_column(self, column: Column) -> bool:
        """Whether they see that column of a table they see."""
        return column.pii in self.personal

    def columns(self, table: Table) -> list[Column]:
        """The announced columns they see of a table, in order; none of a table they do not see."""
        seen = table.zone in self.zones
        return [column for column in table.columns if seen and self.sees_column(column)]

    def names(self, table: Table, stored: Iterable[str]) -> list[str]:
        """Of the columns as stored, unannounced ones too, those they see."""
        announced = {column.name: column.pii for column in table.columns}
        if table.zone not in self.zones:
            return []
        return [n for n in stored if announced.get(n, UNANNOUNCED) in self.personal]

    def tables(self) -> list[Table]:
        """The tables they see, in zone order."""
        return [table for table in load_tables().values() if self.sees(table)]


@cache
def load_roles(where: Path = FOLDER / "roles.yaml") -> Mapping[str, Role]:
    """All roles by name; ContractError names what is wrong in the file."""
    try:
        raw = yaml.safe_load(where.read_text("utf-8"))
        return {name: _role(name, entry) for name, entry in raw.items()}
    except (yaml.YAMLError, TypeError, KeyError, AttributeError, ValueError) as error:
        raise ContractError(f"{where}: {error}; see docs/console.md for the fields") from error


def _role(name: str, entry: dict[str, Any]) -> Role:
    for key, allowed in {"zones": ZONES, "personal": PII}.items():
        values = entry[key]
        if not isinstance(values, list) or set(values) - set(allowed):
            raise ValueError(f"role {name}: {key} must be a list of {', '.join(allowed)}")
        entry = {**entry, key: tuple(values)}
    return Role(name=name, **entry)


def find_role(name: str) -> Role:
    """The role of that name; UsageError lists those there are."""
    roles = load_roles()
    if name not in roles:
        raise UsageError(f"there is no role {name!r}; there are {', '.join(roles)}")
    return roles[name]
