"""A console as people start it: `stedi serve` in a process of its own, and who looks at it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

LINK = re.compile(r"(http://\S+)/sign-in\?code=(\S+)")


@dataclass(frozen=True)
class Server:
    """A console that listens; `log` is the file of what it says."""

    lake: Path
    url: str
    code: str
    log: Path
    process: subprocess.Popen[bytes]

    def token(self, role: str, *options: str) -> str:
        """A new token, made as people make it."""
        command = [sys.executable, "-m", "stedi", "token", "--lake", str(self.lake)]
        done = subprocess.run(
            [*command, "--role", role, *options], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

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
        _read(server)
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _said(process: subprocess.Popen[bytes], log: Path) -> re.Match[str]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if found := LINK.search(log.read_text()):
            return found
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def _read(server: Server) -> None:
    """Wait until the lake was read once."""
    client = server.signed_in("engineer")
    deadline = time.monotonic() + 60
    while "1970-01-01" in client.get("/").text:
        assert time.monotonic() < deadline, "the board was never made"
        time.sleep(0.1)
