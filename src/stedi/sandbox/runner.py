"""The caller's side of the sandbox: one query in, its rows or the reason why not out."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import IO

import pyarrow as pa

from stedi.engines.spec import Limits, Spec
from stedi.errors import QueryError
from stedi.sandbox.confine import missing
from stedi.sandbox.lending import lent
from stedi.sandbox.stream import TooMany, Unsafe, read

GRACE = 0.5  # seconds beyond a query's own limit until its process is killed
END = 1.0  # seconds until a killed process is gone, or else all are ended
START = 30  # seconds for the libraries to load
READY = b"ready"  # as nursery.py says, whose libraries the caller does without
MOST_WORD = 1 << 16

# All that a nursery's environment holds: no thread of a library's, since it forks, and the
# allocator whose memory goes back at once.
SINGLE = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "OPENBLAS_NUM_THREADS": "1",
}


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
        self._starting = asyncio.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    async def run(self, spec: Spec) -> Answer:
        """The rows of one query; Refused says why there are none.

        When it returns, the query's process is gone. If the task is cancelled, it is killed.
        """
        if why := missing():
            raise Refused("refused", why)
        async with self._turn:
            with tempfile.TemporaryFile() as rows:
                cut, seconds = _done(await self._said(spec, rows))
                return Answer(await _rows(rows, spec.limits), cut, seconds)

    async def _said(self, spec: Spec, rows: IO[bytes]) -> bytes:
        """The last word of the query's process, which is then gone; empty if there is none."""
        line = await self._line()
        number = next(self._numbers)
        ear, mouth = os.pipe()
        hearing = asyncio.ensure_future(_heard(ear))
        try:
            try:
                with lent(spec.lent) as lines:
                    await self._send(line, number, spec, [rows.fileno(), mouth, *lines])
            finally:
                os.close(mouth)
            done, _ = await asyncio.wait([hearing], timeout=spec.limits.seconds + GRACE)
        finally:
            if not hearing.done():
                await self._stop(number, hearing)
        if not done:
            seconds = f"{spec.limits.seconds:g}"
            raise Refused("limit", f"stopped after {seconds} seconds, the limit of a query")
        return hearing.result()

    async def _send(
        self, line: socket.socket, number: int, spec: Spec, files: Sequence[int]
    ) -> None:
        request = json.dumps({"do": "run", "query": number}).encode()
        with tempfile.TemporaryFile() as told:
            told.write(spec.to_json())
            told.seek(0)
            try:
                socket.send_fds(line, [request], [told.fileno(), *files])
            except OSError:  # the nursery was ended by something else: once more, with a new one
                self._abandon(line)
                socket.send_fds(await self._line(), [request], [told.fileno(), *files])

    async def _stop(self, number: int, hearing: asyncio.Future[bytes]) -> None:
        """Have the query's process killed, and wait until it is gone."""
        if self._control is not None:
            with suppress(OSError):
                self._control.send(json.dumps({"do": "stop", "query": number}).encode())
        if not (await asyncio.wait([hearing], timeout=END))[0]:
            hearing.cancel()
            self.close()

    async def _line(self) -> socket.socket:
        """The socket to the nursery, started if there is none."""
        async with self._starting:
            if self._control is None:
                self._control = await self._start()
            return self._control

    async def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603, our own interpreter and module
                [sys.executable, "-I", "-m", "stedi.sandbox.nursery", str(theirs.fileno())],
                env=SINGLE,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(START):
                ready = await asyncio.get_running_loop().sock_recv(ours, len(READY))
        except BaseException:
            self._control = ours
            self.close()
            raise
        if ready != READY:
            ours.close()
            raise Refused("failed", "the sandbox's process did not start; the log tells why")
        return ours

    def _abandon(self, line: socket.socket) -> None:
        if self._control is line:
            self.close()

    def close(self) -> None:
        """End every query and the nursery."""
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._control = self._process = None


async def _heard(ear: int) -> bytes:
    """What is written to a pipe until its other end closes; of a long text the beginning."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    pipe = os.fdopen(ear, "rb", 0)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    said = b""
    try:
        while part := await reader.read(MOST_WORD):
            said = (said + part)[:MOST_WORD]
        return said
    finally:
        transport.close()


def _done(said: bytes) -> tuple[str, float]:
    """What cut the rows short, and the seconds, of a last word (engines/duckdb/caged.py)."""
    if not said:
        ended = "the query's process was ended: it met the limit of its memory or time"
        raise Refused("limit", ended)
    try:
        word = json.loads(said)
    except ValueError:
        word = None
    match word:
        case {"state": "done", "cut": "rows" | "size" | "" as cut, "seconds": float(seconds)}:
            return cut, seconds
        case {
            "state": "refused" | "failed" | "limit" as state,
            "message": str(message),
            "position": int() | None as position,
        }:
            raise Refused(state, message, position)
    raise Refused("failed", "the query's process left no answer")


async def _rows(file: IO[bytes], limits: Limits) -> pa.Table:
    """The rows, read beside the event loop; the file is let go of only then."""
    reading = asyncio.ensure_future(asyncio.to_thread(read, file, limits))
    try:
        return await asyncio.shield(reading)
    except Unsafe as error:
        state = "limit" if isinstance(error, TooMany) else "failed"
        raise Refused(state, str(error)) from error
    finally:
        await asyncio.wait([reading])
