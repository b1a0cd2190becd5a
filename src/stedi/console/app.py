"""The routes, and who may take which; errors become pages here and only here."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import wraps
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from stedi.console.guard import Address, Guard
from stedi.console.pace import Paces
from stedi.console.state import Console, console_of
from stedi.console.views import overview, privacy, query, runs, sign, signals, static, table
from stedi.console.web import fail, form_of, told_to
from stedi.errors import LakeBusyError, StediError, UsageError
from stedi.sandbox.runner import Refused

THREADS = 32  # some of them wait for a lock or read for long; the others must go on
STRANGERS = Paces(rate=20, burst=200)
Handler = Callable[[Request], Awaitable[Response]]
PAGES: tuple[tuple[str, Handler, str], ...] = (
    *overview.ROUTES,
    *table.ROUTES,
    *query.ROUTES,
    *signals.ROUTES,
    *runs.ROUTES,
    *privacy.ROUTES,
)


def make_app(console: Console, address: Address, log: bool = True) -> Starlette:
    """The application over one lake, for an ASGI server."""
    signed_in = [Route(path, signed(handler), methods=[method]) for path, handler, method in PAGES]
    app = Starlette(
        routes=[
            Route("/sign-in", met(sign.door), methods=["GET"]),
            Route("/sign-in", met(sign.enter), methods=["POST"]),
            Route("/sign-out", signed(sign.leave, leaving=True), methods=["POST"]),
            Route("/static/{name:path}", static.file, methods=["GET"]),
            *signed_in,
        ],
        middleware=[Middleware(Guard, address=address, broken=_broken, log=log)],
        exception_handlers={
            HTTPException: _refused,
            StediError: _troubled,
        },
        lifespan=_lifespan,
    )
    app.state.console = console
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    console: Console = app.state.console
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
    kept = (console.boards.keep(), console.tokens.keep())
    keeping = [asyncio.create_task(one) for one in kept]
    try:
        yield
    finally:
        for task in keeping:
            task.cancel()
        console.boards.close()
        console.asking.close()
        await asyncio.wait(keeping)
        console.sandbox.close()


def signed(handler: Handler, leaving: bool = False) -> Handler:
    """Only for whoever has signed in; a POST has to bring the session's own CSRF token.

    `leaving` may, too, whose session could not go on.
    """

    @wraps(handler)
    async def guarded(request: Request) -> Response:
        console = console_of(request)
        find = console.sessions.known if leaving else console.sessions.find
        session = find(request.cookies.get(console.cookie, ""))
        if session is None:
            return _stranger(request)
        if not session.pace.allows():
            raise HTTPException(429, "too many requests; wait a moment")
        request.state.session = session
        if request.method == "POST" and not await _meant(request, session.csrf):
            raise HTTPException(403, "this form is not of your session; open the page again")
        return await handler(request)

    return guarded


def met(handler: Handler) -> Handler:
    """For strangers, too, but not as often as they like."""

    @wraps(handler)
    async def guarded(request: Request) -> Response:
        _slow_down(request)
        return await handler(request)

    return guarded


def _slow_down(request: Request) -> None:
    if not STRANGERS.of(request.client.host if request.client else "").allows():
        raise HTTPException(429, "too many requests; wait a moment")


def _stranger(request: Request) -> Response:
    _slow_down(request)
    if request.method == "GET" and not request.url.path.startswith("/api/"):
        there = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/sign-in?next={quote(there, safe='')}", 303)
    raise HTTPException(401, "sign in first")


async def _meant(request: Request, csrf: str) -> bool:
    given = request.headers.get("x-csrf") or (await form_of(request)).get("csrf", "")
    return secrets.compare_digest(given.encode(), csrf.encode())


async def _refused(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    return fail(request, status, str(getattr(error, "detail", "")))


async def _troubled(request: Request, error: Exception) -> Response:
    if isinstance(error, Refused):
        extra = {"state": error.state, "position": error.position}
        return fail(request, 422, str(error), extra)
    if isinstance(error, UsageError):
        return fail(request, 400, str(error))
    if isinstance(error, LakeBusyError):
        return fail(request, 409, str(error))
    return fail(request, 503, told_to(getattr(request.state, "session", None), str(error)))


async def _broken(request: Request, error: Exception) -> Response:
    """A fault of ours: a number to look for in the log, which holds no value of the request."""
    number = secrets.token_hex(4)
    place = _place(error)
    sys.stderr.write(f"fault {number}: {type(error).__name__} at {place}\n")
    return fail(request, 500, f"something went wrong here (fault {number} in the server's log)")


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "unknown"
    return f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}"
