"""SQL: the editor's page, asking and cancelling, the rows of a result, what there is to query."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from stedi.console.asking import MOST_AT_ONCE, Question, saved_for, saved_limits
from stedi.console.results import WINDOW, Result
from stedi.console.state import Seat, seat_of
from stedi.console.web import page
from stedi.contract import Table
from stedi.lake.model import Snapshot
from stedi.sandbox.confine import missing

FIRST = 200  # rows that come with the answer
LONGEST_TICKET, LONGEST_TIME = 64, 40
MOST_MOMENTS = 100
TICKET = re.compile(r"[A-Za-z0-9_-]+")
LARGEST = 2**53


async def editor(request: Request) -> Response:
    """The page; drawn from the board alone."""
    seat = seat_of(request)
    seat.console.asking.use(seat.role)
    limits = seat.console.limits
    return page(
        request,
        "query",
        missing=missing(),
        limits=limits,
        saved_limits=saved_limits(limits),
        at_once=MOST_AT_ONCE,
        saved=saved_for(seat.role),
        moments=moments(seat),
    )


def moments(seat: Seat) -> list[tuple[str, str]]:
    """Times at which the lake that the role sees changed, newest first, and what changed then."""
    found = [
        (snapshot.at.astimezone(UTC).isoformat().replace("+00:00", "Z"), table.full_name)
        for table, snapshot in _snapshots(seat)
    ]
    return sorted(found, reverse=True)[:MOST_MOMENTS]


def _snapshots(seat: Seat) -> Iterator[tuple[Table, Snapshot]]:
    for table in seat.role.tables():
        for snapshot in seat.board.history.get(table.name, ()):
            yield table, snapshot


async def ask(request: Request) -> Response:
    """Run a query: its first rows, and the number by which to fetch others."""
    seat, told = seat_of(request), await object_of(request)
    ticket, question = _ticket(told), _question(seat, told)
    if not seat.session.queries.allows():
        raise HTTPException(429, "too many queries one after the other; wait a moment")
    gone = asyncio.create_task(_gone(request))
    try:
        result = await seat.console.asking.ask(seat.session, ticket, question, unless=gone)
    finally:
        gone.cancel()
    saved = question.saved
    first = await asyncio.to_thread(result.window, 0, FIRST)
    return JSONResponse(
        {
            **_about(result),
            "cut": result.answer.cut,
            "seconds": round(result.answer.seconds, 3),
            "saved": saved.name if saved else None,
            "start": 0,
            "window": first,
        }
    )


async def _gone(request: Request) -> None:
    """Until whoever asked has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _about(result: Result) -> dict[str, Any]:
    return {
        "number": result.number,
        "columns": result.columns,
        "rows": result.rows.num_rows,
    }


async def object_of(request: Request) -> Mapping[str, Any]:
    """The JSON object that was posted; 400 for anything else."""
    try:
        found = json.loads(await request.body())
    except ClientDisconnect:
        raise HTTPException(413, "the request is too large") from None
    except (ValueError, RecursionError):
        raise HTTPException(400, "the body is no JSON") from None
    if not isinstance(found, dict):
        raise HTTPException(400, "the body must be a JSON object")
    return found


def _text(told: Mapping[str, Any], name: str, default: str | None = None) -> str:
    found = told.get(name, default)
    if not isinstance(found, str):
        raise HTTPException(400, f"{name} must be a text")
    if any("\ud800" <= char <= "\udfff" for char in found):
        raise HTTPException(400, f"{name} is no Unicode text")
    return found


def _ticket(told: Mapping[str, Any]) -> str:
    ticket = _text(told, "ticket")
    if len(ticket) > LONGEST_TICKET or not TICKET.fullmatch(ticket):
        raise HTTPException(400, f"ticket: up to {LONGEST_TICKET} letters, digits, - or _")
    return ticket


