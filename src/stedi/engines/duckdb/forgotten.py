"""Rows taken out of tables: those of people who were forgotten, and those they deliver again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from stedi.contract import Table
from stedi.engines.base import KeptOut, Params
from stedi.engines.duckdb.session import literal, name, pattern, rows_of
from stedi.engines.duckdb.verdicts import Connection
from stedi.engines.duckdb.writing import write
from stedi.lake.model import Source, Target

# What may be an address or a serial number in a line that is not well-formed.
ADDRESS_OR_SERIAL = literal(
    r"""[^\s"'<>,:;\\{}\[\]]+@[^\s"'<>,:;\\{}\[\]]+|[0-9a-z]+(?:-[0-9a-z]+)+"""
)


def without_rows(
    connection: Connection, source: Source, target: Target, where: str
) -> tuple[list[str], list[str], int]:
    """Write the files that hold some of the rows again without them.

    Returns the files to remove, those to add in their place, and the number of rows gone.
    """
    if not source.files:
        return [], [], 0
    paths = ", ".join(pattern(file.path) for file in source.files)
    found = connection.execute(
        f"SELECT \"the file\", count(*) FROM read_parquet([{paths}], filename='the file', "
        f"union_by_name=true) WHERE {where} GROUP BY 1"
    ).fetchall()
    touched = {path for path, _ in found}
    if not touched:
        return [], [], 0
    part = replace(source, files=[file for file in source.files if file.path in touched])
    added = write(connection, f"SELECT * FROM ({rows_of(part)}) WHERE NOT ({where})", target)
    return sorted(touched), [file.path for file in added], sum(rows for _, rows in found)


def keep_out(
    connection: Connection,
    table: Table,
    source: Source,
    target: Target,
    fingerprints: Sequence[str],
    params: Params,
) -> KeptOut:
    """Take rows of forgotten people out of files that are about to be published."""
    theirs, file = _theirs(connection, table, source, fingerprints, params)
    if not theirs:
        return KeptOut()
    counted = connection.execute(
        f"SELECT {file}, count(*) FROM ({rows_of(source)}) WHERE {theirs} GROUP BY 1"
    ).fetchall()
    removed, added, _ = without_rows(connection, source, target, theirs)
    return KeptOut(removed, added, dict(counted))


def _theirs(
    connection: Connection,
    table: Table,
    source: Source,
    fingerprints: Sequence[str],
    params: Params,
) -> tuple[str, str]:
    """A condition for the rows of forgotten people (empty if none), and the column of files."""
    column = name(table.owner.column)
    kinds = {"email": ["person"], "device": ["device"]}.get(table.owner.by, ["person", "device"])
    if table.owner.by == "text":
        told = f"regexp_extract_all(lower({column}), {ADDRESS_OR_SERIAL})"
        each, file = f"unnest({told})", "file"
        condition = f"list_has_any({told}, (SELECT list(who) FROM out))"
    else:
        each, file = f"lower(trim({column}))" if table.owner.by == "email" else column, "_file"
        condition = f"{each} IN (SELECT who FROM out)"
    keys = " OR ".join(f"{fingerprint(kind, 'who')} IN (SELECT f FROM forgotten)" for kind in kinds)
    _list(connection, fingerprints)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE out AS SELECT who FROM ("
        f"SELECT DISTINCT {each} AS who FROM ({rows_of(source)})) WHERE {keys}",
        {key: value for key, value in params.items() if key.endswith("_pad")},
    )
    some = connection.execute("SELECT count(*) FROM out").fetchall()[0][0]
    return (condition if some else ""), file


def _list(connection: Connection, fingerprints: Sequence[str]) -> None:
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE forgotten AS SELECT unnest(CAST($all AS VARCHAR[])) AS f",
        {"all": list(fingerprints)},
    )


def fingerprint(kind: str, column: str) -> str:
    """The keyed fingerprint of a person or device, as `stedi.people.fingerprint` makes it."""
    text = f"encode('forgotten {kind} ' || {column})"
    return f"sha256(unhex($outer_pad) || unhex(sha256(unhex($inner_pad) || {text})))"
