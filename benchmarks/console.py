"""python -m benchmarks.console: how fast the console of a lake opens and answers, alone and for 50.

It starts a console over the lake, signs in with a token of its own (taken back at the end), and
measures from outside, over HTTP on this machine: every page; every saved query as its first asker
meets it, and as the next one does; then many users at once, each in a session of their own, each
asking a saved query of their choice, round after round, as fast as they get answers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from benchmarks import machine
from stedi.console.web import NAVIGATION
from stedi.contract.queries import SavedQuery, load_queries

LINK = re.compile(r"(http://\S+)/sign-in\?code=")
CSRF = re.compile(r'<meta name="csrf" content="([^"]+)">')
UNREAD = "1970-01-01"  # in the foot of every page until the lake was read once
START = 300  # seconds
ROLE = "privacy"  # it sees every page


class Failed(Exception):
    """The console did not do what it should."""


@dataclass(frozen=True)
class Figure:
    """How long one thing took, in seconds: in the middle, for 95 of 100, at most."""

    what: str
    times: int
    median: float
    p95: float
    most: float
    answered: float = 0.0  # a second, where many asked at once


def figure(what: str, seconds: Sequence[float], within: float = 0.0) -> Figure:
    """The figure of some measurements, `within` so many seconds altogether."""
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    rate = round(len(ordered) / within, 1) if within else 0.0
    middle, most = median(ordered), ordered[-1]
    return Figure(what, len(ordered), round(middle, 4), round(p95, 4), round(most, 4), rate)


@contextmanager
def serving(lake: Path, log: Path) -> Iterator[str]:
    """A console over the lake; its address."""
    command = [sys.executable, "-m", "stedi", "serve", "--lake", str(lake), "--port", "0"]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, env={**os.environ, "COLUMNS": "200"}
        )
        try:
            yield _address(process, log)
        finally:
            process.terminate()
            process.wait(30)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline and process.poll() is None:
        if found := LINK.search(log.read_text()):
            return found[1]
        time.sleep(0.05)
    raise Failed(f"the console did not start: {log.read_text()}")


@contextmanager
def token(lake: Path) -> Iterator[str]:
    """A token, taken back at the end; a lake that had none is left without the file."""
    had = (lake / "tokens.json").exists()
    made = _stedi("token", "--lake", str(lake), "--role", ROLE, "--name", "benchmark").strip()
    try:
        yield made
    finally:
        listed = json.loads(_stedi("token", "--lake", str(lake), "--list", "--format", "json"))
        for one in (one for one in listed if one["name"] == "benchmark"):
            _stedi("token", "--lake", str(lake), "--revoke", one["id"])
        if not had:
            (lake / "tokens.json").unlink()


def _stedi(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "stedi", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Failed(done.stderr.strip())
    return done.stdout


class User:
    """Somebody signed in, from an address of their own: tries to sign in are counted by address."""

    def __init__(self, url: str, number: int) -> None:
        host = f"127.0.{10 + number // 250}.{number % 250 + 1}"
        own = httpx.AsyncHTTPTransport(local_address=host)
        self.client = httpx.AsyncClient(
            base_url=url, headers={"Origin": url}, timeout=START, transport=own
        )

    async def sign_in(self, secret: str) -> None:
        """With a token; then nothing is left to be read before the first question."""
        answer = await self.client.post("/sign-in", data={"token": secret})
        if answer.status_code != 303:
            raise Failed(f"signing in: {answer.status_code} {answer.text[:200]}")
        found = CSRF.search((await self.client.get("/")).text)
        assert found, "a page without a session"
        self.client.headers["X-CSRF"] = found[1]

    async def open(self, path: str) -> float:
        """Seconds until the whole page is there."""
        started = time.perf_counter()
        answer = await self.client.get(path)
        if answer.status_code != 200:
            raise Failed(f"{path}: {answer.status_code}")
        return time.perf_counter() - started

    async def ask(self, saved: SavedQuery) -> float:
        """Seconds until the first rows of a saved query are there."""
        started = time.perf_counter()
        answer = await self.client.post("/api/query", json={"sql": saved.sql, "ticket": "t"})
        if answer.status_code != 200 or answer.json()["saved"] != saved.name:
            raise Failed(f"{saved.name}: {answer.status_code} {answer.text[:200]}")
        return time.perf_counter() - started


@asynccontextmanager
async def users(url: str, secret: str, count: int) -> AsyncIterator[list[User]]:
    """So many, signed in."""
    found = [User(url, number) for number in range(count)]
    try:
        for user in found:
            await user.sign_in(secret)
        yield found
    finally:
        for user in found:
            await user.client.aclose()


async def read(user: User) -> None:
    """Wait until the console has read the lake for the first time."""
    started = time.perf_counter()
    while UNREAD in (await user.client.get("/")).text:
        if time.perf_counter() - started > START:
            raise Failed("the lake was never read")
        await asyncio.sleep(0.2)


async def pages(user: User, rounds: int) -> list[Figure]:
    """Every page, one after the other."""
    paths = [path for _, path, _ in NAVIGATION]
    paths.append("/tables/curated.machine_learning_curated")
    return [await _repeated(f"page {path}", user.open, path, rounds) for path in paths]


async def _repeated(
    what: str, act: Callable[[Any], Awaitable[float]], value: object, rounds: int
) -> Figure:
    done = []
    for _ in range(rounds):
        done.append(await act(value))
        await asyncio.sleep(0.1)  # slower than the pace of one session
    return tell(figure(what, done))


async def queries(user: User) -> list[Figure]:
    """Every saved query as the first asker meets it, and as the next ones do."""
    cold = [tell(figure(f"cold {one.name}", [await user.ask(one)])) for one in load_queries()]
    warm = [await _repeated(f"warm {one.name}", user.ask, one, 2) for one in load_queries()]
    middle = figure("warm, all saved queries", [one.median for one in warm])
    return [*cold, tell(middle)]


async def crowd(everybody: Sequence[User], rounds: int, seed: int) -> Figure:
    """All ask at once, a query of their choice, and the next as soon as they have an answer."""
    chance = random.Random(seed)
    choices = [[chance.choice(load_queries()) for _ in range(rounds)] for _ in everybody]

    async def one(user: User, chosen: Sequence[SavedQuery]) -> list[float]:
        return [await user.ask(saved) for saved in chosen]

    started = time.perf_counter()
    pairs = zip(everybody, choices, strict=True)
    done = await asyncio.gather(*(one(user, chosen) for user, chosen in pairs))
    took = time.perf_counter() - started
    return tell(figure(f"{len(everybody)} users at once", [s for each in done for s in each], took))


def tell(found: Figure) -> Figure:
    """Say on stderr what was measured."""
    sys.stderr.write(f"{found.what:52} {found.median:8.3f} s  load {os.getloadavg()[0]:.1f}\n")
    return found


async def measure(url: str, secret: str, wanted: argparse.Namespace) -> list[Figure]:
    """Everything, in the order in which a console meets it."""
    async with users(url, secret, wanted.users) as everybody:
        await read(everybody[0])
        asked = await queries(everybody[0])
        opened = await pages(everybody[1], wanted.rounds)
        return [*asked, *opened, await crowd(everybody, wanted.rounds, wanted.seed)]


def table(found: Sequence[Figure]) -> str:
    """The figures in Markdown."""
    head = ["| | times | median | p95 | most |", "|---|---:|---:|---:|---:|"]
    rows = [
        f"| {one.what} | {one.times} | {_span(one.median)} | {_span(one.p95)} | {_span(one.most)} |"
        for one in found
    ]
    return "\n".join([*head, *rows])


def _span(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _lake(path: Path) -> dict[str, int]:
    listed = json.loads(_stedi("status", "--lake", str(path), "--format", "json"))
    return {one["table"]: one["rows"] for one in listed}


def main() -> int:
    """Measure; figures go to stdout and, with --out, to a file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.console", description=__doc__)
    parser.add_argument("--lake", type=Path, required=True, help="a lake that exists")
    parser.add_argument("--users", type=int, default=50, help="at once (default 50)")
    parser.add_argument("--rounds", type=int, default=10, help="of each (default 10)")
    parser.add_argument("--seed", type=int, default=1, help="of what they choose to ask")
    parser.add_argument("--out", type=Path, help="a JSON file for the figures")
    wanted = parser.parse_args()
    try:
        lake = _lake(wanted.lake)
        with (
            tempfile.TemporaryDirectory() as work,
            token(wanted.lake) as secret,
            serving(wanted.lake, Path(work) / "serve.log") as url,
        ):
            found = asyncio.run(measure(url, secret, wanted))
    except Failed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if wanted.out:
        told = {"machine": machine.describe(), "rows": lake, "figures": list(map(asdict, found))}
        wanted.out.write_text(json.dumps(told, indent=1) + "\n")
    print(table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
