"""Signing in: tokens, one-time links, sessions that end; what is guessed, slowed down."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import stedi
from console.browsing import sign_in
from console.serving import Server, serving
from stedi.console.server import Listen, address_of, refuse_unsafe
from stedi.console.sessions import Sessions
from stedi.console.tokens import Tokens
from stedi.console.views.sign import safe
from stedi.errors import LakeError, UsageError

ENGINEER = "engineer"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A console of this module's own: it is told to slow down, tokens are revoked."""
    root = tmp_path_factory.mktemp("signing")
    stedi.create(root / "lake").close()
    with serving(root / "lake", root / "serve.log") as running:
        yield running


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    with stedi.create(tmp_path / "lake") as lake:
        return Tokens(lake.home)


def test_a_token_is_kept_by_hash_and_for_its_owner_alone(tokens: Tokens) -> None:
    made, secret = tokens.make("scientist", "ada", 1)
    text = tokens.path.read_text()
    assert secret not in text
    assert secret.partition("_")[2] not in text
    assert stat.S_IMODE(tokens.path.stat().st_mode) == 0o600
    assert tokens.holder(secret) == made
    assert repr(made.hash) not in secret


@pytest.mark.parametrize(
    "spoil",
    [
        lambda secret: "",
        lambda secret: secret[:-1],
        lambda secret: secret + "x",
        lambda secret: secret.partition("_")[0],
        lambda secret: "00000000_" + secret.partition("_")[2],
        lambda secret: secret.upper(),
        lambda secret: "\udcff" + secret,
    ],
)
def test_what_is_not_quite_a_token_is_none(tokens: Tokens, spoil: Callable[[str], str]) -> None:
    _, secret = tokens.make("scientist", "ada", 1)
    assert tokens.holder(spoil(secret)) is None


def test_a_token_ends_with_its_time_or_when_taken_back(tokens: Tokens) -> None:
    short, secret = tokens.make("scientist", "", 1e-9)
    assert tokens.holder(secret) is None
    long, secret = tokens.make("scientist", "", 1)
    tokens.revoke(long.id)
    assert tokens.holder(secret) is None
    assert [token.id for token in tokens.all()] == [short.id]
    with pytest.raises(UsageError, match="no token"):
        tokens.revoke(long.id)


@pytest.mark.parametrize(("role", "days"), [("root", 1), ("scientist", 0), ("scientist", 99999)])
def test_tokens_nobody_should_have_are_not_made(tokens: Tokens, role: str, days: float) -> None:
    with pytest.raises(UsageError):
        tokens.make(role, "", days)
    assert tokens.all() == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"tokens": [{}]}', '{"tokens": 3}'])
def test_a_damaged_file_of_tokens_is_told(tokens: Tokens, text: str) -> None:
    tokens.path.write_text(text)
    with pytest.raises(LakeError, match=r"tokens\.json: damaged"):
        tokens.all()


def test_a_role_that_is_gone_lets_nobody_in(tokens: Tokens) -> None:
    _, secret = tokens.make("scientist", "", 1)
    raw = json.loads(tokens.path.read_text())
    raw["tokens"][0]["role"] = "emperor"
    tokens.path.write_text(json.dumps(raw))
    assert tokens.holder(secret) is None


def test_a_link_works_once_and_not_for_long(tokens: Tokens, monkeypatch: Any) -> None:
    sessions = Sessions(tokens)
    code = sessions.link(ENGINEER)
    assert sessions.by_code(code + "x") is None
    assert sessions.find(str(sessions.by_code(code))) is not None
    assert sessions.by_code(code) is None
    late = sessions.link(ENGINEER)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 16 * 60)
    assert sessions.by_code(late) is None


def test_a_session_ends_by_itself(tokens: Tokens, monkeypatch: Any) -> None:
    sessions = Sessions(tokens)
    cookie = str(sessions.by_code(sessions.link(ENGINEER)))
    assert sessions.find(cookie)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 13 * 3600)
    assert sessions.find(cookie) is None
    assert sessions.open() == []


@pytest.mark.parametrize(
    "there",
    ["//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "evil", "",
     "/\t/evil.example", "/\n/evil.example", "javascript:alert(1)", "/ü", "\x00"],
)  # fmt: skip
def test_signing_in_leads_to_no_other_host(there: str) -> None:
    assert safe(there) == "/"


def test_signing_in_leads_back(own: Server) -> None:
    assert safe("/tables/curated.machine_learning_curated?as_of=1") != "/"
    client = own.client()
    page = client.get("/runs?x=1")
    assert page.headers["location"] == "/sign-in?next=%2Fruns%3Fx%3D1"
    assert 'value="/runs?x=1"' in client.get(page.headers["location"]).text


