"""Queries at work: whose they are, what they may use; saved ones are computed once for everybody.

A saved query's text is the house's own, so it gets more time and memory than others. Its rows are
shared by all who ask it in the same role, of the same version of the lake; when that changes, they
are computed anew, once the SQL page has been used, while nobody else is waiting.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from starlette.exceptions import HTTPException

from stedi.api import open_lake
from stedi.console.board import Boards, failed
from stedi.console.holding import letting_go
from stedi.console.results import Result, Results
from stedi.console.sessions import Session
from stedi.contract.queries import SavedQuery, load_queries
from stedi.contract.roles import Role
from stedi.engines.spec import MB, Limits
from stedi.lake.home import open_home
from stedi.lake.model import Source
from stedi.lake.readers import reading
from stedi.places import Place
from stedi.sandbox.relations import named, spec
from stedi.sandbox.runner import Answer, Refused, Sandbox

MOST_AT_ONCE = 2  # of one session
MOST_SHARED = 256
SAVED_SECONDS, SAVED_MEMORY = 60.0, 4096 * MB
SPARE_MEMORY = 3072 * MB  # of the process, beside DuckDB's
LOOK = 1.0  # seconds
Key = tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """One query of a role; `as_of` a time in ISO 8601, None for the lake as it is."""

    sql: str
    role: Role
    as_of: str | None = None

    @property
    def saved(self) -> SavedQuery | None:
        """The saved query whose text this is, if the role may ask it."""
        return next((one for one in saved_for(self.role) if one.sql == self.sql.strip()), None)


def saved_for(role: Role) -> list[SavedQuery]:
    """The saved queries that are open to a role, by title."""
    found = [one for one in load_queries() if one.open_to(role)]
    return sorted(found, key=lambda one: one.title)


def saved_limits(limits: Limits) -> Limits:
    """What a saved query may use, where others may use `limits`."""
    memory = max(limits.memory, SAVED_MEMORY)
    return replace(
        limits,
        seconds=max(limits.seconds, SAVED_SECONDS),
        memory=memory,
        address_space=max(limits.address_space, memory + SPARE_MEMORY),
    )


class Asking:
    """The queries of one console that are at work, and the rows that are shared."""

    def __init__(
        self, root: Place, boards: Boards, sandbox: Sandbox, results: Results, limits: Limits
    ) -> None:
        self._root = root
        self._boards = boards
        self._sandbox = sandbox
        self._results = results
        self.limits = limits
        self._at_work: dict[tuple[str, str], asyncio.Task[Answer]] = {}
        self._shared: OrderedDict[Key, asyncio.Task[Answer]] = OrderedDict()
        self._turn = asyncio.Lock()
        self._roles: dict[str, Role] = {}
        self._keeper: asyncio.Task[None] | None = None

    async def ask(
        self, session: Session, ticket: str, question: Question, unless: asyncio.Task[None]
    ) -> Result:
        """The rows of a query, kept for the session; Refused says why there are none.

        `ticket` is what `cancel` knows it by; it is cancelled too when `unless` is done.
        """
        self.use(question.role)
        self._admit(session, ticket)
        results = self._results
        cleared, version = results.cleared, self._boards.now.version
        task = asyncio.create_task(self._answer(question))
        self._at_work[session.key, ticket] = task
        try:
            await asyncio.wait({task, unless}, return_when=asyncio.FIRST_COMPLETED)
            ended = not task.done() and task.cancel()
            await asyncio.wait({task})
        finally:
            task.cancel()
            del self._at_work[session.key, ticket]
        if ended or task.cancelled():
            raise Refused("cancelled", "cancelled; the query has ended")
        answer = task.result()
        if results.cleared != cleared:
            raise Refused("failed", "people were forgotten meanwhile; run the query again")
        return results.keep(session, question.sql, answer, version)

    def _admit(self, session: Session, ticket: str) -> None:
        if (session.key, ticket) in self._at_work:
            raise HTTPException(400, "another query has this ticket")
        if sum(key == session.key for key, _ in self._at_work) >= MOST_AT_ONCE:
            raise HTTPException(
                429, f"{MOST_AT_ONCE} queries of yours are at work; wait, or cancel one"
            )

    def cancel(self, session: Session, ticket: str) -> bool:
        """End a query of the session's own; whether there was one at work.

        A saved query goes on for the others who wait for it, and for those who will ask.
        """
        task = self._at_work.get((session.key, ticket))
        return task is not None and task.cancel()

    def close(self) -> None:
        """End what is at work and what is kept ready."""
        tasks = [*self._at_work.values(), *self._shared.values(), self._keeper]
        for task in filter(None, tasks):
            task.cancel()

    def use(self, role: Role) -> None:
        """Somebody of the role uses the SQL page: keep its saved queries ready from now on."""
        self._roles[role.name] = role
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.create_task(self._keep())

    async def _answer(self, question: Question) -> Answer:
        if question.saved is None:
            return await self._run(question, self.limits)
        if question.as_of is not None:  # a moment of one's own: nobody else waits for it
            return await self._run(question, saved_limits(self.limits))
        return await asyncio.shield(self._share(question))

    def _share(self, question: Question) -> asyncio.Task[Answer]:
        """The one computation of a saved query, begun if there is none."""
        self._sweep()
        key = (*self._state(), question.role.name, question.sql.strip(), question.as_of or "")
        task = self._shared.pop(key, None)
        if task is None or failed(task):
            task = asyncio.create_task(self._alone(question))
            task.add_done_callback(failed)
        self._shared[key] = task
        return task

    async def _alone(self, question: Question) -> Answer:
        async with self._turn:  # one at a time: they may use much, and others want to go on too
            return await self._run(question, saved_limits(self.limits))

    def _state(self) -> Key:
        """Another one whenever shared rows must no longer be used."""
        board = self._boards.now
        return board.state, str(self._results.cleared)

    def _sweep(self) -> None:
        state = self._state()
        for key in [key for key in self._shared if key[: len(state)] != state]:
            del self._shared[key]
        while len(self._shared) >= MOST_SHARED:
            self._shared.popitem(last=False)

    async def _run(self, question: Question, limits: Limits) -> Answer:
        """The rows; the lake's files stay until the query's process is gone."""
        try:
            async with asyncio.timeout(limits.seconds) as patience:
                home = await asyncio.to_thread(open_home, self._root)
                async with letting_go(await asyncio.to_thread(reading, home)):
                    sources = await asyncio.to_thread(self._sources, question)
                    patience.reschedule(None)
                    told = spec(question.role, question.sql, sources, limits)
                    return await self._sandbox.run(told)
        except TimeoutError:
            took = f"the lake was not found within {limits.seconds:g} seconds; try again"
            raise Refused("limit", took) from None

    def _sources(self, question: Question) -> dict[str, Source]:
        with open_lake(self._root) as lake:
            return lake.sources(named(question.role, question.sql), question.as_of)

    async def _keep(self) -> None:
        """As long as the console runs: drop what has become old, have saved queries ready."""
        state = self._state()
        ready: set[Question] = set()
        while True:
            self._sweep()
            if self._state() != state:
                state, ready = self._state(), set()
            due = next(self._due(ready), None)
            if due is None:
                await asyncio.sleep(LOOK)
                continue
            ready.add(due)
            await asyncio.wait({self._share(due)})

    def _due(self, ready: set[Question]) -> Iterator[Question]:
        """Saved queries that could be computed now, nobody else being at work."""
        board = self._boards.now
        if self._at_work or not board.tables or board.trouble:
            return
        for role in self._roles.values():
            for saved in saved_for(role):
                if (question := Question(saved.sql, role)) not in ready:
                    yield question
