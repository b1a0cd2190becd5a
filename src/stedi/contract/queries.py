"""The saved queries of zones/queries: validations and first looks, in SQL that engines agree on.

`<name>.sql`: a first comment line, the title; then one SELECT. The names of columns that are
words of SQL stand in double quotes, so that DuckDB and Trino (Athena) run the text as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from stedi.contract.roles import Role
from stedi.contract.table import FOLDER, load_tables
from stedi.errors import ContractError


@dataclass(frozen=True)
class SavedQuery:
    """A query with a name and a title; `tables` are those it reads."""

    name: str
    title: str
    sql: str
    tables: tuple[str, ...]

    def open_to(self, role: Role) -> bool:
        """Whether the role may see every table it reads."""
        return all(role.sees(load_tables()[name]) for name in self.tables)


@cache
def load_queries(folder: Path = FOLDER / "queries") -> tuple[SavedQuery, ...]:
    """All saved queries by name; ContractError for a file without a title."""
    return tuple(_read(path) for path in sorted(folder.glob("*.sql")))


def _read(path: Path) -> SavedQuery:
    title, _, sql = path.read_text("utf-8").partition("\n")
    if not title.startswith("-- "):
        raise ContractError(f"{path}: the first line must be a comment, the query's title")
    words = set(sql.replace("\n", " ").replace(",", " ").split())
    tables = tuple(name for name in load_tables() if name in words)
    return SavedQuery(path.stem, title.removeprefix("-- ").rstrip("."), sql.strip(), tables)
