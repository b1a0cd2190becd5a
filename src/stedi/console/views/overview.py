"""The overview: the flow of rows, what left on the way and why, freshness, checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from stedi.account import Line
from stedi.checks import Result
from stedi.console.flow import flow
from stedi.console.state import Seat, seat_of
from stedi.console.web import page, told_to
from stedi.contract import Table, load_tables
from stedi.contract.roles import Role


async def overview(request: Request) -> Response:
    """The page; drawn from the board alone."""
    seat = seat_of(request)
    return page(request, "overview", **facts(seat))


def facts(seat: Seat) -> dict[str, Any]:
    """What the page shows, of the tables that the role sees."""
    board, role = seat.board, seat.role
    tables = [table for table in role.tables() if table.name in board.tables]
    lines = [board.account[table.name] for table in tables if table.name in board.account]
    shown = [table for table in tables if table.name in board.account]
    return {
        "flow": flow(board.account, role),
        "lines": list(zip(shown, lines, strict=True)),
        "tables": [(table, board.tables[table.name]) for table in tables],
        "empty": not any(line.rows_in for line in lines),
        "balanced": all(line.balanced for line in lines),
        "checks": seen_checks(seat),
        "last": [row for row in board.runs if row["run"] == board.last_run and _open(seat, row)],
        "run": board.last_run,
    }


def seen_checks(seat: Seat) -> Sequence[Result] | None:
    """The checks of the tables that the role sees, broken ones first; None: still at work."""
    if seat.board.checks is None:
        return None
    seen = {table.full_name: table for table in seat.role.tables()}
    chosen = [one for one in seat.board.checks if one.table in seen or one.table == "all tables"]
    shown = [_without_example(one, seen.get(one.table), seat.role) for one in chosen]
    return sorted(shown, key=lambda one: one.passed)


def _without_example(one: Result, table: Table | None, role: Role) -> Result:
    """The example of a broken check may hold any column: it is for those who see them all."""
    if table is None or len(role.columns(table)) == len(table.columns):
        return one
    return one.without_example


def _open(seat: Seat, row: Any) -> bool:
    return row["table"] in {table.full_name for table in seat.role.tables()}


async def excluded(request: Request) -> Response:
    """The rows that a table excludes for one reason, by day: judged anew, kept for a version."""
    seat = seat_of(request)
    table, reason = request.query_params.get("table", ""), request.query_params.get("reason", "")
    _line(seat, table, reason)
    days = await seat.console.boards.excluded(table, reason)
    return JSONResponse(
        {"days": [{"day": day.isoformat() if day else None, "rows": rows} for day, rows in days]}
    )


def _line(seat: Seat, name: str, reason: str) -> Line:
    """The account of a table that the role sees and that excludes rows for the reason."""
    table = load_tables().get(name)
    line = seat.board.account.get(name)
    if table is None or line is None or not seat.role.sees(table) or reason not in line.excluded:
        raise HTTPException(404, "there is no such table or reason")
    return line


async def health(request: Request) -> Response:
    """Whether the console answers and the lake can be read."""
    seat = seat_of(request)
    if trouble := seat.board.trouble:
        return JSONResponse({"lake": told_to(seat.session, trouble)}, 503)
    return JSONResponse({"lake": "read"})


ROUTES = (
    ("/", overview, "GET"),
    ("/api/excluded", excluded, "GET"),
    ("/api/health", health, "GET"),
)
