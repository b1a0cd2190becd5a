"""Runs: what each did to which table, how long it took; and the one that is at work."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from stedi.console.board import MOST_RUNS, Board
from stedi.console.state import seat_of
from stedi.console.web import page
from stedi.contract import Table, load_tables
from stedi.contract.roles import Role
from stedi.inflight import InFlight, in_flight
from stedi.lake.home import open_home
from stedi.subject.held import run_time


@dataclass(frozen=True)
class Step:
    """What a run did to one table: its row of ops.runs.

    `kept`: the version it published can still be read.
    """

    table: Table
    row: Mapping[str, Any]
    excluded: Mapping[str, int]
    kept: bool


@dataclass(frozen=True)
class Run:
    """One run by its name, its steps in order; `started` is None where the name does not say."""

    name: str
    started: datetime | None
    steps: Sequence[Step]

    @property
    def seconds(self) -> float:
        """What its steps took together, as far as they say."""
        return sum(step.row["seconds"] or 0 for step in self.steps)

    @property
    def longest(self) -> float:
        """The seconds of its longest step: bars are to its scale."""
        return max((step.row["seconds"] or 0 for step in self.steps), default=0)


def runs_of(board: Board, role: Role) -> list[Run]:
    """The runs of the board, newest first, with the tables that the role sees; others not at all.

    Where the board ends in the middle of a run, that run is left out.
    """
    groups = [(name, list(rows)) for name, rows in groupby(board.runs, lambda row: str(row["run"]))]
    if len(board.runs) >= MOST_RUNS and len(groups) > 1:
        groups.pop()
    found = [Run(name, run_time(name), _steps(board, role, rows)) for name, rows in groups]
    return [run for run in found if run.steps]


def _steps(board: Board, role: Role, rows: Sequence[Mapping[str, Any]]) -> list[Step]:
    """Landing first: its rows are written down last, when the run ends."""
    seen = {table.full_name: table for table in role.tables()}
    steps = [_step(board, seen[row["table"]], row) for row in rows if row["table"] in seen]
    return sorted(steps, key=lambda step: (not step.table.feed, step.row["published"]))


def _step(board: Board, table: Table, row: Mapping[str, Any]) -> Step:
    kept = {snapshot.id for snapshot in board.history.get(table.name, ())}
    reasons = sorted(json.loads(row["excluded"]).items(), key=lambda pair: -pair[1])
    return Step(table, row, dict(reasons), row["snapshot"] in kept)


async def runs(request: Request) -> Response:
    """The page; drawn from the board alone."""
    seat = seat_of(request)
    found = runs_of(seat.board, seat.role)
    return page(request, "runs", runs=found, newest=_newest(found))


async def live(request: Request) -> Response:
    """The run at work, if one is, as far as the role may know; the newest that has ended."""
    seat = seat_of(request)
    found = await asyncio.to_thread(lambda: in_flight(open_home(seat.console.root)))
    newest = _newest(runs_of(seat.board, seat.role))
    return JSONResponse({"run": found and _told(found, seat.role), "newest": newest})


def _newest(found: Sequence[Run]) -> str:
    return found[0].name if found else ""


def _told(run: InFlight, role: Role) -> dict[str, Any]:
    """What of a run in flight belongs to the tables that the role sees."""
    tables = role.tables()
    told: dict[str, Any] = {"run": run.run, "started": run.started, "step": run.step}
    if any(table.feed for table in tables):
        told |= {key: getattr(run, key) for key in ("files", "rows", "bytes", "of_bytes")}
    seen = {name for table in tables for name in (table.name, table.full_name)}
    told["refreshed"] = [_done(one) for one in run.refreshed if one["table"] in seen]
    return told


def _done(one: Mapping[str, Any]) -> dict[str, Any]:
    table = load_tables()[one["table"].rpartition(".")[2]]
    return {"table": table.full_name, "rows": one["rows"]}


ROUTES = (
    ("/runs", runs, "GET"),
    ("/api/runs/live", live, "GET"),
)
