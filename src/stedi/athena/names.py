"""The lake's names for its tables, in the databases of Glue where Athena finds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stedi.contract import ZONES, load_tables
from stedi.errors import QueryError, UsageError
from stedi.lake.catalog import namespace
from stedi.lake.home import Home

if TYPE_CHECKING:
    from sqlglot import exp

_ONLY_SELECT = "only SELECT is possible here, on Athena too"


def databases(home: Home) -> dict[str, str]:
    """Glue's database of each zone; UsageError if Athena cannot know the lake."""
    kind = home.catalog_policy.type
    if kind != "glue":
        raise UsageError(
            f"{home.root}/stedi.toml: Athena reads the tables of a Glue catalog, this lake's is "
            f"{kind!r}; name a lake whose catalog is glue, or a database of Glue with --database"
        )
    return {zone: namespace(home, zone) for zone in ZONES}


def in_databases(sql: str, found: Mapping[str, str]) -> str:
    """One SELECT whose tables are named as in the lake, with the databases they lie in.

    A bare name of a table gets its database, a zone before the name becomes the zone's. All else
    stays as it was written. QueryError if it is not one SELECT.
    """
    tree = select(sql)
    changes = {change for name in _names(tree) for change in _changes(name, found)}
    for start, end, text in sorted(changes, reverse=True):
        sql = sql[:start] + text + sql[end:]
    return sql


def _names(tree: exp.Query) -> Iterator[_Name]:
    """Tables as the query names them, those it defines itself left out; columns with a zone."""
    from sqlglot import exp
    from sqlglot.optimizer.scope import traverse_scope

    for scope in traverse_scope(tree):
        own = {name.lower() for name in scope.cte_sources}
        for table in scope.tables:
            if table.db or table.name.lower() not in own:
                yield _Name(table.name, table.this, table.args.get("db"), table.catalog)
    for column in tree.find_all(exp.Column):
        if column.db:
            table = column.args["table"]
            yield _Name(table.name, table, column.args["db"], column.catalog)


@dataclass(frozen=True)
class _Name:
    """A table's name as written, and what stands before it."""

    name: str
    at: exp.Expr
    zone: exp.Expr | None
    catalog: str


def _changes(name: _Name, found: Mapping[str, str]) -> Iterator[tuple[int, int, str]]:
    """Which characters of the SQL to replace by which."""
    contract = load_tables().get(name.name.partition("$")[0].lower())
    if name.catalog or contract is None:
        return
    if name.zone is None and contract.zone in found:
        start = name.at.meta["start"]
        yield start, start, f'"{found[contract.zone]}".'
    elif name.zone is not None and (database := found.get(name.zone.name.lower())):
        yield name.zone.meta["start"], name.zone.meta["end"] + 1, f'"{database}"'


def select(sql: str) -> exp.Query:
    """The syntax tree of one SELECT; QueryError if the text is anything else."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        words = sqlglot.tokenize(sql, read="trino")
        if words and words[0].text.upper() not in ("SELECT", "WITH", "("):
            raise QueryError(_ONLY_SELECT)
        trees = [tree for tree in sqlglot.parse(sql, read="trino") if tree is not None]
    except (SqlglotError, RecursionError) as error:
        raise QueryError(f"this is no SELECT as Athena writes it ({_first_line(error)})") from error
    if len(trees) != 1:
        raise QueryError(f"give one statement, found {len(trees)}")
    if not isinstance(trees[0], exp.Query):
        raise QueryError(_ONLY_SELECT)
    return trees[0]


def _first_line(error: Exception) -> str:
    text = str(error).replace("\x1b[4m", "").replace("\x1b[0m", "")
    return text.partition("\n")[0].rstrip(".")
