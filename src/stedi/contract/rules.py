"""The rules of the house for every query.sql and every check, read from the syntax tree.

They keep a query the same on every engine (nothing but what certainly agrees on Spark and
DuckDB), its rows accounted for (every candidate gets a verdict) and the key of the pseudonyms
out of the tables. Nothing is executed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from stedi.contract.declared import declared_faults
from stedi.contract.sql import SOURCE_DIALECT
from stedi.contract.table import ZONES, Table
from stedi.errors import ContractError

PADS = ("inner_pad", "outer_pad")
PARAMETERS = ("consent", *PADS)

# Readings of a device are trusted only if its owner has accelerometer readings, as in the
# published pipelines: the one edge that runs against the order of the zones.
LATER_READS = frozenset({("step_trainer_trusted", "customers_curated")})

# Spark and DuckDB certainly agree on these. Left out on purpose: casts and arithmetic (rounding,
# overflow, division by zero), LIKE (escapes), date_trunc, percentile, sum of doubles (order),
# row_number (needs a total order), UNION and arrays (coercion), LIMIT (which rows?).
FUNCTIONS: tuple[type[exp.Expr], ...] = (
    *(exp.Lower, exp.Trim, exp.Coalesce, exp.Nullif, exp.Case, exp.If, exp.Exists),
    *(exp.Min, exp.Max, exp.Count, exp.Rank, exp.DenseRank),
    *(exp.SHA2, exp.Unhex, exp.Encode),
)
OPERATORS: tuple[type[exp.Expr], ...] = (
    *(exp.And, exp.Or, exp.Not, exp.Paren, exp.DPipe, exp.In, exp.Between, exp.Is),
    *(exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ),
    *(exp.Literal, exp.Null, exp.Boolean, exp.Placeholder, exp.Column, exp.Identifier),
)
CLAUSES: tuple[type[exp.Expr], ...] = (
    *(exp.Select, exp.Subquery, exp.With, exp.CTE, exp.From, exp.Join, exp.Table, exp.TableAlias),
    *(exp.Where, exp.Group, exp.Having, exp.Distinct, exp.Order, exp.Ordered, exp.Window),
    *(exp.Alias, exp.Star),
)
ALLOWED = frozenset((*FUNCTIONS, *OPERATORS, *CLAUSES))
NAMES = (
    "lower, trim, coalesce, nullif, CASE, if, EXISTS, min, max, count, rank, dense_rank, "
    "sha2, unhex, encode, ||, comparisons, AND, OR, NOT, IN, BETWEEN, IS NULL"
)


def parse_query(sql: str) -> exp.Query:
    """The tree of one query of the house; ContractError says what is not one query."""
    try:
        trees = [t for t in sqlglot.parse(sql, read=SOURCE_DIALECT) if _is_statement(t)]
    except SqlglotError as error:
        message = str(error).splitlines()[0]
        raise ContractError(f"does not parse as Spark SQL: {message}") from error
    tree = trees[0].unnest() if len(trees) == 1 and trees[0] is not None else None
    if not isinstance(tree, exp.Query):
        kinds = ", ".join(type(tree).__name__.upper() for tree in trees) or "nothing"
        raise ContractError(f"holds {kinds}; write exactly one SELECT")
    return tree


def _is_statement(tree: exp.Expr | None) -> bool:
    return tree is not None and not isinstance(tree, exp.Semicolon)


def sources_of(sql: str) -> tuple[str, ...]:
    """Names of the tables that a query reads, in order of first mention, without its CTEs."""
    tree = parse_query(sql)
    outside = [table for table in tree.find_all(exp.Table) if not _is_local(table)]
    outside.sort(key=lambda table: table.this.meta.get("start", 0))
    return tuple(dict.fromkeys(table.name.lower() for table in outside))


def _is_local(table: exp.Table) -> bool:
    """Whether the name is that of a CTE visible here: an earlier one, never the one it is in."""
    inside: exp.Expr = table
    while inside.parent is not None:
        above = inside.parent
        ctes = above.ctes if isinstance(above, exp.Query) else ()
        if isinstance(above, exp.With):
            ctes = above.expressions[: inside.index or 0]
            above = above.parent or above
        if not table.db and any(cte.alias.lower() == table.name.lower() for cte in ctes):
            return True
        inside = above
    return False


def hashed_value(node: exp.Expr) -> exp.Expr | None:
    """X if `node` is the keyed hash of X (HMAC with SHA-256, RFC 2104), otherwise None.

    The one form: sha2(unhex(:outer_pad) || unhex(sha2(unhex(:inner_pad) || encode(X, 'UTF-8'),
    256)), 256). Anything else, an unkeyed or half-keyed hash above all, can be guessed.
    """
    outer = _keyed(node, "outer_pad")
    inner = outer.this if type(outer) is exp.Unhex else None
    text = _keyed(inner, "inner_pad")
    if type(text) is not exp.Encode or text.text("charset").upper() != "UTF-8":
        return None
    hidden: exp.Expr = text.this
    return hidden.unnest()


def _keyed(node: exp.Expr | None, pad: str) -> exp.Expr | None:
    """X in sha2(unhex(:pad) || X, 256)."""
    node = node.unnest() if node is not None else None
    if type(node) is not exp.SHA2 or node.text("length") != "256":
        return None
    joined = node.this.unnest()
    if type(joined) is not exp.DPipe:
        return None
    key = joined.left.unnest()
    if type(key) is exp.Unhex and type(key.this) is exp.Placeholder and key.this.this == pad:
        return joined.right.unnest()
    return None


def check_rules(tables: Mapping[str, Table]) -> list[str]:
    """Every broken rule in words: the file, what is wrong there, and what to do about it."""
    found: list[str] = []
    for table in tables.values():
        folder = f"zones/{table.zone}/{table.name}"
        if table.query:
            found += [f"{folder}/query.sql: {text}" for text in _verdict(table, tables)]
        for check in table.checks:
            if check.sql:
                where = f"{folder}/table.yaml: check {check.name!r}"
                found += [f"{where}: {text}" for text in _query(check.sql, table, tables)]
        found += [f"{folder}/{text}" for text in declared_faults(table, _tree(table), tables)]
    return found


def _tree(table: Table) -> exp.Query | None:
    """The tree of query.sql; None if there is none, or for what `_query` reports."""
    try:
        return parse_query(table.query)
    except ContractError:
        return None


def _query(sql: str, table: Table, tables: Mapping[str, Table]) -> Iterator[str]:
    try:
        tree = parse_query(sql)
    except ContractError as error:
        yield str(error)
    else:
        yield from _select(tree)
        yield from _reads(sources_of(sql), tree, table, tables)


def _verdict(table: Table, tables: Mapping[str, Table]) -> Iterator[str]:
    yield from _query(table.query, table, tables)
    tree = _tree(table)
    if tree is not None:
        yield from _outputs(tree, table)
        yield from _candidates(tree, table)
        yield from _cheap_reading(table)


def _cheap_reading(table: Table) -> Iterator[str]:
    sources = sources_of(table.query)
    if table.sources != sources:
        yield (
            f"a run would take {', '.join(table.sources) or 'nothing'} for its sources, but it "
            f"reads {', '.join(sources) or 'nothing'}; write each as FROM or JOIN and a bare name"
        )


def _select(tree: exp.Query) -> Iterator[str]:
    if not isinstance(tree, exp.Select):
        yield f"is a {type(tree).__name__.upper()}; write exactly one SELECT"
    yield from _nodes(tree)
    yield from _windows(tree)
    yield from _joins(tree)
    yield from _stars(tree)
    yield from _parameters(tree)


def _nodes(tree: exp.Expr) -> Iterator[str]:
    for node in tree.walk(prune=lambda node: type(node) not in ALLOWED):
        if type(node) not in ALLOWED:
            yield (
                f"`{_text(node)}` ({type(node).__name__}) is not known to agree on Spark and "
                f"DuckDB; use only {NAMES}"
            )


def _text(node: exp.Expr) -> str:
    return node.sql(SOURCE_DIALECT, comments=False)


def _windows(tree: exp.Expr) -> Iterator[str]:
    for window in tree.find_all(exp.Window):
        if not window.args.get("order"):
            yield f"`{_text(window)}` has no ORDER BY of its own; write one inside OVER ( )"


def _joins(tree: exp.Expr) -> Iterator[str]:
    for join in tree.find_all(exp.Join):
        kind = {join.method, join.side, join.kind} - {"", "INNER", "LEFT", "OUTER"}
        if kind or not join.args.get("on"):
            yield f"`{_text(join).strip()}`: write JOIN … ON or LEFT JOIN … ON"


def _stars(tree: exp.Expr) -> Iterator[str]:
    for star in tree.find_all(exp.Star):
        if not isinstance(star.parent, exp.Count):
            yield "selects *; name the columns, so that a new one is a decision"


def _parameters(tree: exp.Expr) -> Iterator[str]:
    used = Counter(str(node.this) for node in tree.find_all(exp.Placeholder))
    for name in sorted(used.keys() - set(PARAMETERS)):
        yield f"parameter :{name} is unknown; there are :{', :'.join(PARAMETERS)}"
    hashes = sum(hashed_value(node) is not None for node in tree.find_all(exp.SHA2))
    for pad in PADS:
        if used[pad] != hashes:
            yield (
                f":{pad} stands outside the keyed hash and could give the key away; write "
                "sha2(unhex(:outer_pad) || unhex(sha2(unhex(:inner_pad) || encode(…, 'UTF-8'), "
                "256)), 256)"
            )


def _reads(
    sources: tuple[str, ...], tree: exp.Expr, table: Table, tables: Mapping[str, Table]
) -> Iterator[str]:
    order = ZONES.index
    for source in sources:
        edge = (table.name, source)
        if source not in tables:
            yield f"reads unknown table {source}; there are {', '.join(tables)}"
        elif order(tables[source].zone) > order(table.zone) and edge not in LATER_READS:
            yield (
                f"a {table.zone} table reads {tables[source].full_name}, a later zone; "
                f"read from {table.zone} or an earlier one"
            )
    for node in tree.find_all(exp.Table):
        if node.db:
            yield f"`{_text(node)}`: write the bare name {node.name}, names are unique"
    for cte in tree.find_all(exp.CTE):
        if cte.alias.lower() in tables:
            yield f"the CTE {cte.alias} has the name of a table; choose another name"


def _outputs(tree: exp.Query, table: Table) -> Iterator[str]:
    names = [name.lower() for name in tree.named_selects]
    wanted = [*(column.name for column in table.columns), "excluded"]
    if names[-1:] != ["excluded"]:
        yield (
            f"its last column is {names[-1] if names else 'missing'}; end with the verdict, "
            "CASE … END AS excluded: NULL for promoted rows, otherwise the reason"
        )
    elif names != wanted:
        yield (
            f"its columns are {', '.join(names)}; make them those of table.yaml in that order: "
            f"{', '.join(wanted)}"
        )


def _candidates(tree: exp.Query, table: Table) -> Iterator[str]:
    chain, driving = _driving(tree)
    if table.candidates != driving:
        yield (
            f"its rows are those of {driving or 'no one table'}, but table.yaml says candidates: "
            f"{table.candidates or '(none)'}; put the candidates in FROM or correct table.yaml"
        )
    for select in chain:
        for clause in ("where", "group", "having", "distinct", "qualify"):
            if select.args.get(clause):
                yield (
                    f"{clause.upper()} in the SELECT that passes on the candidates loses rows "
                    "without a verdict; give them a reason in `excluded`"
                )


def _driving(tree: exp.Query) -> tuple[list[exp.Select], str]:
    """The SELECTs from the outermost along FROM, and the table at the end ("" if none)."""
    chain: list[exp.Select] = []
    ctes: dict[str, exp.Expr] = {}
    query: exp.Expr | None = tree
    while isinstance(query, exp.Select):
        chain.append(query)
        ctes |= {cte.alias.lower(): cte.this for cte in query.ctes}
        source = query.args["from_"].this.unnest() if query.args.get("from_") else None
        if isinstance(source, exp.Table) and source.name.lower() not in ctes:
            return chain, source.name.lower()
        query = ctes.pop(source.name.lower()) if isinstance(source, exp.Table) else source
    return chain, ""
