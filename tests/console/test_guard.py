"""What no request gets past: foreign hosts and sites, sockets, odd methods, large bodies."""

from __future__ import annotations

import base64
import re
import socket
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

import pytest

from console.serving import Client, Server
from stedi.console.app import PAGES
from stedi.console.views import static

OPEN = [("GET", "/sign-in"), ("POST", "/sign-in"), ("GET", "/static/console.css")]
ROUTES = [*OPEN, ("POST", "/sign-out"), *((method, path) for path, _, method in PAGES)]


def filled(path: str) -> str:
    """A route's path with something in place of its parameters."""
    return re.sub(r"\{[^}]*\}", "x", path)


def ask(server: Server, method: str, path: str, headers: Sequence[str], body: bytes = b"") -> bytes:
    """The raw answer to a raw request: clients mend headers, attackers do not."""
    address = urlsplit(server.url)
    lines = [f"{method} {path} HTTP/1.1", *headers, "Connection: close"]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    with socket.create_connection((address.hostname, address.port), timeout=20) as line:
        line.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return b"".join(iter(lambda: line.recv(65536), b""))


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def host(server: Server) -> str:
    return f"Host: {urlsplit(server.url).netloc}"


def hosts(server: Server) -> Iterator[list[str]]:
    """Host headers that are not the console's."""
    port = urlsplit(server.url).port
    names = ["evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port}.evil.example"]
    names += [f"127.0.0.1:{port + 1}", f"127.0.0.1.nip.io:{port}", f"0.0.0.0:{port}", "", "*"]
    names += [f"localhost:{port}@evil.example", f"evil.example#127.0.0.1:{port}", f"127.1:{port}"]
    yield from ([f"Host: {name}"] for name in names)
    yield []
    yield [host(server), "Host: evil.example"]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_refuses_foreign_hosts(server: Server, method: str, path: str) -> None:
    for headers in hosts(server):
        answer = ask(server, method, filled(path), headers)
        assert status(answer) in (400, 421), (headers, answer[:200])


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_refuses_foreign_origins(server: Server, method: str, path: str) -> None:
    ours = server.url
    origins = ["https://evil.example", "null", ours + ".evil.example", ours + "/", ours.upper()]
    origins += ["http://127.0.0.1", ours.replace("http:", "https:"), "http://evil.example/" + ours]
    for origin in origins:
        answer = ask(server, method, filled(path), [host(server), f"Origin: {origin}"])
        assert status(answer) == 403, (origin, answer[:200])


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_refuses_what_other_sites_embed(server: Server, method: str, path: str) -> None:
    for site in ("cross-site", "same-site"):
        headers = [host(server), f"Sec-Fetch-Site: {site}", "Sec-Fetch-Mode: no-cors"]
        assert status(ask(server, method, filled(path), headers)) == 403


@pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if route not in OPEN])
def test_every_route_wants_somebody_signed_in(server: Server, method: str, path: str) -> None:
    for cookie in ("", "Cookie: stedi=x", f"Cookie: stedi-{urlsplit(server.url).port}=../../x"):
        headers = [host(server), f"Origin: {server.url}", *filter(None, [cookie])]
        answer = ask(server, method, filled(path), headers)
        if method == "GET" and not path.startswith("/api/"):
            assert status(answer) == 303
            assert b"location: /sign-in?next=%2F" in answer.lower().replace(b"%2f", b"%2F")
        else:
            assert status(answer) == 401


@pytest.mark.parametrize("path", [path for path, _, method in PAGES if method == "POST"])
def test_every_post_wants_the_sessions_own_token(
    server: Server, clients: dict[str, Client], path: str
) -> None:
    client, other = clients["privacy"], clients["engineer"]
    for token in ("", "x", other.csrf, client.csrf[:-1]):
        answer = client.raw.post(filled(path), json={}, headers={"X-CSRF": token})
        assert answer.status_code == 403, answer.text
    answer = client.raw.post(filled(path), json={}, headers={"X-CSRF": client.csrf, "Origin": ""})
    assert answer.status_code == 403


