"""What all pages share: the lake, its board, the sandbox, who is signed in."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from stedi.api import Lake, open_lake
from stedi.console.asking import Asking
from stedi.console.board import Board, Boards
from stedi.console.forgetting import Forgetting
from stedi.console.results import Results
from stedi.console.sessions import Session, Sessions
from stedi.console.tokens import Tokens
from stedi.contract.roles import Role
from stedi.engines.spec import Limits
from stedi.places import Place
from stedi.sandbox.runner import Sandbox


@dataclass
class Console:
    """One running console over one lake."""

    root: Place
    secure: bool
    cookie: str
    tokens: Tokens
    sessions: Sessions
    boards: Boards
    sandbox: Sandbox
    results: Results
    asking: Asking
    forgetting: Forgetting
    limits: Limits

    def open(self) -> Lake:
        """The lake, for one piece of work in one thread."""
        return open_lake(self.root)


@dataclass(frozen=True)
class Seat:
    """Whoever made a request, and what they sit at."""

    console: Console
    session: Session

    @property
    def role(self) -> Role:
        """What they may see and do."""
        return self.session.role

    @property
    def board(self) -> Board:
        """The lake as it was seconds ago."""
        return self.console.boards.now


def console_of(request: Request) -> Console:
    """The console that serves the request."""
    console: Console = request.app.state.console
    return console


def seat_of(request: Request) -> Seat:
    """Who makes the request; only behind `app.signed`."""
    return Seat(console_of(request), request.state.session)
