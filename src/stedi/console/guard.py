"""What every request has to pass, and what every answer carries.

A request names a host that is ours (against DNS rebinding), comes from no other site (Origin and
Sec-Fetch-Site, which browsers set and pages cannot), is GET, HEAD or POST, small, and not too
often. There are no web sockets. An answer forbids inline script, frames, other hosts, sniffing
and caches. The log has the route, never the address that was typed, nor a cookie or body.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY = 256 * 1024
LONGEST_BODY = 20.0  # seconds for the next part of a body
Broken = Callable[[Request, Exception], Awaitable[Response]]
METHODS = ("GET", "HEAD", "POST")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer browsers call their own forms foreign
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
}


@dataclass(frozen=True)
class Address:
    """Where the console is reached: the scheme, and the hosts with their ports as browsers send."""

    scheme: str
    hosts: frozenset[str]

    def is_ours(self, origin: str) -> bool:
        """Whether an Origin header names this console, exactly."""
        return any(origin == f"{self.scheme}://{host}" for host in self.hosts)


class Guard:
    """Wraps the application; refuses before it sees a request, adds headers to its answers."""

    def __init__(self, app: ASGIApp, address: Address, broken: Broken, log: bool = True) -> None:
        self._app = app
        self._address = address
        self._broken = broken
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008, "reason": "no sockets"})
        scope["nonce"] = secrets.token_urlsafe(16)
        answer = _Answer(scope, send, self._log)
        await self._serve(scope, receive, answer.send)
        answer.tell()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._refusal(scope, Headers(scope=scope))
        if refused:
            status, why = refused
            return await PlainTextResponse(why + "\n", status)(scope, receive, send)
        try:
            await self._app(scope, limited(receive), send)
        except Exception as error:  # here, or the server would write its message to the log
            answer = await self._broken(Request(scope), error)
            if not scope.get("answered"):
                await answer(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """Status and reason if a request is not to be served."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._address.hosts:
            return 421, "this console is not reached by that host name"
        if scope["method"] not in METHODS:
            return 405, "only GET, HEAD and POST"
        if _foreign(scope, headers, self._address):
            return 403, "this request comes from another site"
        if not _short(headers.get("content-length", "0")):
            return 413, "the request is too large"
        return None


def _short(length: str) -> bool:
    return length.isdecimal() and int(length) <= MOST_BODY


def _foreign(scope: Scope, headers: Headers, address: Address) -> bool:
    """Whether another site's page made the browser send this."""
    origins = headers.getlist("origin")
    if origins and (len(origins) > 1 or not address.is_ours(origins[0])):
        return True
    site = headers.get("sec-fetch-site", "")
    if scope["method"] == "POST":
        return not origins and site != "same-origin"
    if site in ("", "same-origin", "none"):
        return False
    return not (headers.get("sec-fetch-mode") == "navigate" and scope["path"] in ("/", "/sign-in"))


def limited(receive: Receive) -> Receive:
    """A body of at most MOST_BODY bytes, whatever its length was said to be, and not for ever."""
    got, whole = 0, False

    async def take() -> Message:
        nonlocal got, whole
        try:
            message = await asyncio.wait_for(receive(), None if whole else LONGEST_BODY)
        except TimeoutError:
            return {"type": "http.disconnect"}
        got += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        return message if got <= MOST_BODY else {"type": "http.disconnect"}

    return take


class _Answer:
    """Adds the headers, remembers the status, tells the log."""

    def __init__(self, scope: Scope, send: Send, log: bool) -> None:
        self._scope = scope
        self._send: Callable[[Message], Awaitable[None]] = send
        self._log = log
        self._started = time.monotonic()
        self._status = 0

    async def send(self, message: Message) -> None:
        """Pass on one message of the answer."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._scope["answered"] = True
            headers = MutableHeaders(scope=message)
            headers["Content-Security-Policy"] = POLICY.format(nonce=self._scope["nonce"])
            headers.setdefault("Cache-Control", "no-store")
            for name, value in ALWAYS.items():
                headers[name] = value
        await self._send(message)

    def tell(self) -> None:
        """One line a request: the route as it is written in the code, no value of it."""
        if not self._log:
            return
        route = getattr(self._scope.get("route"), "path", "-")
        ms = (time.monotonic() - self._started) * 1000
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        line = f"{now} {self._scope['method']} {route} {self._status} {ms:.0f} ms\n"
        sys.stderr.write(line)
