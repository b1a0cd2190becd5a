"""The caller's side of the sandbox: one query in, its rows or the reason why not out."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import IO, Any

import pyarrow as pa

from stedi.errors import QueryError
from stedi.sandbox.confine import missing
from stedi.sandbox.spec import Spec

GRACE = 0.5  # seconds beyond a query's own limit until its process is killed


class Refused(QueryError):
    """The query was not run, failed, or met a limit.

    `state` is refused, failed or limit; `position` the character of its text, if it is known.
    """

    def __init__(self, state: str, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.state = state
        self.position = position


@dataclass(frozen=True)
class Answer:
    """A query's rows; `cut` is what cut them short: rows, size or nothing."""

    rows: pa.Table
    cut: str
    seconds: float


class Sandbox:
    """Runs queries in processes of their own, at most `width` at a time; the rest wait.

    Belongs to one event loop. Files of the tables must not be removed while a query runs: the
    caller holds them.
    """

    def __init__(self, width: int = 2) -> None:
        self._turn = asyncio.Semaphore(width)
        self._numbers = count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    async def run(self, spec: Spec) -> Answer:
        """The rows of one query; Refused says why there are none.

        If the task is cancelled, the query's process is killed.
        """
        if why := missing():
            raise Refused("refused", why)
        async with self._turn:
            with tempfile.TemporaryFile() as rows:
                word = await self._answer(spec, rows)
                if word["state"] != "done":
                    raise Refused(word["state"], word["message"], word["position"])
                table = await asyncio.to_thread(_read, rows)
                return Answer(table, word["cut"], word["seconds"])

    async def _answer(self, spec: Spec, rows: IO[bytes]) -> Mapping[str, Any]:
        """What the process of the query said last, or what became of it."""
        number = next(self._numbers)
        ear, mouth = os.pipe()
        try:
            self._send(number, spec, rows, mouth)
        finally:
            os.close(mouth)
        try:
            said = await asyncio.wait_for(_heard(ear), spec.limits.seconds + GRACE)
        except TimeoutError:
            return _limit(f"stopped after {spec.limits.seconds:g} seconds, the limit of a query")
        finally:
            self._stop(number)
        if not said:
            return _limit("the query's process ended: it met the limit of its memory or time")
        word: Mapping[str, Any] = json.loads(said)
        return word

    def _send(self, number: int, spec: Spec, rows: IO[bytes], mouth: int) -> None:
        request = json.dumps({"do": "run", "query": number}).encode()
        with tempfile.TemporaryFile() as told:
            told.write(spec.to_json())
            told.seek(0)
            files = [told.fileno(), rows.fileno(), mouth]
            try:
                socket.send_fds(self._line(), [request], files)
            except OSError:  # the nursery was ended by something else: once more, with a new one
                self.close()
                socket.send_fds(self._line(), [request], files)

    def _stop(self, number: int) -> None:
        if self._control is not None:
            with suppress(OSError):
                self._control.send(json.dumps({"do": "stop", "query": number}).encode())

    def _line(self) -> socket.socket:
        """The socket to the nursery, started if there is none."""
        if self._control is None:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603, our own interpreter and module
                    [sys.executable, "-I", "-m", "stedi.sandbox.nursery", str(theirs.fileno())],
                    env={"ARROW_DEFAULT_MEMORY_POOL": "system"},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
            self._control = ours
        return self._control

    def close(self) -> None:
        """End every query and the nursery."""
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._control = self._process = None


def _limit(message: str) -> Mapping[str, Any]:
    return {"state": "limit", "message": message, "position": None}


async def _heard(ear: int) -> bytes:
    """All that is written to a pipe until its other end closes."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    pipe = os.fdopen(ear, "rb", 0)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    try:
        return await reader.read(1 << 20)
    finally:
        transport.close()


def _read(file: IO[bytes]) -> pa.Table:
    """The rows that a process left, checked, without a copy of them in memory."""
    with pa.memory_map(f"/proc/self/fd/{file.fileno()}") as mapped:
        table = pa.ipc.open_stream(mapped).read_all()
    table.validate(full=True)
    return table
