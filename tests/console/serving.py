"""A console as people start it: `stedi serve` in a process of its own, and who looks at it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from stedi.console.tokens import Tokens
from stedi.lake.home import open_home

LINK = re.compile(r"(http://\S+)/sign-in\?code=(\S+)")


@dataclass(frozen=True)
class Server:
    """A console that listens; `log` is the file of what it says."""

    lake: Path
    url: str
    code: str
    log: Path
    process: subprocess.Popen[bytes]

    def token(self, role: str, name: str = "") -> str:
        """A new token, as `stedi token` makes it."""
        return Tokens(open_home(self.lake)).make(role, name, 1)[1]

    def at_work(self) -> int:
        """How many queries have a process: children of the child that forks them (proc(5))."""
        return sum(len(_children(one)) for one in _children(self.process.pid))

    def client(self) -> httpx.Client:
        """A stranger with a browser's headers for its own forms."""
        headers = {"Origin": self.url}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def signed_in(self, role: str) -> Client:
        """Somebody signed in with a token of that role."""
        client = self.client()
        answer = client.post("/sign-in", data={"token": self.token(role)})
        assert answer.status_code == 303, answer.text
        return Client(client)

    def cookies(self, role: str) -> list[dict[str, str]]:
        """What a browser keeps that has signed in with a token of that role."""
        kept = self.signed_in(role).raw.cookies.jar
        return [{"name": one.name, "value": str(one.value), "url": self.url} for one in kept]


class Client:
    """A signed-in client: GET as it is, POST with the session's CSRF token."""

    def __init__(self, client: httpx.Client) -> None:
        self.raw = client
        page = client.get("/")
        found = re.search(r'<meta name="csrf" content="([^"]+)">', page.text)
        assert found, page.text
        self.csrf = found[1]

    def get(self, path: str, **options: object) -> httpx.Response:
        """A page or an answer of the API."""
        return self.raw.get(path, **options)  # type: ignore[arg-type]

    def post(self, path: str, json: object) -> httpx.Response:
        """A question to the API."""
        return self.raw.post(path, json=json, headers={"X-CSRF": self.csrf})

    def form(self, path: str, **fields: str) -> httpx.Response:
        """A posted form."""
        return self.raw.post(path, data={**fields, "csrf": self.csrf})


@contextmanager
def serving(lake: Path, log: Path, options: Sequence[str] = ()) -> Iterator[Server]:
    """A console over a lake, on any free port, its board read; ended at the end."""
    command = [sys.executable, "-m", "stedi", "serve", "--lake", str(lake), "--port", "0"]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, *options], stdout=out, stderr=out, env={**os.environ, "COLUMNS": "200"}
        )
    try:
        found = _said(process, log)
        server = Server(lake, found[1], found[2], log, process)
        comes(lambda: _listens(server.url))
        _read(server)
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _children(process: int) -> list[int]:
    with suppress(OSError):
        told = Path(f"/proc/{process}/task/{process}/children").read_text()
        return [int(one) for one in told.split()]
    return []


def comes(what: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


def _said(process: subprocess.Popen[bytes], log: Path) -> re.Match[str]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if found := LINK.search(log.read_text()):
            return found
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def _listens(url: str) -> bool:
    """Whether it takes connections: it prints its link a moment before."""
    address = urlsplit(url)
    with (
        suppress(ConnectionRefusedError),
        socket.create_connection((str(address.hostname), address.port or 80)),
    ):
        return True
    return False


def _read(server: Server) -> None:
    """Wait until the lake was read once."""
    client = server.signed_in("engineer")
    deadline = time.monotonic() + 60
    while "1970-01-01" in client.get("/").text:
        assert time.monotonic() < deadline, "the board was never made"
        time.sleep(0.1)