def _question(seat: Seat, told: Mapping[str, Any]) -> Question:
    sql = _text(told, "sql")
    if not sql.strip():
        raise HTTPException(400, "there is no query: write a SELECT")
    return Question(sql, seat.role, _moment(seat, _text(told, "as_of", "").strip()))


def _moment(seat: Seat, text: str) -> str | None:
    """A time (of a snapshot, if it is one's number) in ISO 8601, UTC; None: now."""
    if not text:
        return None
    if text.isdecimal():
        for _, snapshot in _snapshots(seat):
            if str(snapshot.id) == text:
                return snapshot.at.astimezone(UTC).isoformat()
    with suppress(ValueError, OverflowError):
        if len(text) <= LONGEST_TIME:
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return moment.astimezone(UTC).isoformat()
    raise HTTPException(400, "as of: a time such as 2026-01-31T12:00 (UTC), or a snapshot's number")


async def cancel(request: Request) -> Response:
    """End a query of one's own; `cancelled` is false if it was not at work any more."""
    seat, told = seat_of(request), await object_of(request)
    return JSONResponse({"cancelled": seat.console.asking.cancel(seat.session, _ticket(told))})


async def window(request: Request) -> Response:
    """Rows of a result: `count` from `start` on, every `step`th, of all `columns` or some."""
    result = _result(request)
    start, step = _number(request, "start", 0), _number(request, "step", 1, least=1)
    count = min(_number(request, "count", FIRST), WINDOW)
    rows = await asyncio.to_thread(result.window, start, count, step, _columns(request, result))
    return JSONResponse({**_about(result), "start": start, "step": step, "window": rows})


def _number(request: Request, name: str, default: int, least: int = 0) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 17):
        raise HTTPException(400, f"{name}: give a whole number, at least {least}")
    number = int(text)
    if not least <= number <= LARGEST:
        raise HTTPException(400, f"{name}: give a whole number, at least {least}")
    return number


def _columns(request: Request, result: Result) -> list[int] | None:
    text = request.query_params.get("columns")
    if text is None:
        return None
    places = range(result.rows.num_columns)
    found = [int(part) for part in text.split(",") if re.fullmatch("[0-9]{1,6}", part)]
    parts = len(text.split(","))  # a chart may want one column along both axes, nobody all twice
    if len(found) != parts or parts > len(places) + 1 or set(found) - set(places):
        raise HTTPException(400, f"columns: their places, 0 to {len(places) - 1}, with commas")
    return found


def _result(request: Request) -> Result:
    seat = seat_of(request)
    result = seat.console.results.find(seat.session, request.path_params["number"])
    if result is None:
        raise HTTPException(404, "these rows are not kept any more; run the query again")
    return result


async def csv(request: Request) -> Response:
    """A result as a CSV file."""
    return _file(_result(request).to_csv(), "csv", "text/csv; charset=utf-8")


async def parquet(request: Request) -> Response:
    """A result as a Parquet file."""
    return _file(_result(request).to_parquet(), "parquet", "application/vnd.apache.parquet")


def _file(parts: Iterator[bytes], suffix: str, kind: str) -> Response:
    name = f"stedi-{datetime.now(UTC):%Y%m%d-%H%M%S}.{suffix}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(parts, media_type=kind, headers=headers)


async def schema(request: Request) -> Response:
    """The tables and columns that the role sees, with what they mean."""
    role = seat_of(request).role
    tables = [
        {
            "zone": table.zone,
            "name": table.name,
            "description": table.description,
            "columns": [
                {"name": one.name, "type": one.type, "description": one.description}
                for one in role.columns(table)
            ],
        }
        for table in role.tables()
    ]
    return JSONResponse({"tables": tables})


ROUTES = (
    ("/sql", editor, "GET"),
    ("/api/query", ask, "POST"),
    ("/api/query/cancel", cancel, "POST"),
    ("/api/results/{number}.csv", csv, "GET"),
    ("/api/results/{number}.parquet", parquet, "GET"),
    ("/api/results/{number}", window, "GET"),
    ("/api/schema", schema, "GET"),
)
