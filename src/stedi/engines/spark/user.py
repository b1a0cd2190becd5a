"""Queries of people in Spark SQL: one SELECT over views of the lake's tables.

This is no sandbox: Spark's functions can do what the process may do.
"""

from __future__ import annotations

import re

import pyarrow as pa
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from stedi.contract import ZONES
from stedi.contract.sql import SOURCE_DIALECT
from stedi.engines.spark.errors import query_errors
from stedi.engines.spark.sql import SparkSQL
from stedi.errors import QueryError
from stedi.lake.model import Query

# A text literal, which stays as it is, or a table's name with its zone before it.
_ZONED = re.compile(rf"'(?:[^'\\]|\\.)*'|\b(?:{'|'.join(ZONES)})\.(\w+)\b")


def run(session: SparkSQL, query: Query) -> pa.RecordBatchReader:
    """The rows of one SELECT; QueryError says what is wrong with it."""
    with query_errors():
        for source in query.sources.values():
            session.show(source.name, session.rows_of(source))
        return session.arrow(_bare(query.sql), query.params).to_reader()


def _bare(sql: str) -> str:
    """The query with zone.table as table: a view's name has no zone."""
    try:
        found = [one for one in sqlglot.parse(sql, read=SOURCE_DIALECT) if one is not None]
    except SqlglotError as error:
        raise QueryError(str(error)) from error
    if len(found) != 1:
        raise QueryError(f"give one statement, found {len(found)}")
    if not isinstance(found[0], exp.Query):
        kind = found[0].key.upper()
        raise QueryError(f"only SELECT is possible here, the lake is read-only; found {kind}")
    return _ZONED.sub(lambda m: m[1] or m[0], sql).rstrip().rstrip(";")
