"""When something is wrong: the console goes on, tells it, and gives nothing away."""

from __future__ import annotations

import shutil
import socket
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

import stedi
from awaiting import awaited
from console.serving import Client, Server, serving
from stedi.console import board as boards
from stedi.console.board import Boards
from stedi.console.guard import Address, Guard
from stedi.console.server import Listen, address_of, refuse_unsafe
from stedi.console.sessions import MOST_OF_TOKEN, Sessions
from stedi.console.tokens import Tokens
from stedi.errors import UsageError

FAR = "127.0.5.1"  # whoever else asks is not slowed down with it


@pytest.fixture
def damaged(lake_folder: Path) -> Path:
    """A lake of its own, one of whose tables will lose its metadata."""
    return lake_folder / "lake"


def spoil(lake: Path) -> None:
    for file in (lake / "warehouse" / "ops" / "runs" / "metadata").glob("*.json"):
        file.write_text('{"damaged": true}')


def comes_to(client: Client, status: int) -> None:
    """Wait until the console tells that the lake can, or cannot, be read."""
    deadline = time.monotonic() + 30
    while client.get("/api/health").status_code != status:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_damaged_table_is_told_and_the_rest_stays(damaged: Path) -> None:
    async def look() -> None:
        told = Boards(damaged)
        before = await told.look()
        assert not before.trouble
        spoil(damaged)
        after = await told.look(now=True)
        assert "cannot be read" in after.trouble
        assert after.account == before.account
        assert str(damaged) not in after.trouble

    awaited(look())


def test_it_goes_on_looking_and_the_banner_names_no_path_to_a_scientist(damaged: Path) -> None:
    with serving(damaged, damaged.parent / "log") as server:
        clients = {role: server.signed_in(role) for role in ("scientist", "engineer")}
        shutil.move(damaged / "catalog.db", damaged / "catalog.gone")
        (damaged / "catalog.db").write_bytes(b"no database at all, whoever reads it" * 99)
        comes_to(clients["engineer"], 503)
        told = clients["scientist"].get("/api/health").json()["lake"]
        assert str(damaged) not in told
        assert "stedi status" in told
        assert str(damaged) not in clients["scientist"].get("/").text
        (damaged / "catalog.db").unlink()
        shutil.move(damaged / "catalog.gone", damaged / "catalog.db")
        comes_to(clients["engineer"], 200)
        assert "Traceback" not in server.log.read_text()


def test_checks_that_cannot_run_are_one_that_failed(
    damaged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> object:
        raise OSError("ada@test.com")

    monkeypatch.setattr(boards.Reader, "check", broken)
    [told] = boards._checks(damaged)
    assert (told.passed, told.severity) == (False, "fail")
    assert "ada" not in told.detail


def test_the_state_is_another_one_with_every_snapshot(damaged: Path) -> None:
    """With a catalog that is a server the version alone would not tell."""
    one = awaited(Boards(damaged).look())
    assert one.state != boards._state(one.version, {**one.history, "runs": []})
    assert one.state == boards._state(one.version, one.history)
    assert replace(one, checks=[]).state == one.state


@pytest.fixture
def faulty() -> Guard:
    """A guarded application that fails with somebody's address in its message."""

    async def app(*_: object) -> None:
        raise RuntimeError("ada@test.com")

    async def broken(_: Request, error: Exception) -> Response:
        return PlainTextResponse(type(error).__name__, 500)

    return Guard(app, Address("http", frozenset({"here"})), broken, log=False)


def test_a_fault_stays_within_the_guard(faulty: Guard) -> None:
    sent: list[dict[str, object]] = []
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"here")]}

    async def receive() -> dict[str, object]:
        return {"type": "http.request"}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    awaited(faulty(scope, receive, send))  # type: ignore[arg-type]
    headers = dict(sent[0]["headers"])  # type: ignore[call-overload]
    assert sent[0]["status"] == 500
    assert b"default-src 'none'" in headers[b"content-security-policy"]
    assert b"ada" not in repr(sent).encode()


def test_a_body_that_grows_too_large_is_no_fault(empty: Server) -> None:
    address = urlsplit(empty.url)
    lines = ["POST /sign-in HTTP/1.1", f"Host: {address.netloc}", f"Origin: {empty.url}"]
    head = "\r\n".join([*lines, "Transfer-Encoding: chunked", "", ""])
    with socket.create_connection((address.hostname, address.port), timeout=20) as line:
        line.sendall(head.encode())
        for _ in range(5):
            line.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        assert line.recv(65536).startswith(b"HTTP/1.1 413")
    assert "Traceback" not in empty.log.read_text()


def test_damaged_tokens_tell_a_stranger_nothing(empty: Server) -> None:
    kept = (empty.lake / "tokens.json").read_text()
    for text in ("{", kept.replace("+00:00", "")):
        (empty.lake / "tokens.json").write_text(text)
        answer = empty.client().post("/sign-in", data={"token": "0_x"})
        assert answer.status_code == 503
        assert str(empty.lake) not in answer.text
    (empty.lake / "tokens.json").write_text(kept)


def test_an_empty_lake_says_what_to_do(empty: Server) -> None:
    assert "Nothing has been landed yet" in empty.signed_in("engineer").get("/").text


def test_strangers_are_slowed_down_with_any_cookie(empty: Server) -> None:
    client = httpx.Client(base_url=empty.url, transport=httpx.HTTPTransport(local_address=FAR))
    client.cookies.set("a", "1")
    statuses = {client.get("/sign-in").status_code for _ in range(400)}
    assert statuses == {200, 429}


def test_behind_a_proxy_a_name_is_needed(damaged: Path) -> None:
    tokens = Tokens(stedi.open(damaged).home)
    with pytest.raises(UsageError, match="by which --name"):
        refuse_unsafe(Listen(proxied=True), tokens)
    assert "[::1]:8787" in address_of(Listen("::1")).hosts
    assert "127.0.0.2:8787" in address_of(Listen("127.0.0.2")).hosts


def test_one_token_does_not_push_others_out(damaged: Path) -> None:
    tokens = Tokens(stedi.open(damaged).home)
    gone: list[object] = []
    sessions = Sessions(tokens, gone.append)
    other = sessions.by_token(tokens.make("scientist", "bob", 1)[1])
    secret = tokens.make("scientist", "ada", 1)[1]
    cookies = [str(sessions.by_token(secret)) for _ in range(MOST_OF_TOKEN + 2)]
    assert [sessions.find(cookie) is None for cookie in cookies[:3]] == [True, True, False]
    assert sessions.find(str(other)) is not None
    assert len(gone) == 2
