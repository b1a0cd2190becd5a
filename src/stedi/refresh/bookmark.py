"""What a published table remembers of how it was made, in its snapshot's summary.

    stedi.run         the run that published it
    stedi.bookmark    fingerprint of query, policy and key, and the source snapshots it has seen
    stedi.account     candidate rows, promoted rows, excluded rows by reason

The summary travels in the commit, so that the data and what is said of it cannot come apart.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from stedi.contract import Table
from stedi.engines.base import Params
from stedi.lake.store import Store

RUN = "stedi.run"
BOOKMARK = "stedi.bookmark"
ACCOUNT = "stedi.account"


@dataclass(frozen=True)
class Account:
    """Every candidate row of one published table: in = out + excluded, by reason."""

    table: str
    source: str
    rows_in: int
    rows_out: int
    excluded: Mapping[str, int]
    seconds: float
    engine: str
    run: str

    @property
    def balanced(self) -> bool:
        """Whether every row in is a row out or excluded with a reason."""
        return self.rows_in == self.rows_out + sum(self.excluded.values())

    def row(self, snapshot: int, published: datetime) -> dict[str, object]:
        """The same as a row of ops.runs."""
        values = asdict(self) | {"excluded": json.dumps(dict(self.excluded), sort_keys=True)}
        return values | {"snapshot": snapshot, "published": published}


def bookmark(store: Store, table: Table, params: Params) -> str:
    """What the table would be made from now, as canonical JSON."""
    used = {key: value for key, value in params.items() if f":{key}" in table.query}
    seen = {name: store.table(name).source_id for name in table.sources}
    text = table.fingerprint + json.dumps(used, sort_keys=True)
    made_by = hashlib.sha256(text.encode()).hexdigest()[:16]
    return json.dumps({"query": made_by, "sources": seen}, sort_keys=True)


def account_of(store: Store, table: Table) -> Account | None:
    """The account of the current version; None before the first publication."""
    raw = store.table(table.name).summary.get(ACCOUNT)
    return Account(**json.loads(raw)) if raw else None
