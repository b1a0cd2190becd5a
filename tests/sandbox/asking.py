"""Queries asked of a lake as the console asks them, and what came of each."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from operator import gt
from pathlib import Path
from typing import Any, TypeVar

import stedi
from awaiting import awaited
from sandbox.watching import held
from stedi.contract import load_tables
from stedi.contract.roles import find_role
from stedi.engines.spec import MB, Limits, Spec
from stedi.lake.model import Source, local
from stedi.sandbox import relations
from stedi.sandbox.runner import Refused, Sandbox

T = TypeVar("T")
QUICK = Limits(seconds=20, memory=256 * MB, address_space=1536 * MB)


@dataclass(frozen=True)
class Outcome:
    """What became of a query: done, refused, failed or limit; seconds as the caller saw them."""

    state: str
    message: str = ""
    rows: Sequence[Mapping[str, Any]] = ()
    cut: str = ""
    seconds: float = 0.0
    position: int | None = None


@dataclass(frozen=True)
class Small:
    """A lake, and a link to its key file."""

    folder: Path
    link: Path

    @cached_property
    def sources(self) -> dict[str, Source]:
        with stedi.open(self.folder) as lake:
            return {name: lake.store.table(name).source() for name in load_tables()}

    def file(self, table: str) -> str:
        """The first data file of a table."""
        return local(self.sources[table].files[0].path)

    @property
    def places(self) -> dict[str, str]:
        """What the braces of attempts.py stand for."""
        return {
            "lake": str(self.folder),
            "key": str(self.folder / "pseudonym.key"),
            "own": self.file("customers_curated"),
            "other": self.file("customer_trusted"),
            "link": str(self.link),
        }

    def spec(self, sql: str, role: str = "scientist", limits: Limits = QUICK) -> Spec:
        named = relations.named(find_role(role), sql)
        sources = {name: self.sources[name] for name in named}
        return relations.spec(find_role(role), sql, sources, limits)

    def digest(self) -> dict[str, tuple[str, int, int]]:
        """Every file below the lake: its bytes, mode and time of change."""
        files = (path for path in sorted(self.folder.rglob("*")) if path.is_file())
        return {str(path): _digest(path) for path in files}


def _digest(path: Path) -> tuple[str, int, int]:
    found = path.stat()
    return hashlib.sha256(path.read_bytes()).hexdigest(), found.st_mode, found.st_mtime_ns


async def ask(box: Sandbox, spec: Spec) -> Outcome:
    """One query."""
    started = time.monotonic()
    try:
        answer = await box.run(spec)
    except Refused as no:
        seconds = time.monotonic() - started
        return Outcome(no.state, str(no), seconds=seconds, position=no.position)
    seconds = time.monotonic() - started
    return Outcome("done", "", answer.rows.to_pylist(), answer.cut, seconds)


def together(do: Callable[[Sandbox], Awaitable[T]], width: int = 2) -> T:
    """What `do` finds, with a sandbox of its own."""

    async def run() -> T:
        box = Sandbox(width)
        try:
            return await do(box)
        finally:
            box.close()

    return awaited(run())


class Shared:
    """One sandbox for tests that leave it as they found it: its process starts once.

    A test that fails may leave queries at work; the next one has a new process.
    """

    def __init__(self) -> None:
        self._apart = ThreadPoolExecutor(1)  # a browser's loop may run in the tests' own thread
        self._runner = asyncio.Runner()
        self._box = Sandbox()
        self.left: list[str] = []

    def together(self, do: Callable[[Sandbox], Coroutine[Any, Any, T]]) -> T:
        """What `do` finds, with this sandbox."""
        return self._apart.submit(self._run, do).result()

    def ask_all(self, specs: Sequence[Spec]) -> list[Outcome]:
        """All queries, two at a time; what they leave behind is noted in `left`."""

        async def do(box: Sandbox) -> list[Outcome]:
            await ask(box, specs[0])  # its process is there from here on
            before = held(box)
            found = await asyncio.gather(*(ask(box, spec) for spec in specs))
            await asyncio.sleep(0)
            if any(map(gt, after := held(box), before)):
                self.left.append(f"{before} became {after}")
            return found

        return self.together(do)

    def _run(self, do: Callable[[Sandbox], Coroutine[Any, Any, T]]) -> T:
        try:
            return self._runner.run(do(self._box))
        except BaseException:
            self._box.close()
            raise

    def close(self) -> None:
        """End its process and its thread."""
        self._box.close()
        self._apart.submit(self._runner.close).result()
        self._apart.shutdown()
