"""The house's SQL in an engine's own dialect.

Translations are made by sqlglot and kept beside this module in translated.json, by a hash of
the original, so that a run need not load the translator: `make docs` writes the file, a test
compares it. SQL that is not in it is translated on the spot.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from stedi.contract.table import Table, load_tables

SOURCE_DIALECT = "databricks"
# People and their pseudonyms, as machine_learning_curated computes them.
PSEUDONYMS = (
    "SELECT person, sha2(unhex(:outer_pad) || unhex(sha2(unhex(:inner_pad) || "
    "encode(person, 'UTF-8'), 256)), 256) AS subject_id FROM scope_persons"
)
KEPT = Path(__file__).with_name("translated.json")


@cache
def translate(sql: str, dialect: str) -> str:
    """One SELECT of the house, written in Spark SQL, in another engine's dialect."""
    return _kept().get(_key(sql, dialect)) or _translate(sql, dialect)


@cache
def _kept() -> dict[str, str]:
    found: dict[str, str] = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else {}
    return found


def _key(sql: str, dialect: str) -> str:
    return f"{dialect}-{hashlib.sha256(sql.encode()).hexdigest()[:16]}"


def _translate(sql: str, dialect: str) -> str:
    import sqlglot

    return sqlglot.parse_one(sql, read=SOURCE_DIALECT).sql(dialect, identify=True, comments=False)


def used(params: Mapping[str, str], sql: str) -> dict[str, str]:
    """The parameters that a query names, as :name or $name: engines refuse any other."""
    return {key: value for key, value in params.items() if re.search(rf"[:$]{key}\b", sql)}


def statements(table: Table) -> list[str]:
    """All SQL of a table's folder: its query and its checks'."""
    return [sql for sql in (table.query, *(check.sql for check in table.checks)) if sql]


def translations(dialect: str = "duckdb") -> dict[str, str]:
    """What translated.json holds, made anew."""
    found = [sql for table in load_tables().values() for sql in statements(table)]
    return {_key(sql, dialect): _translate(sql, dialect) for sql in (*found, PSEUDONYMS)}


if __name__ == "__main__":
    KEPT.write_text(json.dumps(translations(), indent=1, sort_keys=True) + "\n", "utf-8")
