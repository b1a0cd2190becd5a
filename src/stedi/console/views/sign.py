"""Signing in, with a token or a one-time link, and out."""

from __future__ import annotations

from contextlib import suppress

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from stedi.console.pace import Paces
from stedi.console.sessions import LASTS
from stedi.console.state import Console, console_of, seat_of
from stedi.console.web import form_of, page
from stedi.errors import LakeError

TRIES = Paces(rate=0.2, burst=10)
LONGEST = 200
USED = "This link was used or is too old: start the console again, or use a token."


async def door(request: Request) -> Response:
    """The form; or, with a code, straight in: the link that `stedi serve` prints."""
    console = console_of(request)
    code = request.query_params.get("code", "")
    there = safe(request.query_params.get("next", "/"))
    if code:
        if cookie := console.sessions.by_code(code[:LONGEST]):
            return _entered(console, cookie, "/")
        _failed(request)
    if console.sessions.find(request.cookies.get(console.cookie, "")):
        return RedirectResponse(there, 303)
    why = USED if code else ""
    return page(request, "sign-in", 401 if code else 200, next=there, why=why)


async def enter(request: Request) -> Response:
    """A token was typed: in, or the form again with the reason."""
    console, form = console_of(request), await form_of(request)
    there = safe(form.get("next", "/"))
    if cookie := await _opened(console, form.get("token", "").strip()[:LONGEST]):
        return _entered(console, cookie, there)
    _failed(request)
    why = "That is no valid token: it was mistyped, revoked or is too old."
    return page(request, "sign-in", 401, next=there, why=why)


async def _opened(console: Console, token: str) -> str | None:
    """A session opened with a token; one that is not known may be new, or none was read yet."""
    with suppress(LakeError):
        if cookie := console.sessions.by_token(token):
            return cookie
    await console.tokens.look()
    return console.sessions.by_token(token)


async def leave(request: Request) -> Response:
    """Sign out; what the session asked is forgotten."""
    seat = seat_of(request)
    seat.console.sessions.end(seat.session)
    response = RedirectResponse("/sign-in", 303)
    response.delete_cookie(seat.console.cookie, path="/")
    return response


def _failed(request: Request) -> None:
    """Count a try that failed; too many of them, and nobody learns what became of one."""
    client = request.client.host if request.client else ""
    if not TRIES.of(client).allows():
        raise HTTPException(429, "too many tries to sign in; wait a minute")


def _entered(console: Console, cookie: str, there: str) -> Response:
    response = RedirectResponse(there, 303)
    response.set_cookie(
        console.cookie,
        cookie,
        max_age=int(LASTS),
        path="/",
        httponly=True,
        samesite="strict",
        secure=console.secure,
    )
    return response


def safe(there: str) -> str:
    """A path of this console, never another host's (//host, /\\host, http:)."""
    plain = there.isascii() and there.isprintable() and "\\" not in there
    return there if plain and there.startswith("/") and not there.startswith("//") else "/"
