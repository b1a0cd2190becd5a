"""What a query in the sandbox is told: its SQL, the tables it may see, its limits. Plain data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from stedi.places import is_remote

MB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What one query may use.

    `seconds` of time; `memory` for DuckDB and `address_space` for the whole process, `size` of
    the result, in bytes; `rows` of the result; `threads`.
    """

    seconds: float = 10
    memory: int = 1024 * MB
    address_space: int = 4096 * MB
    size: int = 512 * MB
    rows: int = 1_000_000
    threads: int = 2


@dataclass(frozen=True)
class Relation:
    """A table as a query sees it: the columns it may see, and the files that hold its rows.

    Files are paths of this machine or addresses of S3; `sizes` are theirs, in bytes.
    `columns` are name and type (a contract's type names), `older` the names that columns had in
    older files, `where` a condition of the house on the rows that count and `needs` the columns,
    hidden from the query, that it reads.
    """

    zone: str
    name: str
    columns: Sequence[tuple[str, str]]
    files: Sequence[str]
    sizes: Sequence[int]
    older: dict[str, str] = field(default_factory=dict)
    where: str = ""
    needs: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Spec:
    """One query: its text, the tables it names, all that it may name (zone and name)."""

    sql: str
    relations: Sequence[Relation]
    tables: Sequence[tuple[str, str]]
    limits: Limits = field(default_factory=Limits)

    @property
    def files(self) -> list[str]:
        """Those that the query may open itself."""
        return [file for one in self.relations for file in one.files if not is_remote(file)]

    @property
    def lent(self) -> list[str]:
        """Those that are read for it; the number of each is its place among them."""
        return [file for one in self.relations for file in one.files if is_remote(file)]

    def to_json(self) -> bytes:
        """For the way into the child."""
        return json.dumps(asdict(self)).encode()

    @staticmethod
    def from_json(text: bytes) -> Spec:
        """What `to_json` wrote."""
        raw: dict[str, Any] = json.loads(text)
        relations = [Relation(**entry) for entry in raw["relations"]]
        tables = [(zone, name) for zone, name in raw["tables"]]
        return Spec(raw["sql"], relations, tables, Limits(**raw["limits"]))
