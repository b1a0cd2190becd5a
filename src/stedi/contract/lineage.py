"""Where every column's values come from, read from the SQL before any data moves.

Value flow is what a column's values depend on: the expressions of SELECT, with the conditions
of a CASE, the partition and order of a window, and all of a subquery inside an expression. Join
keys, WHERE, HAVING and GROUP BY choose rows, they put no value into a column. The verdict
`excluded` is never stored, so it is no column here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import takewhile

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope

from stedi.contract.rules import hashed_value, parse_query, sources_of
from stedi.contract.sql import SOURCE_DIALECT
from stedi.contract.table import PII, Table, load_tables
from stedi.errors import ContractError, UsageError

COPIED = "copied"
COMPUTED = "computed"
HASHED = "keyed hash"
_STRENGTH = (COPIED, COMPUTED, HASHED)
_NONE = PII.index("none")
_Schema = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]

# What may read a column unseen (IDENTIFIER('email') is Anonymous); a query with it is refused.
_UNTRACEABLE = (exp.UDTF, exp.Pivot, exp.MatchRecognize, exp.Anonymous, exp.Parameter)


@dataclass(frozen=True)
class Edge:
    """One immediate source column, and how its values flow: copied, computed or keyed hash."""

    table: str
    column: str
    flow: str

    @property
    def name(self) -> str:
        """`table.column`."""
        return f"{self.table}.{self.column}"


@dataclass(frozen=True)
class Node:
    """A column and its sources; `flow` is how it reaches the column above ("" at the root)."""

    name: str
    pii: str
    flow: str = ""
    sources: tuple[Node, ...] = ()


@dataclass(frozen=True)
class Path:
    """One way of values: columns from the landing column on, and the flow between each two."""

    columns: tuple[str, ...]
    flows: tuple[str, ...]

    def __str__(self) -> str:
        steps = zip(self.flows, self.columns[1:], strict=True)
        return self.columns[0] + "".join(f" --{flow}--> {column}" for flow, column in steps)


def upstream(table: Table, column: str, tables: Mapping[str, Table] | None = None) -> list[Edge]:
    """The columns that a column's values come from, one step up; none for landing and ops.

    UsageError if the table has no such column, ContractError if its query does not give it or
    cannot be traced for certain.
    """
    name = table.column(column).name
    return _edges(table, name, tables or load_tables()) if table.query else []


def trace(tables: Mapping[str, Table], column: str) -> Node:
    """The tree of sources of `table.column` (or `zone.table.column`), down to the landing columns.

    UsageError names what there is if the table or the column is not; ContractError as upstream.
    """
    full_name, _, name = column.lower().rpartition(".")
    table = tables.get(full_name.rpartition(".")[2])
    if table is None or full_name not in (table.name, table.full_name):
        raise UsageError(f"{column!r} is no table.column; the tables are {', '.join(tables)}")
    return _node(tables, Edge(table.name, table.column(name).name, ""), ())


def trace_rows(tables: Mapping[str, Table], column: str) -> Iterator[dict[str, object]]:
    """The tree of `trace` as rows from the column downwards, for a list: depth, column, flow."""

    def walk(node: Node, depth: int) -> Iterator[dict[str, object]]:
        yield {"depth": depth, "column": node.name, "flow": node.flow, "pii": node.pii}
        for source in node.sources:
            yield from walk(source, depth + 1)

    yield from walk(trace(tables, column), 0)


def table_edges(tables: Mapping[str, Table]) -> list[tuple[str, str]]:
    """(source, table) for every table that a query reads; join keys and conditions included."""
    return [
        (source, table.name)
        for table in tables.values()
        if table.query
        for source in sources_of(table.query)
    ]


def identifying_paths(tables: Mapping[str, Table], table: Table) -> list[Path]:
    """Every path by which identifying values reach a table that says `identifying: never`.

    A path starts at the first column (usually landing) and counts if it passes a column that is
    declared direct or indirect after which no keyed hash follows. Empty is the proof; a query
    that cannot be traced for certain raises ContractError. Tables that allow them have none.
    """
    if table.identifying != "never":
        return []
    roots = [trace(tables, f"{table.name}.{column.name}") for column in table.columns]
    return [path for root in roots for path in _leaks(root)]


def undeclared_pii(tables: Mapping[str, Table]) -> list[str]:
    """Columns declared less identifying than the columns their values come from, in words."""
    found = []
    for table in tables.values():
        for column in table.columns if table.query else ():
            node = trace(tables, f"{table.name}.{column.name}")
            pii, origin = min((_worst(source) for source in node.sources), default=(_NONE, ""))
            if pii < PII.index(column.pii):
                found.append(
                    f"zones/{table.zone}/{table.name}/table.yaml: column {column.name} is pii: "
                    f"{column.pii}, but its values come from {origin}; declare pii: {PII[pii]}"
                )
    return found


def _worst(node: Node) -> tuple[int, str]:
    """The strongest pii that the node passes on, as its place in PII, and the column it is of."""
    if node.flow == HASHED:
        return _NONE, ""
    return min([(PII.index(node.pii), node.name), *(_worst(source) for source in node.sources)])


def _leaks(root: Node) -> Iterator[Path]:
    for chain in _chains(root):
        unhashed = takewhile(lambda node: node.flow != HASHED, chain[1:])
        if any(node.pii != "none" for node in unhashed):
            yield Path(
                tuple(node.name for node in reversed(chain)),
                tuple(node.flow for node in reversed(chain[1:])),
            )


def _chains(node: Node) -> Iterator[tuple[Node, ...]]:
    if not node.sources:
        yield (node,)
    for source in node.sources:
        yield from ((node, *chain) for chain in _chains(source))


def _node(tables: Mapping[str, Table], edge: Edge, below: tuple[str, ...]) -> Node:
    if edge.name in below:
        raise ContractError(f"columns come from each other in a circle: {' < '.join(below)}")
    table = tables[edge.table]
    edges = upstream(table, edge.column, tables)
    sources = tuple(_node(tables, source, (*below, edge.name)) for source in edges)
    return Node(edge.name, table.column(edge.column).pii, edge.flow, sources)


def _edges(table: Table, column: str, tables: Mapping[str, Table]) -> list[Edge]:
    schema = tuple((t.name, tuple((c.name, c.type) for c in t.columns)) for t in tables.values())
    try:
        outputs = _outputs(table.query, schema)
    except (ContractError, SqlglotError) as error:
        reason = str(error).splitlines()[0]
        raise ContractError(f"zones/{table.zone}/{table.name}/query.sql: {reason}") from error
    if column not in outputs:
        raise ContractError(
            f"zones/{table.zone}/{table.name}/query.sql: gives no column {column}; "
            f"it gives {', '.join(outputs)}"
        )
    return list(outputs[column])


@cache
def _outputs(sql: str, schema: _Schema) -> dict[str, tuple[Edge, ...]]:
    """The sources of each output column of a query."""
    known: dict[str, object] = {table: dict(columns) for table, columns in schema}
    tree = parse_query(sql)
    _refuse_untraceable(tree)
    root = build_scope(qualify(tree, schema=known, dialect=SOURCE_DIALECT))
    if root is None:
        raise ContractError("cannot be traced; write one SELECT")
    flow = _Flow({(table, name) for table, columns in schema for name, _ in columns})
    names = dict.fromkeys(_query(root).named_selects)
    return {name: tuple(dict.fromkeys(flow.output(root, name, COPIED))) for name in names}


def _query(scope: Scope) -> exp.Query:
    if not isinstance(scope.expression, exp.Query):
        raise ContractError(f"`{scope.expression.sql(SOURCE_DIALECT)}` cannot be traced")
    return scope.expression


def _refuse_untraceable(tree: exp.Expr) -> None:
    for node in tree.find_all(*_UNTRACEABLE, exp.With, exp.SetOperation):
        unsure = node.args.get("recursive") or node.args.get("by_name")
        if unsure or isinstance(node, _UNTRACEABLE):
            raise ContractError(f"`{node.sql(SOURCE_DIALECT)}` cannot be traced; use plain SELECTs")


class _Flow:
    """Follows values through the scopes of one qualified query, down to columns of tables."""

    def __init__(self, known: set[tuple[str, str]]) -> None:
        self._known = known

    def output(self, scope: Scope, name: str, flow: str) -> Iterator[Edge]:
        """The sources of the output column(s) of that name."""
        names = _query(scope).named_selects
        if name not in names:
            raise ContractError(f"a subquery gives no column {name}; it gives {', '.join(names)}")
        for position, output in enumerate(names):
            if output == name:
                yield from self._position(scope, position, flow)

    def _position(self, scope: Scope, position: int, flow: str) -> Iterator[Edge]:
        if isinstance(scope.expression, exp.SetOperation):
            for branch in scope.set_operation_scopes:
                yield from self._position(branch, position, flow)
        else:
            yield from self._values(_query(scope).selects[position], scope, flow)

    def _values(self, node: exp.Expr, scope: Scope, flow: str) -> Iterator[Edge]:
        node = node.unalias().unnest()
        hidden = hashed_value(node)
        if hidden is not None:
            yield from self._values(hidden, scope, HASHED)
        elif type(node) is exp.Column and not isinstance(node.this, exp.Star):
            yield from self._column(node, scope, flow)
        else:
            inside = _scope_of(node, scope) if isinstance(node, exp.Query) else scope
            for part in _parts(node, inside):
                yield from self._values(part, inside, max(flow, COMPUTED, key=_STRENGTH.index))

    def _column(self, column: exp.Column, scope: Scope, flow: str) -> Iterator[Edge]:
        source = _source(column, scope)
        if isinstance(source, Scope):
            yield from self.output(source, column.name, flow)
        elif (source.name, column.name) in self._known and not source.db:
            yield Edge(source.name, column.name, flow)
        else:
            raise ContractError(f"there is no column {source.sql(SOURCE_DIALECT)}.{column.name}")


def _parts(node: exp.Expr, scope: Scope) -> Iterator[exp.Expr]:
    """What a value depends on inside an expression; FROM, JOIN and WITH only name sources."""
    if isinstance(node, exp.TableColumn) or (node.is_star and type(node) is not exp.Count):
        raise ContractError(f"`{node.sql(SOURCE_DIALECT)}` cannot be traced; name the columns")
    if isinstance(node, exp.Count) and isinstance(node.this, exp.Star):
        return
    if isinstance(node, exp.Window) and node.args.get("alias"):
        yield from scope.expression.args.get("windows") or ()
    for part in node.iter_expressions():
        if isinstance(part, exp.Join):
            yield from filter(None, [part.args.get("on")])
        elif not isinstance(part, (exp.From, exp.With)):
            yield part


def _scope_of(query: exp.Expr, scope: Scope) -> Scope:
    """The scope of a subquery inside an expression or of one side of a set operation."""
    for inside in (*scope.subquery_scopes, *scope.set_operation_scopes):
        if inside.expression is query:
            return inside
    raise ContractError(f"`{query.sql(SOURCE_DIALECT)}` cannot be traced; join it instead")


def _source(column: exp.Column, scope: Scope) -> exp.Table | Scope:
    """What the column's qualifier names, here or in a query around (a correlated subquery)."""
    around: Scope | None = scope
    while around is not None:
        if column.table in around.selected_sources:
            source = around.selected_sources[column.table][1]
            if isinstance(source, (exp.Table, Scope)):
                return source
        around = around.parent
    raise ContractError(f"`{column.sql(SOURCE_DIALECT)}` cannot be traced; qualify it")
