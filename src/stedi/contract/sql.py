"""Verdict queries and user queries as syntax trees: translation between engines."""

from __future__ import annotations

from functools import cache

SOURCE_DIALECT = "databricks"


@cache
def translate(sql: str, dialect: str) -> str:
    """One SELECT of the house, written in Spark SQL, in another engine's dialect."""
    import sqlglot

    return sqlglot.parse_one(sql, read=SOURCE_DIALECT).sql(dialect, identify=True, comments=False)
