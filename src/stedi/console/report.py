"""`stedi report`: what the console shows of a lake, as one HTML file that needs nothing else.

No script, no picture or style from elsewhere. It leaves the house, so it holds counts, contracts
and SQL, never a value of a column that identifies people: its queries do not see such columns.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup

from stedi.api import open_lake
from stedi.checks import Result
from stedi.console.access import access
from stedi.console.asking import saved_for, saved_limits
from stedi.console.board import Board, Boards
from stedi.console.cells import plain
from stedi.console.charts import rows_over_time
from stedi.console.flow import flow
from stedi.console.views.runs import runs_of
from stedi.console.web import templates
from stedi.contract import Table, load_tables
from stedi.contract.lineage import identifying_paths, trace_rows
from stedi.contract.queries import SavedQuery
from stedi.contract.roles import Role, load_roles
from stedi.engines.spec import Limits
from stedi.errors import LakeError, QueryError, UsageError, storage_error
from stedi.lake.readers import reading
from stedi.places import Place
from stedi.reader import Reader
from stedi.sandbox.relations import named, spec
from stedi.sandbox.runner import Answer, Sandbox

MOST_ROWS = 100  # shown of a query's result
MOST_RUNS = 20
MOST_VERSIONS = 30
STYLE = Path(__file__).parent / "static" / "console.css"
_DARK = re.compile(r':root\[data-theme="dark"\] (\{[^}]*\})')


@dataclass(frozen=True)
class Shown:
    """A saved query with the first rows of its result, or why there are none here."""

    query: SavedQuery
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()
    count: int = 0
    cut: str = ""
    left_out: str = ""


def report(root: Place, role: Role) -> str:
    """The page of the lake as it is now, as far as the role sees it; LakeError if it is none."""
    board = asyncio.run(Boards(root).look(now=True))
    if board.trouble:
        raise LakeError(board.trouble)
    with open_lake(root) as lake:
        checks = lake.check()
        queries = asyncio.run(_queries(lake, role))
        facts = {**_facts(board, role), **_policy(lake)}
        moved = lake.version() != board.version
    shown = [one for one in checks if one.table in _names(role)]
    template = templates().get_template("report.html")
    return template.render(
        style=_style(), checks=_without_values(shown), queries=queries, moved=moved, **facts
    )


def write(text: str, path: Path) -> None:
    """Write the page to a file, whole or not at all; what was there before goes.

    StorageError if it cannot be written.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with part.open("w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise storage_error(error, str(path)) from error
    finally:
        part.unlink(missing_ok=True)


def writable_path(path: Path) -> Path:
    """The path of a report to write; UsageError for another name or a folder that is not there."""
    if path.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{path}: the file's name must end in .html")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{path.absolute().parent}: no such folder")
    if path.is_dir():
        raise UsageError(f"{path}: a folder; give a file")
    return path


def _names(role: Role) -> set[str]:
    return {table.full_name for table in role.tables()} | {"all tables"}


def _facts(board: Board, role: Role) -> dict[str, Any]:
    tables = role.tables()
    lines = [(table, board.account[table.name]) for table in tables if table.name in board.account]
    return {
        "board": board,
        "role": role,
        "made": datetime.now(UTC),
        "flow": flow(board.account, role),
        "lines": lines,
        "empty": not any(line.rows_in for _, line in lines),
        "balanced": all(line.balanced for _, line in lines),
        "tables": [(table, board.tables[table.name]) for table in tables],
        "columns": {table.name: role.columns(table) for table in tables},
        "charts": {table.name: _chart(board, table) for table in tables},
        "versions": {table.name: _versions(board, table) for table in tables},
        "proofs": [_proof(role, table) for table in tables if table.identifying == "never"],
        "runs": runs_of(board, role)[:MOST_RUNS],
        "roles": [one for one in load_roles().values() if set(one.zones) <= set(role.zones)],
        "access": [(table, sights) for table, sights in access() if role.sees(table)],
    }


def _versions(board: Board, table: Table) -> list[Any]:
    return list(reversed(board.history.get(table.name, ())))[:MOST_VERSIONS]


def _chart(board: Board, table: Table) -> Any:
    counts = [(version.at, version.rows) for version in board.history.get(table.name, ())]
    return rows_over_time(counts, board.made)


def _proof(role: Role, table: Table) -> tuple[Table, Sequence[str], Sequence[dict[str, object]]]:
    """A table that must not hold identifying columns: paths by which some reach it, its lineage."""
    tables = load_tables()
    names = [f"{table.name}.{column.name}" for column in table.columns]
    rows = [row for name in names for row in trace_rows(tables, name)]
    paths = [str(path) for path in identifying_paths(tables, table)]
    return table, paths, [row | {"column": _named(role, str(row["column"]))} for row in rows]


def _named(role: Role, name: str) -> str:
    """A column on the way with its table; its own name only if the role would see it anywhere."""
    bare, _, column = name.partition(".")
    found = load_tables()[bare]
    seen = role.sees_column(found.column(column))
    return f"{found.full_name}.{column}" if seen else f"{found.full_name}, a withheld column"


def _policy(lake: Reader) -> dict[str, Any]:
    return {"consent": lake.home.consent, "upkeep": lake.home.maintain}


def _without_values(checks: Sequence[Result]) -> list[Result]:
    """Broken ones first, without the example row that their detail may give."""
    told = [one.without_example for one in checks]
    return sorted(told, key=lambda one: one.passed)


async def _queries(lake: Reader, role: Role) -> list[Shown]:
    """The saved queries that are open to the role, one after the other."""
    sandbox, narrow = Sandbox(width=1), replace(role, personal=("none",))
    try:
        return [await _query(lake, narrow, sandbox, query) for query in saved_for(role)]
    finally:
        sandbox.close()


async def _query(lake: Reader, role: Role, sandbox: Sandbox, query: SavedQuery) -> Shown:
    if why := _personal(query):
        return Shown(query, left_out=why)
    try:
        with reading(lake.home):
            sources = lake.sources(named(role, query.sql))
            return _shown(query, await sandbox.run(spec(role, query.sql, sources, _limits())))
    except QueryError as error:
        return Shown(query, left_out=str(error))


def _limits() -> Limits:
    return saved_limits(Limits())


def _personal(query: SavedQuery) -> str:
    """Why a query has no place in a file that is handed on; empty if it has."""
    words = set(re.findall(r"\w+", query.sql.lower()))
    tables = [load_tables()[name] for name in query.tables]
    if any(table.person and table.person.by == "text" for table in tables):
        return "it may quote delivered lines"
    columns = (column for table in tables for column in table.columns)
    named = sorted({column.name for column in columns if column.pii != "none"} & words)
    return f"it reads what identifies people: {', '.join(named)}" if named else ""


def _shown(query: SavedQuery, answer: Answer) -> Shown:
    """The first rows; none of a list of people, not even under their pseudonyms."""
    table, people = answer.rows, {t.person.column for t in load_tables().values() if t.person}
    if listed := sorted(people & set(table.column_names)):
        return Shown(query, left_out=f"it lists people one by one, by {', '.join(listed)}")
    first = table.slice(0, MOST_ROWS)
    columns = [[plain(value.as_py()) for value in column] for column in first.columns]
    rows = list(zip(*columns, strict=True))
    return Shown(query, table.column_names, rows, table.num_rows, answer.cut)


def _style() -> Markup:
    """The console's own sheet; dark where the reader's system is, since no script chooses."""
    sheet = STYLE.read_text("utf-8")
    return Markup(_DARK.sub(r"@media screen and (prefers-color-scheme: dark) { :root \1 }", sheet))  # noqa: S704, a file of ours
