"""The signals of one subject of the training table, and the true steps of simulated lakes."""

from __future__ import annotations

import asyncio
import math
import re
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from stedi import signals as lake_signals
from stedi.api import Lake
from stedi.console.state import Console, Seat, console_of, seat_of
from stedi.console.web import page
from stedi.contract import load_tables
from stedi.errors import UsageError
from stedi.lake.model import Source
from stedi.lake.readers import reading
from stedi.signals import TABLE, Curves, Recording, Span, Truth

NEEDED = {"subject_id", "timestamp", "x", "y", "z", "distancefromobject"}
MOST_SUBJECTS = 2000
MOST_KEPT = 512  # subjects whose recordings are remembered
FEWEST_POINTS, MOST_POINTS = 10, 4000
MOST_STEPS = 5000
AT_ONCE = 2
LATEST = 253_402_300_799_999  # the end of the year 9999, in milliseconds since 1970
SUBJECT = re.compile(r"[0-9a-f]{64}")
T = TypeVar("T")


class Memory:
    """What was found out about the lake as it is, each thing once; forgotten when it changes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._state = ""
        self._kept: OrderedDict[str, asyncio.Task[Any]] = OrderedDict()

    async def subjects(self) -> list[dict[str, Any]]:
        """Subjects with their readings and days, those with most readings first."""
        return await self._once(
            "",
            lambda: self.look(
                lambda lake, found: lake_signals.subjects(
                    lake.embedded, found[TABLE], MOST_SUBJECTS
                )
            ),
        )

    async def recordings(self, subject: str) -> list[Recording]:
        """When a subject was recorded; none: there is no such subject."""
        return await self._once(
            subject,
            lambda: self.look(
                lambda lake, found: lake_signals.recordings(lake.embedded, found[TABLE], subject)
            ),
        )

    async def truth(self) -> Truth:
        """What is known of simulated feeds."""
        return await self._once(
            "truth",
            lambda: self.look(
                lambda lake, found: lake_signals.truth(
                    lake.embedded, found["files"], lake.home.key()
                ),
                "files",
            ),
        )

    async def look(self, work: Callable[[Lake, Mapping[str, Source]], T], name: str = TABLE) -> T:
        """What `work` finds in one table's files, which stay meanwhile; in a thread."""

        def looked() -> T:
            with self._console.open() as lake, reading(lake.home):
                return work(lake, lake.sources([name]))

        async with self._turn:
            return await asyncio.to_thread(looked)

    async def _once(self, key: str, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        board = self._console.boards.now
        if self._state != board.state:
            self._state = board.state
            self._kept.clear()
        task = self._kept.pop(key, None)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = asyncio.create_task(make())
        self._kept[key] = task
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        found: T = await asyncio.shield(task)
        return found


def _memory(request: Request) -> Memory:
    state = request.app.state
    if not hasattr(state, "signals"):
        state.signals = Memory(console_of(request))
    found: Memory = state.signals
    return found


def _seat(request: Request) -> Seat:
    """Who asks, if the role sees what is shown here."""
    seat = seat_of(request)
    if not {column.name for column in seat.role.columns(load_tables()[TABLE])} >= NEEDED:
        raise HTTPException(404, "the signals are not for your role")
    return seat


async def signals(request: Request) -> Response:
    """The page; subjects and curves are fetched by it."""
    seat = _seat(request)
    table = load_tables()[TABLE]
    units = {column.name: column.unit for column in table.columns}
    return page(request, "signals", table=table, units=units, rows=seat.board.tables.get(TABLE))


async def subjects(request: Request) -> Response:
    """Who can be chosen."""
    _seat(request)
    found = await _memory(request).subjects()
    return JSONResponse({"subjects": found, "most": MOST_SUBJECTS})


async def curves(request: Request) -> Response:
    """The curves of a subject in a span (without one, its first recording), and the true steps."""
    _seat(request)
    memory, subject = _memory(request), request.query_params.get("subject", "")
    points = _number(request, "points", FEWEST_POINTS, MOST_POINTS, MOST_POINTS)
    asked = _span(request)
    known = await memory.recordings(subject) if SUBJECT.fullmatch(subject) else []
    if not known:
        raise HTTPException(404, f"there is no such subject in {TABLE}")
    span = asked or known[0].span
    found = await memory.look(
        lambda lake, source: lake_signals.curves(
            lake.embedded, source[TABLE], subject, known, span, points
        )
    )
    truth = await memory.truth()
    steps = await asyncio.to_thread(truth.steps, subject, span)
    told = _told(found, span) | {"steps": _steps(steps)}
    return JSONResponse(
        told if asked else told | {"recordings": [_recording(one) for one in known]}
    )


def _span(request: Request) -> Span | None:
    asked = request.query_params
    if "since" not in asked and "until" not in asked:
        return None
    span = Span(_number(request, "since", 0, LATEST), _number(request, "until", 0, LATEST))
    if span.since > span.until:
        raise UsageError("until is before since; both are milliseconds since 1970")
    return span


def _number(request: Request, name: str, least: int, most: int, otherwise: int = -1) -> int:
    text = request.query_params.get(name, "")
    if not text and otherwise >= 0:
        return otherwise
    plain = text.isascii() and text.isdecimal() and len(text) <= len(str(most))
    if not plain or not least <= int(text) <= most:
        raise UsageError(f"{name} is {text[:40]!r}; give a whole number from {least} to {most}")
    return int(text)


def _told(found: Curves, span: Span) -> dict[str, Any]:
    return {
        "span": [span.since, span.until],
        "first": found.span.since if found.span else None,
        "last": found.span.until if found.span else None,
        "readings": found.readings,
        "every": found.every,
        "columns": {name: list(map(_finite, values)) for name, values in found.columns.items()},
        "figures": {name: list(map(_finite, values)) for name, values in found.figures.items()},
    }


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _steps(steps: list[int] | None) -> dict[str, Any]:
    """When there were steps; of too many to draw, their number."""
    if steps is None:
        return {"known": False, "count": 0, "times": []}
    times = steps if len(steps) <= MOST_STEPS else []
    return {"known": True, "count": len(steps), "times": times}


def _recording(one: Recording) -> dict[str, Any]:
    return {"readings": one.readings, "span": [one.span.since, one.span.until]}


ROUTES = (
    ("/signals", signals, "GET"),
    ("/api/signals", curves, "GET"),
    ("/api/signals/subjects", subjects, "GET"),
)
