"""The tables: what each holds, means and comes from, as it is now and as it was."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from stedi.console import columns
from stedi.console.asking import saved_limits
from stedi.console.charts import rows_over_time
from stedi.console.holding import letting_go
from stedi.console.preview import (
    OPERATORS,
    ROWS,
    Wish,
    before,
    count,
    edge,
    enough,
    select,
    wish,
)
from stedi.console.results import Result
from stedi.console.state import Console, Seat, seat_of
from stedi.console.web import page
from stedi.contract import Check, Table, find_table, load_tables
from stedi.contract.roles import Role
from stedi.errors import UsageError
from stedi.lake.model import Snapshot, Source
from stedi.lake.readers import Hold, reading
from stedi.sandbox.relations import spec
from stedi.sandbox.runner import Answer, Refused

RUN = "stedi.run"  # what a snapshot's summary calls its run
WITHHELD = "a withheld column"
LARGE = 1_000_000  # rows from which sorting them whole is too slow
AT_ONCE = 4  # previews of one session
LOOK = 0.5  # seconds between looks whether anybody still waits
T = TypeVar("T")


async def tables(request: Request) -> Response:
    """All tables that the role sees, zone by zone."""
    seat = seat_of(request)
    zones: dict[str, list[Table]] = {}
    for table in seat.role.tables():
        zones.setdefault(table.zone, []).append(table)
    personal = {table.name: _personal(seat.role, table) for table in seat.role.tables()}
    return page(request, "tables", zones=zones, personal=personal)


def _personal(role: Role, table: Table) -> str:
    """What of a table is personal, in words, without what is withheld."""
    kinds = [column.pii for column in role.columns(table)]
    words = [f"{kinds.count(k)} {k}" for k in ("direct", "indirect") if k in kinds]
    hidden = len(table.columns) - len(kinds)
    return ", ".join(words + ([f"{hidden} withheld"] if hidden else [])) or "none"


async def table(request: Request) -> Response:
    """One table; `as_of`, a snapshot's number, for what it was."""
    seat = seat_of(request)
    found = _table(seat, request.path_params["name"])
    chosen = _snapshot(seat, found, request.query_params.get("as_of", ""))
    return page(request, "table", chosen=chosen, **_facts(seat, found))


def _facts(seat: Seat, found: Table) -> dict[str, Any]:
    board, role = seat.board, seat.role
    versions = board.history.get(found.name, ())
    seen = role.columns(found)
    return {
        "table": found,
        "glance": board.tables.get(found.name),
        "columns": seen,
        "withheld": len(found.columns) - len(seen),
        "keys": list(dict.fromkeys(_veiled(role, found, key) for key in found.keys)),
        "above": [_link(role, source) for source, made in columns.edges() if made == found.name],
        "below": [_link(role, made) for source, made in columns.edges() if source == found.name],
        "checks": [_check(seat, found, check) for check in found.checks],
        "versions": list(reversed(versions)),
        "chart": rows_over_time([(v.at, v.rows) for v in versions], board.made),
        "run": RUN,
        "operators": OPERATORS,
    }


def _table(seat: Seat, name: str) -> Table:
    """The table of that name, if the role sees it."""
    try:
        found = find_table(name)
    except UsageError:
        found = None
    if found is None or not seat.role.sees(found):
        raise HTTPException(404, "there is no such table for you; the page Tables lists yours")
    return found


def _snapshot(seat: Seat, found: Table, number: str) -> Snapshot | None:
    """The snapshot of that number, None for the table as it is now."""
    if not number:
        return None
    for version in seat.board.history.get(found.name, ()):
        if str(version.id) == number:
            return version
    raise HTTPException(
        404,
        f"{found.full_name} has no snapshot {number[:40]}: it has expired, or it never was; "
        "the page of the table lists those that are kept",
    )


def _link(role: Role, name: str) -> tuple[Table, bool]:
    """A table, and whether the role may open it."""
    found = load_tables()[name]
    return found, role.sees(found)


def _veiled(role: Role, found: Table, text: str) -> str:
    """An expression over columns, if the role sees all of them."""
    hidden = {column.name for column in found.columns if not role.sees_column(column)}
    return WITHHELD if hidden & set(re.findall(r"\w+", text)) else text


def _check(seat: Seat, found: Table, check: Check) -> tuple[Check, str, bool | None]:
    """A declared check, its rule in words, and whether it passed; None: not known yet."""
    results = seat.board.checks or ()
    passed = [r.passed for r in results if (r.table, r.name) == (found.full_name, check.name)]
    return check, _rule(seat.role, found, check), passed[0] if passed else None


