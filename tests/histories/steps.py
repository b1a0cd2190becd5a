"""What can happen in a history. The repr of a step is the code that makes it.

A new kind of step is a frozen dataclass with `take(history)`, and a strategy in `NEWS`
or `runs` of `choices.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from histories.driver import History
from histories.lines import NOBODY, PEOPLE, Line


class Event(Protocol):
    """One step of a history."""

    def take(self, history: History) -> None:
        """Let it happen."""


@dataclass(frozen=True)
class Deliver:
    """Lines arrive, in a new file for each feed."""

    lines: tuple[Line, ...]

    def take(self, history: History) -> None:
        history.deliver(self.lines)


@dataclass(frozen=True)
class Again:
    """A file's content arrives under another name, amid new lines of its feed if there are any."""

    file: int
    amid: tuple[Line, ...] = ()

    def take(self, history: History) -> None:
        if name := history.file(self.file):
            old = history.files[name]
            new = [line for line in self.amid if line.feed == name.split("/")[0]]
            half = len(new) // 2
            history.deliver([*new[:half], *reversed(old), *new[half:]] if new else old)


@dataclass(frozen=True)
class Replace:
    """A file changes under its name: the lines with these numbers go, others come."""

    file: int
    without: frozenset[int] = frozenset()
    added: tuple[Line, ...] = ()

    def take(self, history: History) -> None:
        if name := history.file(self.file):
            feed = name.split("/")[0]
            kept = [line for n, line in enumerate(history.files[name]) if n not in self.without]
            history.write(name, [*kept, *(line for line in self.added if line.feed == feed)])


@dataclass(frozen=True)
class Vanish:
    """A landed file is gone from the landing folder."""

    file: int

    def take(self, history: History) -> None:
        if name := history.file(self.file):
            history.vanish(name)


@dataclass(frozen=True)
class Run:
    """A run, perhaps with a new policy, in full, or killed at a tick (see `History.killed`)."""

    consent: str | None = None
    killed: int | None = None
    full: bool = False

    def take(self, history: History) -> None:
        _take(history, self.killed, lambda: history.run(consent=self.consent, full=self.full))


@dataclass(frozen=True)
class Maintain:
    """Upkeep that keeps so many versions of a table, perhaps killed at a tick."""

    keep: int = 50
    killed: int | None = None

    def take(self, history: History) -> None:
        _take(history, self.killed, lambda: history.maintain(self.keep))


@dataclass(frozen=True)
class Forget:
    """People are forgotten, perhaps killed at a tick: a later step, or the end, finishes it.

    They are given by number; None is somebody who never was a customer.
    """

    people: tuple[int | None, ...]
    killed: int | None = None

    def take(self, history: History) -> None:
        history.resume()
        people = [NOBODY if who is None else PEOPLE[who] for who in self.people]
        _take(history, self.killed, lambda: history.forget(people))


def _take(history: History, killed: int | None, act: Callable[[], None]) -> None:
    if killed is None:
        act()
    else:
        history.killed(killed, act)


@dataclass(frozen=True)
class Plot:
    """A policy to begin with, and what happens.

    From a share of `wide` on, a part is made as a whole; the worlds are so small that most
    parts are wide, so it is mostly set beyond all.
    """

    policy: str
    steps: tuple[Event, ...]
    wide: float = 2
