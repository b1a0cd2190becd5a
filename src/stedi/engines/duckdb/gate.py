"""What a query of the sandbox may say, judged on DuckDB's own syntax tree.

One SELECT over the tables it is given: no other relation, no function that reads files, settings
or the catalog. The process around it holds by itself (stedi/sandbox); the gate gives the reason
and the place in words, and keeps out what is not harmful but not its business.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

MOST_TEXT = 100_000
TABLE_FUNCTIONS = frozenset(
    {"range", "generate_series", "unnest", "repeat", "json_each", "json_tree"}
)
_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
_RELATIONS = frozenset(
    {"BASE_TABLE", "EMPTY", "EXPRESSION_LIST", "JOIN", "PIVOT", "SHOW_REF", "SUBQUERY"}
    | {"TABLE_FUNCTION"}
)
_EXPRESSIONS = frozenset(
    {"BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT"}
    | {"FUNCTION", "LAMBDA", "LAMBDA_REF", "OPERATOR", "POSITIONAL_REFERENCE", "STAR"}
    | {"SUBQUERY", "TYPE", "WINDOW"}
)
_SHOWN = frozenset({"DESCRIBE", "SUMMARY"})
A_FILE = "a data file"
_PATH = re.compile(r"(?:file:)?/[^\s'\"]+\.parquet")
_FILE_LIKE = re.compile(r".*[/\\:*?\[]|.*\.[a-z]\w*$", re.DOTALL | re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_ ]{0,99}")
_CATALOG = re.compile(r"(duckdb|pragma|sqlite|pg|information_schema)(_|$)")
_CURRENT = (
    r"current_(catalog|connection_id|database|query|query_id|role|schema|schemas|transaction_id)"
)
_HIDDEN = re.compile(
    rf"__.*|getenv|getvariable|.*setting.*|set_config|.*_privilege|inet_.*|pg_.*|txid.*|{_CURRENT}|"
    r"(col|obj|shobj)_description|in_search_path|json_(de)?serialize.*|nextval|currval|setval|"
    r"sleep.*|write_log|query|query_table|version|get_block_size|which_secret|user_agent|"
    r"read_.*|.*_secrets?|parse_duckdb_log_message|(map_to|format)_?pg_.*|format_type|index_key|"
    r"stats|vector_type|combine|combine_aggr|finalize|to_aggregate_state|"
    r"variant_bytes_to_variant|variant_to_parquet_variant|json_copy_.*"
)


@dataclass(frozen=True)
class Refusal:
    """Why a query is not run; `position` is the byte of its UTF-8 text, if it is known."""

    message: str
    position: int | None = None


def refusal(
    connection: duckdb.DuckDBPyConnection, sql: str, tables: Sequence[tuple[str, str]]
) -> Refusal | None:
    """Why the query is not run over `tables` (zone and name); None if it may be."""
    if len(sql) > MOST_TEXT:
        return Refusal(f"the query has more than {MOST_TEXT:,} characters")
    try:
        kinds = [_kind(statement) for statement in connection.extract_statements(sql)]
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        return told(error)
    if len(kinds) != 1:
        return Refusal(f"give one statement, found {len(kinds)}")
    if kinds[0] == "MULTI":
        return Refusal("list the values of PIVOT: PIVOT … ON column IN (…) USING …", 0)
    if kinds[0] != "SELECT":
        return Refusal(f"only SELECT is possible here, the lake is read-only; found {kinds[0]}", 0)
    return _judged(connection, sql, tables)


def _kind(statement: duckdb.Statement) -> str:
    try:
        return statement.type.name
    except ValueError:  # the Python module does not know all that the library does
        return "another"


def _judged(
    connection: duckdb.DuckDBPyConnection, sql: str, tables: Sequence[tuple[str, str]]
) -> Refusal | None:
    rows = connection.execute("SELECT json_serialize_sql($sql)", {"sql": sql}).fetchall()
    try:
        tree = json.loads(rows[0][0])
        if tree["error"]:
            return Refusal(tree.get("error_message", "the query cannot be read"))
        return next(_faults(tree["statements"], _Scope(tables, _local(tree))), None)
    except RecursionError:
        return Refusal("the query is nested too deeply")


@dataclass(frozen=True)
class _Scope:
    """Tables a query may name, and the names it gives to its own (WITH)."""

    tables: Sequence[tuple[str, str]]
    local: frozenset[str]

    def holds(self, path: Sequence[str]) -> bool:
        lower = [part.lower() for part in path]
        if len(lower) == 1 and lower[0] in self.local:
            return True
        return any(lower in ([name], [zone, name]) for zone, name in self.tables)


def _local(tree: Any) -> frozenset[str]:
    return frozenset(entry["key"].lower() for entry in _ctes(tree))


def _ctes(node: Any) -> Iterator[dict[str, Any]]:
    for child in _children(node):
        yield from _ctes(child)
    if isinstance(node, dict) and isinstance(node.get("cte_map"), dict):
        yield from node["cte_map"]["map"]


def _children(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        yield from node.values()
    elif isinstance(node, list):
        yield from node


def _faults(node: Any, scope: _Scope) -> Iterator[Refusal]:
    if isinstance(node, dict):
        yield from (Refusal(text, _place(node)) for text in _fault(node, scope))
    for child in _children(node):
        yield from _faults(child, scope)


def _fault(node: dict[str, Any], scope: _Scope) -> Iterator[str]:
    """What is wrong with one node, in words."""
    kind = str(node.get("type", ""))
    yield from _unknown(node, kind)
    if kind.endswith("_NODE") and kind not in _NODES:
        yield "only SELECT is possible here, the lake is read-only"
    if isinstance(node.get("cte_map"), dict):
        yield from (text for entry in node["cte_map"]["map"] for text in _odd_name(entry["key"]))
    if kind == "BASE_TABLE":
        yield from _table_fault(node, scope)
    elif kind == "TABLE_FUNCTION":
        name = str(node.get("function", {}).get("function_name", "")).lower()
        if name not in TABLE_FUNCTIONS:
            yield f"{name}() is not to be had here; query the tables by name"
    elif kind == "SHOW_REF":
        if node["show_type"] not in _SHOWN or node.get("query") is None:
            yield "SHOW is not to be had here; the tables are listed beside the editor"
    elif kind == "COLUMN_REF" and re.fullmatch(_CURRENT, node["column_names"][-1].lower()):
        yield f"{node['column_names'][-1]} is not to be had here"
    elif "function_name" in node:
        yield from _function_fault(node)


def _unknown(node: dict[str, Any], kind: str) -> Iterator[str]:
    """Kinds of relations and expressions that nobody has looked at."""
    if node.get("class") == "PARAMETER":
        yield "parameters have no values here; write the values"
    elif "class" in node:
        if node["class"] not in _EXPRESSIONS:
            yield f"{node['class']} is not to be had here"
    elif "sample" in node and "alias" in node and kind not in _RELATIONS:
        yield f"{kind} is not to be had here"


def _odd_name(name: str) -> Iterator[str]:
    plain = bool(_NAME.fullmatch(name))
    if not plain or _CATALOG.match(name.lower()):
        shown = f"WITH {name}" if plain else "WITH"
        yield f"{shown}: choose a plain name of letters, digits and underscores, not the catalog's"


def _table_fault(node: dict[str, Any], scope: _Scope) -> Iterator[str]:
    path = node.get("qualified_name", {}).get("path", [])
    if node.get("at_clause"):
        yield "AT is not to be had here; choose the version in the list above the editor"
    elif len(path) < 2 and _FILE_LIKE.match("".join(path)):
        yield "files are not to be had here; query the tables by name"
    elif not scope.holds(path):
        known = ", ".join(f"{zone}.{name}" for zone, name in scope.tables)
        yield f"there is no table {'.'.join(path)[:200]!r} for you; there are {known or 'none'}"


def _function_fault(node: dict[str, Any]) -> Iterator[str]:
    name = str(node["function_name"]).lower()
    path = node.get("qualified_name", {}).get("path", [name])
    if node.get("schema") or node.get("catalog") or len(path) > 1 or _HIDDEN.fullmatch(name):
        yield f"{'.'.join(path)[:200]}() is not to be had here"


def _place(node: dict[str, Any]) -> int | None:
    place = node.get("query_location")
    if isinstance(place, int) and place < MOST_TEXT * 4:
        return place
    return _place(node["function"]) if isinstance(node.get("function"), dict) else None


def told(error: duckdb.Error) -> Refusal:
    """An error of DuckDB's (errors_as_json) in words, without paths, with its place."""
    kind, _, rest = str(error).partition(": ")
    try:
        found = json.loads(rest)
    except ValueError:
        found = {"exception_message": f"{kind}: {rest}" if rest else kind}
    text = str(found.get("exception_message", kind)).partition("\n\nLINE ")[0]
    text = text.partition("\n\nStack Trace")[0].strip()
    place = str(found.get("position", ""))
    return Refusal(_PATH.sub(A_FILE, text), int(place) if place.isdigit() else None)