def _rule(role: Role, found: Table, check: Check) -> str:
    several = ", ".join(dict.fromkeys(_veiled(role, found, one) for one in check.columns))
    column = _veiled(role, found, check.column)
    match check.kind:
        case "unique":
            return f"no two rows with the same {several}"
        case "not_null":
            return f"never null: {several}"
        case "range":
            return f"{column} from {check.min:,} to {check.max:,}"
        case "fresh":
            return f"the newest {column} is at most {check.days:g} days old"
        case _:
            return "a query of its own finds no row"


async def preview(request: Request) -> Response:
    """The first rows of a table, as JSON: columns, rows, how many there are in all."""
    seat, asked = seat_of(request), request.query_params
    found = _table(seat, asked.get("table", ""))
    _snapshot(seat, found, asked.get("as_of", ""))
    wanted = wish(asked.get("filter", ""), asked.get("sort", ""), asked.get("desc", ""))
    work = _asked(seat, found, asked.get("as_of") or None, wanted)
    with _admitted(request, work):
        answer, total = await _while_there(request, work)
    known = {column.name: column.type for column in found.columns}
    names = answer.rows.column_names
    head = [{"name": n, "type": known.get(n, ""), "known": n in known} for n in names]
    shown = await asyncio.to_thread(Result("", "", "", answer).window, 0, ROWS)
    return JSONResponse({"columns": head, "rows": shown, "total": total})


@contextmanager
def _admitted(request: Request, work: Coroutine[Any, Any, T]) -> Iterator[None]:
    """One of the few previews that a session may have at work."""
    state, key = request.app.state, seat_of(request).session.key
    if not hasattr(state, "previews"):
        state.previews = Counter()
    if state.previews[key] >= AT_ONCE:
        work.close()
        raise HTTPException(429, f"{AT_ONCE} previews of yours are at work; wait for one")
    state.previews[key] += 1
    try:
        yield
    finally:
        state.previews -= Counter([key])  # which drops what is down to nothing


async def _while_there(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What the work gives; it ends when nobody waits for it any more."""
    task = asyncio.create_task(work)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=LOOK)
            if not task.done() and await request.is_disconnected():
                raise HTTPException(400, "nobody waits for the answer")
        return task.result()
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _asked(
    seat: Seat, found: Table, as_of: str | None, wanted: Wish
) -> tuple[Answer, int | None]:
    """The rows, and how many there are in all; None if counting them met a limit."""
    hold, source = await asyncio.to_thread(_held, seat.console, found, as_of)
    async with letting_go(hold):
        stored = {field.name: field.type for field in source.fields}
        types = {n: stored[n] for n in seat.role.names(found, stored)}
        rows = await _first(seat, found, source, types, wanted)
        if not wanted.filters and not source.where:
            return rows, source.rows
        if rows.rows.num_rows < ROWS:
            return rows, rows.rows.num_rows
        return rows, await _counted(seat, found, source, count(found, types, wanted))


def _held(console: Console, found: Table, as_of: str | None) -> tuple[Hold, Source]:
    """The files of a table, and the hold that keeps them."""
    with console.open() as lake:
        hold = reading(lake.home)
        try:
            return hold, lake.sources([found.name], as_of)[found.name]
        except BaseException:
            hold.close()
            raise


async def _first(
    seat: Seat, found: Table, source: Source, types: Mapping[str, str], wanted: Wish
) -> Answer:
    """The first rows; of many in an order, the value at which they end is looked for first."""
    sql, part = select(found, types, wanted), enough(source, found, wanted)
    if wanted.sort and part.rows > LARGE:
        told = await _run(seat, found, part, edge(found, types, wanted))
        value = told.rows.column("v")[0].as_py()
        sql = select(found, types, before(wanted, value))
    return await _run(seat, found, part, sql)


async def _run(seat: Seat, found: Table, source: Source, sql: str) -> Answer:
    """The query's text is the house's own, so it gets more time and memory than others."""
    limits = saved_limits(seat.console.limits)
    return await seat.console.sandbox.run(spec(seat.role, sql, {found.name: source}, limits))


async def _counted(seat: Seat, found: Table, source: Source, sql: str) -> int | None:
    try:
        answer = await _run(seat, found, source, sql)
    except Refused as refused:
        if refused.state == "limit":
            return None
        raise
    return int(answer.rows.column("n")[0].as_py())


async def lineage(request: Request) -> Response:
    """Where a column's values come from, and which columns come from it."""
    role = seat_of(request).role
    table_name, _, column = request.query_params.get("column", "").lower().rpartition(".")
    found = _table(seat_of(request), table_name)
    if column not in {one.name for one in role.columns(found)}:
        raise HTTPException(404, f"{found.full_name} has no such column for you")
    name = f"{found.name}.{column}"
    told = await asyncio.to_thread(columns.trace, role, name)
    return JSONResponse({"column": f"{found.full_name}.{column}", **told})


ROUTES = (
    ("/tables", tables, "GET"),
    ("/tables/{name}", table, "GET"),
    ("/api/preview", preview, "GET"),
    ("/api/lineage", lineage, "GET"),
)
