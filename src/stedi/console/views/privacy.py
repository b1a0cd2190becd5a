"""Privacy: who may see what; one person's data looked up, exported, forgotten.

An address comes in the body of a POST and goes out on the page that answers it: it is never in a
URL, a title, a file's name or the log.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse

from stedi.console.access import access
from stedi.console.cells import plain
from stedi.console.forgetting import AT_WORK, Forgetting
from stedi.console.state import Console, Seat, seat_of
from stedi.console.web import form_of, page
from stedi.contract.roles import load_roles
from stedi.erasure.journal import Journal, Removed, pending
from stedi.errors import LakeBusyError, StediError
from stedi.lake.home import open_home
from stedi.lake.readers import reading
from stedi.people import person_of
from stedi.subject.portable import portable
from stedi.subject.show import RETENTION, Holding

MOST_LISTED = 100
PIECE = 1 << 18  # characters of an export sent at once
WORD = "FORGET"
INTERRUPTED = "a forgetting is not finished; go on with it on the page Privacy first"
COPY = "personal-data.json"


def _officer(request: Request) -> Seat:
    """Whoever makes the request, if people are their business."""
    seat = seat_of(request)
    if not seat.role.subjects:
        raise HTTPException(403, "people's data are the business of the privacy role alone")
    return seat


async def privacy(request: Request) -> Response:
    """The page: who may see what, the ways to a person, how far a forgetting is."""
    console = _officer(request).console
    return page(request, "privacy", **await _facts(console))


async def _facts(console: Console) -> dict[str, Any]:
    forgetting = console.forgetting
    left, trouble = await asyncio.to_thread(_interrupted, console)
    wall, now = datetime.now(UTC), time.monotonic()
    return {
        "roles": list(load_roles().values()),
        "access": access(),
        "tokens": console.tokens.all(),
        "sessions": [
            (one, wall + timedelta(seconds=one.ends - now)) for one in console.sessions.open()
        ],
        "job": forgetting.job,
        "interrupted": None if forgetting.working else left,
        "trouble": trouble,
        "word": WORD,
    }


def _interrupted(console: Console) -> tuple[Journal | None, str]:
    """The forgetting that was begun and not finished, or why that cannot be told."""
    try:
        return pending(open_home(console.root)), ""
    except StediError as error:
        return None, str(error)


@dataclass(frozen=True)
class Found:
    """What is held about a person, and the first of the lines that were not landed."""

    holding: Holding
    lines: list[dict[str, Any]]


async def person(request: Request) -> Response:
    """Everything held about one person, whose address was typed."""
    console = _officer(request).console
    email = (await form_of(request)).get("email", "")
    found = await asyncio.to_thread(_look_up, console, email)
    shown: dict[str, Any] = {"found": found.holding, "lines": found.lines, "retention": RETENTION}
    return page(request, "person", most=MOST_LISTED, **shown)


def _look_up(console: Console, email: str) -> Found:
    with console.open() as lake, reading(lake.home):
        holding = lake.subject(email)
        kept = [e for e in holding.tables if e.table.name == "quarantine" and e.rows]
        lines = (row for entry in kept for row in holding.rows(entry.table))
        return Found(holding, list(islice(lines, MOST_LISTED)))


async def export(request: Request) -> Response:
    """The portable copy as a download: the same as `stedi subject show --format json`."""
    console = _officer(request).console
    email = (await form_of(request)).get("email", "")
    pieces = _pieces(console, email)
    worker = ThreadPoolExecutor(1)  # one thread for all of it: so the lake's catalog wants it
    try:
        first = await asyncio.get_running_loop().run_in_executor(worker, next, pieces, "")
    except BaseException:
        worker.shutdown(wait=False)
        raise
    headers = {"Content-Disposition": f'attachment; filename="{COPY}"'}
    body = _sent(worker, pieces, first)
    return StreamingResponse(body, media_type="application/json", headers=headers)


def _pieces(console: Console, email: str) -> Generator[str, None, None]:
    """The copy in larger pieces; its files are held until the last is read."""
    with console.open() as lake, reading(lake.home):
        gathered, size = [], 0
        for piece in portable(lake.subject(email)):
            gathered.append(piece)
            size += len(piece)
            if size > PIECE:
                yield "".join(gathered)
                gathered, size = [], 0
        yield "".join(gathered)


async def _sent(
    worker: ThreadPoolExecutor, pieces: Generator[str, None, None], first: str
) -> AsyncIterator[bytes]:
    loop, piece = asyncio.get_running_loop(), first
    try:
        while piece:
            yield piece.encode("utf-8", "backslashreplace")
            piece = await loop.run_in_executor(worker, next, pieces, "")
    finally:
        worker.submit(pieces.close)
        worker.shutdown(wait=False)


async def foresee(request: Request) -> Response:
    """What forgetting a person would remove, and the form that confirms it."""
    console = _officer(request).console
    email = (await form_of(request)).get("email", "")
    address, removed = await asyncio.to_thread(_foreseen, console, email)
    return page(request, "foresee", address=address, removed=removed, word=WORD, why="")


def _foreseen(console: Console, email: str) -> tuple[str, dict[str, Removed]]:
    with console.open() as lake:
        return person_of(lake.embedded, email), lake.foresee_forgetting([email])


async def forget(request: Request) -> Response:
    """Begin to forget a person, if the address was typed once more, and the word."""
    seat, form = _officer(request), await form_of(request)
    forgetting = seat.console.forgetting
    address, again = await asyncio.to_thread(_matched, seat.console, form)
    if not again or form.get("word", "").strip() != WORD:
        why = f"Nothing was forgotten: type the person's address once more and the word {WORD}."
        shown: dict[str, Any] = {"address": address, "removed": None, "word": WORD, "why": why}
        return page(request, "foresee", 422, **shown)
    _refuse_unfinished(forgetting, await asyncio.to_thread(_interrupted, seat.console))
    await forgetting.start(_name(seat), [address])
    return RedirectResponse("/privacy#job", 303)


def _matched(console: Console, form: dict[str, str]) -> tuple[str, bool]:
    """The address as people are matched, and whether the one typed again is the same."""
    with console.open() as lake:
        address = person_of(lake.embedded, form.get("email", ""))
        again = form.get("again", "")
        return address, bool(again.strip()) and person_of(lake.embedded, again) == address


def _refuse_unfinished(forgetting: Forgetting, found: tuple[Journal | None, str]) -> None:
    journal, trouble = found
    if forgetting.working:
        raise LakeBusyError(AT_WORK)
    if journal or trouble:
        raise LakeBusyError(trouble or INTERRUPTED)


async def resume(request: Request) -> Response:
    """Go on with a forgetting that was interrupted."""
    seat, form = _officer(request), await form_of(request)
    if form.get("word", "").strip() != WORD:
        raise HTTPException(422, f"nothing was done: type the word {WORD} to go on")
    journal, trouble = await asyncio.to_thread(_interrupted, seat.console)
    if not journal:
        raise HTTPException(409, trouble or "no forgetting was interrupted: there is nothing to do")
    await seat.console.forgetting.start(_name(seat), [], resume=True)
    return RedirectResponse("/privacy#job", 303)


def _name(seat: Seat) -> str:
    return f"{seat.role.name} ({seat.session.name})" if seat.session.name else seat.role.name


async def job(request: Request) -> Response:
    """How far the forgetting is: its steps in words."""
    found = _officer(request).console.forgetting.job
    if found is None:
        return JSONResponse({"state": "none", "steps": [], "seconds": 0})
    return JSONResponse(
        {"state": found.state, "steps": list(found.steps), "seconds": round(found.seconds)}
    )


async def certificates(request: Request) -> Response:
    """Certificates of erasure, newest first: what was removed where, and what was searched."""
    console = _officer(request).console
    rows = await asyncio.to_thread(_erasures, console)
    names = sorted({row["erasure"] for row in rows}, reverse=True)
    grouped = {name: [row for row in rows if row["erasure"] == name] for name in names}
    return JSONResponse({"certificates": [_certificate(rows) for rows in grouped.values()]})


def _erasures(console: Console) -> list[dict[str, Any]]:
    with console.open() as lake:
        return list(lake.table("erasures")) if lake.history("erasures") else []


def _certificate(rows: list[dict[str, Any]]) -> dict[str, Any]:
    said = {"erasure", "finished", "people"}
    told = ("place", "files", "rows", "bytes")
    searched = next((row for row in rows if row["step"] == "searched"), None)
    removed = [row for row in rows if row["step"] == "removed"]
    return {
        **{key: plain(rows[0][key]) for key in said},
        "searched": searched and {key: searched[key] for key in ("files", "bytes", "found")},
        "removed": [{key: row[key] for key in told} for row in removed],
    }


ROUTES = (
    ("/privacy", privacy, "GET"),
    ("/privacy/person", person, "POST"),
    ("/privacy/export", export, "POST"),
    ("/privacy/foresee", foresee, "POST"),
    ("/privacy/forget", forget, "POST"),
    ("/privacy/resume", resume, "POST"),
    ("/api/privacy/job", job, "GET"),
    ("/api/privacy/certificates", certificates, "GET"),
)
