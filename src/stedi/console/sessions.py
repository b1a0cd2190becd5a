"""Who has signed in: sessions in memory, known by the hash of their cookie.

They end with the server, after twelve hours, with the token they were opened with, or by signing
out. One-time links are codes that open one session and are then worth nothing.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from stedi.console.pace import Pace
from stedi.console.tokens import Tokens
from stedi.contract.roles import Role, find_role

LASTS = 12 * 3600.0  # seconds
LINK_LASTS = 15 * 60.0
MOST_SESSIONS = 1000
MOST_OF_TOKEN = 60


@dataclass
class Session:
    """One signed-in browser: its role, the token it came with ("" by a link), its CSRF token."""

    role: Role
    token: str
    name: str
    ends: float
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    key: str = ""
    pace: Pace = field(default_factory=lambda: Pace(rate=20, burst=120))
    queries: Pace = field(default_factory=lambda: Pace(rate=1, burst=30))


class Sessions:
    """All open sessions, and the one-time codes that have not been used."""

    def __init__(
        self, tokens: Tokens, ended: Callable[[Session], None] = lambda session: None
    ) -> None:
        self._tokens = tokens
        self._ended = ended
        self._open: dict[str, Session] = {}
        self._codes: dict[str, tuple[str, float]] = {}

    def link(self, role: str) -> str:
        """A code that signs in once, as that role, within a quarter of an hour."""
        code = secrets.token_urlsafe(32)
        self._codes[_hash(code)] = (find_role(role).name, time.monotonic() + LINK_LASTS)
        return code

    def by_code(self, code: str) -> str | None:
        """Open a session with a one-time code: the cookie's value."""
        role, until = self._codes.pop(_hash(code), ("", 0.0))
        if time.monotonic() >= until:
            return None
        return self._begin(Session(find_role(role), "", "one-time link", _end()))

    def by_token(self, secret: str) -> str | None:
        """Open a session with a token: the cookie's value."""
        token = self._tokens.holder(secret)
        if token is None:
            return None
        return self._begin(Session(find_role(token.role), token.id, token.name, _end()))

    def _begin(self, session: Session) -> str:
        cookie = secrets.token_urlsafe(32)
        session.key = _hash(cookie)
        self._sweep()
        same = [one for one in self._open.values() if session.token and one.token == session.token]
        for old in same[: max(len(same) + 1 - MOST_OF_TOKEN, 0)]:
            self.end(old)
        self._open[session.key] = session
        return cookie

    def known(self, cookie: str) -> Session | None:
        """The session of a cookie, whether or not it may go on."""
        return self._open.get(_hash(cookie))

    def find(self, cookie: str) -> Session | None:
        """The session of a cookie, if it is still open."""
        session = self.known(cookie)
        if session is None:
            return None
        if time.monotonic() >= session.ends or not self._stands(session):
            self.end(session)
            return None
        return session

    def _stands(self, session: Session) -> bool:
        return not session.token or self._tokens.stands(session.token)

    def end(self, session: Session) -> None:
        """Sign out; whoever was to hear of it lets go of what the session asked."""
        if self._open.pop(session.key, None):
            self._ended(session)

    def open(self) -> list[Session]:
        """Everybody who is signed in."""
        return list(self._open.values())

    def _sweep(self) -> None:
        now = time.monotonic()
        for session in [one for one in self._open.values() if now >= one.ends]:
            self.end(session)
        while len(self._open) >= MOST_SESSIONS:
            self.end(next(iter(self._open.values())))


def _end() -> float:
    return time.monotonic() + LASTS


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
