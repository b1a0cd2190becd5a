"""What a lake holds and says of it, read back to be compared."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from helpers import PROMOTED
from histories.truth import COLUMNS, FORGOTTEN, Account, Rows
from stedi.api import Lake
from stedi.contract import load_tables

BAD = "SELECT feed, text FROM quarantine"
PARSED = {"timestamp": datetime.fromisoformat, "date": date.fromisoformat}


def account_of(lake: Lake) -> dict[str, Account]:
    """The account by table; what it says went out must be what is stored."""
    lines = lake.account()
    assert [line for line in lines if not line.balanced] == []
    return {
        line.table.split(".")[1]: Account(line.rows_in, line.rows_out, dict(line.excluded))
        for line in lines
    }


def without_causes(account: Account) -> Account:
    """A landing table's account without why lines are not well-formed."""
    kept_out = account.excluded.get(FORGOTTEN, 0)
    named = {"quarantined": sum(account.excluded.values()) - kept_out, FORGOTTEN: kept_out}
    return replace(account, excluded={reason: rows for reason, rows in named.items() if rows})


def quarantine_of(lake: Lake) -> Counter[tuple[str, str]]:
    """Feed and text of every quarantined line."""
    return Counter((row["feed"], row["text"]) for row in lake.sql(BAD))


def tables_of(lake: Lake) -> dict[str, Rows]:
    """Every promoted table as counted rows, read with one query."""
    sql = " UNION ALL ".join(
        f"SELECT '{n}' AS name, CAST(to_json(t) AS VARCHAR) AS row FROM {n} t" for n in PROMOTED
    )
    found: dict[str, Rows] = {name: Counter() for name in PROMOTED}
    for line in lake.sql(sql):
        found[line["name"]][_values(line["name"], json.loads(line["row"]))] += 1
    return found


def _values(table: str, row: dict[str, Any]) -> tuple[Any, ...]:
    kinds = {column.name: column.type for column in load_tables()[table].columns}
    assert row.keys() == kinds.keys(), f"{table} has the columns {[*row]}"
    return tuple(_value(kinds[name], row[name]) for name in COLUMNS[table])


def _value(kind: str, value: Any) -> Any:
    found = PARSED[kind](value) if kind in PARSED and value is not None else value
    if isinstance(found, datetime):
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return found


def check_same(found: dict[str, Rows], expected: dict[str, Rows], by: str) -> None:
    """AssertionError that names the rows which are missing, or too many."""
    for name, rows in expected.items():
        missing, extra = rows - found[name], found[name] - rows
        assert not missing, f"{name}: by {by} there are also {list(missing.elements())}"
        assert not extra, f"{name}: by {by} there are no {list(extra.elements())}"