@pytest.mark.parametrize("path", sorted({path for _, path in ROUTES}))
def test_there_are_no_sockets(server: Server, path: str) -> None:
    key = base64.b64encode(b"0123456789abcdef").decode()
    upgrade = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    for origin in (server.url, "https://evil.example"):
        headers = [host(server), *upgrade, f"Sec-WebSocket-Key: {key}", f"Origin: {origin}"]
        assert status(ask(server, "GET", filled(path), headers)) != 101


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "X"])
def test_other_methods_are_refused(server: Server, method: str) -> None:
    for path in ("/", "/api/query", "/static/console.css"):
        assert status(ask(server, method, path, [host(server)])) in (400, 405)


def test_large_bodies_are_refused(server: Server, clients: dict[str, Client]) -> None:
    client = clients["engineer"]
    assert client.post("/api/query", {"sql": "x" * 300_000}).status_code == 413
    headers = [host(server), f"Origin: {server.url}", "Transfer-Encoding: chunked"]
    headers.append("Content-Type: application/x-www-form-urlencoded")
    body = b"%x\r\n" % 400_000 + b"token=" + b"x" * 399_994 + b"\r\n0\r\n\r\n"
    assert b"303" not in ask_chunked(server, headers, body)[:20]
    for length in ("-1", "9" * 30, "x", "1e3", "+5"):
        headers = [host(server), f"Origin: {server.url}", f"Content-Length: {length}"]
        assert status(ask(server, "POST", "/sign-in", headers)) in (400, 413)


def ask_chunked(server: Server, headers: Sequence[str], body: bytes) -> bytes:
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as line:
        line.sendall("\r\n".join(["POST /sign-in HTTP/1.1", *headers]).encode() + b"\r\n\r\n")
        try:
            line.sendall(body)
            return line.recv(65536)
        except OSError:
            return b""


def test_every_answer_forbids_scripts_frames_and_caches(
    server: Server, clients: dict[str, Client]
) -> None:
    pages = ["/", "/tables", "/sql", "/signals", "/runs", "/nothing", "/api/nothing", "/sign-in"]
    nonces = set()
    for path in (*pages, "/static/console.css", "/static/nothing"):
        headers = clients["engineer"].get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] in ("no-store", "no-cache")
        assert "server" not in headers
        assert not [name for name in headers if name.startswith("access-control")]
        nonces.add(policy.partition("nonce-")[2][:20])
    assert len(nonces) == len(pages) + 2


def test_pages_hold_no_inline_script_or_style(clients: dict[str, Client]) -> None:
    for client in clients.values():
        for path in (
            "/",
            "/tables",
            "/tables/machine_learning_curated",
            "/sql",
            "/signals",
            "/runs",
        ):
            text = client.get(path.replace("{name}", "machine_learning_curated")).text
            assert not re.search(r"<script(?![^>]* src=\"/static/)", text), path
            assert not re.search(r"<[^>]+\s(style|on[a-z]+)=", text), path
            assert not re.search(r"(src|href)=\"(https?:)?//", text), path


def test_no_path_leads_out_of_the_static_files(server: Server) -> None:
    assert len(static.files()) >= 6
    tries = ["../app.py", "..%2fapp.py", "%2e%2e/app.py", "vendor/../../app.py", "/etc/passwd", ""]
    tries += ["vendor", "vendor/", "vendor/build.js", "console.css%00.js", "..\\app.py", "//x"]
    for path in tries:
        answer = ask(server, "GET", f"/static/{path}", [host(server)])
        assert status(answer) in (400, 404), path


def test_ranges_are_not_served(server: Server) -> None:
    many = ",".join(f"{n}-{n + 1}" for n in range(0, 4000, 2))
    headers = [host(server), f"Range: bytes={many}"]
    answer = ask(server, "GET", "/static/vendor/codemirror.js", headers)
    assert status(answer) == 200
    assert b"multipart" not in answer[:1000]
