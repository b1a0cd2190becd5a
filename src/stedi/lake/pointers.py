"""The catalog's pointers to the tables, read in a millisecond, without a library."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from stedi.lake.home import Home


def pointers(home: Home) -> list[tuple[str, ...]]:
    """Every row of the lake's own catalog: the metadata file that each table stands at.

    sqlite3.Error or OSError if there is none yet, or it cannot be read.
    """
    address = f"file:{home.catalog}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=30)) as connection:
        return connection.execute(
            "SELECT table_namespace, table_name, metadata_location FROM iceberg_tables "
            "ORDER BY 1, 2"
        ).fetchall()