def test_the_printed_link_signs_in_once(own: Server) -> None:
    client, other = own.client(), own.client()
    answer = client.get(f"/sign-in?code={own.code}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert client.get("/").status_code == 200
    again = other.get(f"/sign-in?code={own.code}")
    assert again.status_code == 401
    assert "set-cookie" not in again.headers
    assert "was used or is too old" in again.text


def test_a_token_of_the_command_line_is_typed_in(tab: Callable[..., Any], server: Server) -> None:
    page = tab("")
    sign_in(page, cli(server, "token", "--role", "scientist").strip())
    assert page.url == f"{server.url}/"


def test_revoking_a_token_ends_its_sessions(own: Server) -> None:
    client = own.signed_in("scientist")
    assert client.get("/").status_code == 200
    listed = cli(own, "token", "--list", "--format", "json")
    token = json.loads(listed)[-1]
    assert (token["role"], token["valid"]) == ("scientist", True)
    cli(own, "token", "--revoke", token["id"])
    assert client.get("/").status_code == 303


def test_signing_out_ends_a_session(own: Server) -> None:
    client = own.signed_in("scientist")
    again = own.client()
    again.cookies.update(client.raw.cookies)
    assert again.get("/").status_code == 200
    assert client.form("/sign-out").status_code == 303
    assert again.get("/").status_code == 303


def test_signing_out_wants_the_form_of_the_session(own: Server) -> None:
    client = own.signed_in("scientist")
    assert client.raw.post("/sign-out", data={"csrf": "x"}).status_code == 403
    assert client.get("/").status_code == 200


def test_nothing_secret_or_typed_is_in_the_log(own: Server) -> None:
    client = own.signed_in("privacy")
    client.get("/tables/ada@test.com?as_of=ada@test.com")
    client.get("/nothing/ada@test.com")
    client.form("/privacy/lookup", email="ada@test.com")
    log = own.log.read_text()
    cookie = next(iter(client.raw.cookies.values()))
    assert "GET /tables/{name" in log
    for secret in ("ada@test.com", cookie, client.csrf, "token="):
        assert secret not in log
    assert len(re.findall("code=", log)) == 1


def test_guessing_is_slowed_down(own: Server) -> None:
    client = own.client()
    statuses = [client.post("/sign-in", data={"token": f"{n}_x"}).status_code for n in range(40)]
    assert set(statuses) == {401, 429}
    assert statuses.index(429) <= 12


def cli(server: Server, *arguments: str) -> str:
    command = [sys.executable, "-m", "stedi", arguments[0], "--lake", str(server.lake)]
    done = subprocess.run([*command, *arguments[1:]], capture_output=True, text=True, check=True)
    return done.stdout


def test_it_does_not_listen_elsewhere_unsafely(tokens: Tokens, tmp_path: Path) -> None:
    for host in ("0.0.0.0", "::", "example.com", "10.0.0.1"):
        with pytest.raises(UsageError, match="nobody could sign in"):
            refuse_unsafe(Listen(host), tokens)
    tokens.make("scientist", "ada", 1)
    with pytest.raises(UsageError, match="clear text"):
        refuse_unsafe(Listen("0.0.0.0", names=["lake.example"]), tokens)
    with pytest.raises(UsageError, match="by which --name"):
        refuse_unsafe(Listen("0.0.0.0", proxied=True), tokens)
    with pytest.raises(UsageError, match="belong together"):
        refuse_unsafe(Listen(key=tmp_path / "x"), tokens)
    refuse_unsafe(Listen("0.0.0.0", names=["lake.example"], proxied=True), tokens)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.0.0.2"])
def test_this_machine_needs_no_token(tokens: Tokens, host: str) -> None:
    refuse_unsafe(Listen(host), tokens)


def test_behind_a_proxy_only_its_names_are_ours() -> None:
    address = address_of(Listen("0.0.0.0", 8787, ["Lake.example"], proxied=True))
    assert (address.scheme, sorted(address.hosts)) == (
        "https",
        ["lake.example", "lake.example:8787"],
    )
    assert address.is_ours("https://lake.example")
    assert not address.is_ours("http://lake.example")


def test_it_says_when_there_is_no_lake_or_the_port_is_taken(own: Server, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "stedi", "serve", "--lake"]
    port = own.url.rpartition(":")[2]
    for arguments, word in (
        ([str(tmp_path / "nothing")], "there is no lake"),
        ([str(own.lake), "--port", port], "choose another --port"),
    ):
        done = subprocess.run(
            [*command, *arguments], check=False, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 1
        assert word in done.stderr
        assert "Traceback" not in done.stderr


def test_a_strangers_page_says_nothing_of_the_lake(own: Server) -> None:
    text = own.client().get("/sign-in").text
    assert "policy" not in text
    assert "machine_learning" not in text
    assert str(own.lake) not in text
