"""A console, its tokens and the report over a lake on S3."""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

import sites
from awaiting import awaited
from console.serving import Client, Server, serving
from s3.faults import Fault, FaultyProxy, Harm
from s3.server import S3Server
from stedi.api import Lake
from stedi.console.report import report
from stedi.console.sessions import Session, Sessions
from stedi.console.tokens import LOOK, Token, Tokens
from stedi.contract.roles import find_role
from stedi.errors import LakeBusyError, LakeError, UsageError
from stedi.lake.home import open_home
from stedi.places import S3Path

ROLES = ("engineer", "scientist", "privacy")
PEOPLE = "SELECT email FROM customer_trusted WHERE email NOT LIKE '%<%' ORDER BY email"
_tickets = count()


@pytest.fixture(scope="module")
def away(
    s3: S3Server, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[S3Path]:
    """A bucket for the lakes of this module, in an environment in which they are found.

    The console of the other modules does not start in it.
    """
    with pytest.MonkeyPatch.context() as patch:
        bucket = sites.new_bucket(s3, patch)
        sites.with_keys(patch, tmp_path_factory.mktemp("catalogs"))
        yield S3Path(bucket)


@pytest.fixture(scope="module")
def between(away: S3Path, s3: S3Server) -> Iterator[FaultyProxy]:
    """What the console of this module reaches S3 through."""
    with FaultyProxy(s3.port) as proxy, pytest.MonkeyPatch.context() as patch:
        yield proxy.lead(patch)


@pytest.fixture(scope="module")
def lake(away: S3Path, master: Path) -> Lake:
    """The feeds of the master lake, landed on S3."""
    with sites.create(away / "lake") as made:
        made.run(master / "feeds")
        return made


@pytest.fixture(scope="module")
def far(
    lake: Lake, between: FaultyProxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A console over that lake."""
    with serving(lake.home.root, tmp_path_factory.mktemp("far") / "log") as running:
        yield running


@pytest.fixture(scope="module")
def people(far: Server) -> dict[str, Client]:
    """Somebody of every role, signed in."""
    return {role: far.signed_in(role) for role in ROLES}


def asked(client: Client, sql: str) -> httpx.Response:
    return client.post("/api/query", {"sql": sql, "ticket": f"far{next(_tickets)}"})


def rows(client: Client, sql: str) -> list[Any]:
    answer = asked(client, sql)
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["window"]
    return found


# ---------------------------------------------------------------- tokens


@pytest.fixture
def tokens(lake: Lake) -> Iterator[Tokens]:
    """Those of the lake; what the test makes is taken back."""
    made = Tokens(lake.home)
    made.refresh()
    before = {one.id for one in made.all()}
    yield made
    made.refresh()
    for token in made.all():
        if token.id not in before:
            made.revoke(token.id)


def test_a_token_that_is_not_there_cannot_be_taken_back(tokens: Tokens) -> None:
    with pytest.raises(UsageError, match="there is no token '00000000'"):
        tokens.revoke("00000000")


def test_damaged_tokens_let_nobody_in(away: S3Path, lake: Lake) -> None:
    with sites.create(away / "damaged") as other:
        tokens = Tokens(other.home)
        with pytest.raises(LakeError, match="have not been read yet"):
            tokens.holder("x_y")
        tokens.path.write_bytes(b"\xff")
        awaited(tokens.look())
        with pytest.raises(LakeError, match=r"tokens.json: damaged \(UnicodeDecodeError\)"):
            tokens.holder("x_y")
        tokens.path.write_bytes(b'{"tokens": []}')
        awaited(tokens.look())
        assert tokens.holder("x_y") is None


def test_many_who_look_at_once_ask_once(tokens: Tokens, between: FaultyProxy) -> None:
    async def look() -> None:
        await asyncio.gather(*(tokens.look() for _ in range(20)))

    before = between.count("GET", "*tokens.json")
    awaited(look())
    assert between.count("GET", "*tokens.json") - before <= 1 + 2  # those of the console besides


def test_tokens_that_could_not_be_read_for_long_let_nobody_in(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, secret = tokens.make("engineer", "ada", 1)
    assert tokens.holder(secret)
    later = time.monotonic() + 60
    monkeypatch.setattr("stedi.console.tokens.time.monotonic", lambda: later)
    with pytest.raises(LakeError, match="the storage does not answer"):
        tokens.holder(secret)


def test_two_who_make_tokens_at_once_both_have_theirs(tokens: Tokens) -> None:
    made: list[Token] = []

    def make() -> None:
        made.append(Tokens(open_home(tokens.path.parent)).make("scientist", "one of many", 1)[0])

    makers = [Thread(target=make) for _ in range(4)]
    for one in makers:
        one.start()
    for one in makers:
        one.join()
    tokens.refresh()
    assert len(made) == 4
    assert {one.id for one in made} <= {one.id for one in tokens.all()}


def test_a_token_whose_answer_was_lost_is_there_once(tokens: Tokens, between: FaultyProxy) -> None:
    fault = Fault(Harm.LOST, method="PUT", key="*tokens.json", times=1)
    with between.failing(fault):
        made, secret = tokens.make("engineer", "ada", 1)
    assert fault.harmed == 1
    assert [one.id for one in tokens.all()].count(made.id) == 1
    assert tokens.holder(secret) == made


def test_tokens_that_others_change_all_the_time_are_left_alone(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = S3Path.write_bytes

    def meanwhile(path: S3Path, data: bytes, **conditions: Any) -> str:
        put(path, b'{"tokens": [ ' + b" " * (next(_tickets) + 1) + b"]}")
        return put(path, data, **conditions)

    before = tokens.path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(S3Path, "write_bytes", meanwhile)
        with pytest.raises(LakeBusyError, match="others change it all the time"):
            tokens.make("engineer", "ada", 1)
    put(tokens.path, before)


def test_a_token_taken_back_ends_its_session(far: Server, tokens: Tokens) -> None:
    _, secret = tokens.make("engineer", "ada", 1)
    client = far.client()
    assert client.post("/sign-in", data={"token": secret}).status_code == 303
    assert client.get("/").status_code == 200
    tokens.revoke(secret.partition("_")[0])
    assert within(4 * LOOK, lambda: client.get("/").status_code == 303)
    assert client.post("/sign-in", data={"token": secret}).status_code == 401


def test_whoever_cannot_go_on_can_sign_out(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    _, secret = tokens.make("engineer", "ada", 1)
    ended: list[Session] = []
    sessions = Sessions(tokens, ended.append)
    cookie = sessions.by_token(secret)
    assert cookie is not None
    later = time.monotonic() + 60
    monkeypatch.setattr("stedi.console.tokens.time.monotonic", lambda: later)
    with pytest.raises(LakeError):
        sessions.find(cookie)
    found = sessions.known(cookie)
    assert found is not None
    sessions.end(found)
    assert ended == [found]


def within(seconds: float, seen: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if seen():
            return True
        time.sleep(0.1)
    return False


# ---------------------------------------------------------------- a storage that is away


def test_while_the_storage_is_away_pages_show_what_was_there(
    far: Server, people: dict[str, Client], between: FaultyProxy
) -> None:
    with between.failing(Fault(Harm.ERROR_503)):
        for path in ("/", "/runs", "/tables/machine_learning_curated"):
            assert people["engineer"].get(path).status_code == 200
        answer = asked(people["engineer"], "SELECT count(*) AS n FROM customer_trusted")
    assert (answer.status_code, answer.json()["state"]) == (422, "limit")
    assert "the lake was not found within 10 seconds" in answer.json()["error"]
    assert "Traceback" not in far.log.read_text()
    assert rows(people["engineer"], "SELECT 1 AS one") == [[1]]


# ---------------------------------------------------------------- pages and queries


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "path", ["/", "/runs", "/sql", "/signals", "/tables/machine_learning_curated"]
)
def test_every_page_opens(people: dict[str, Client], role: str, path: str) -> None:
    answer = people[role].get(path)
    assert answer.status_code == 200, answer.text
    assert "cannot be read" not in answer.text


def test_rows_are_those_of_a_lake_on_the_disk(
    people: dict[str, Client], clients: dict[str, Client]
) -> None:
    sql = "SELECT timestamp, x, y, z, distancefromobject FROM machine_learning_curated ORDER BY ALL"
    here, there = rows(clients["scientist"], sql), rows(people["scientist"], sql)
    assert here
    assert here == there


def test_a_scientist_sees_no_identifying_column(people: dict[str, Client]) -> None:
    answer = asked(people["scientist"], "SELECT email FROM customers_curated")
    assert answer.status_code == 422
    assert "email" in answer.json()["error"]
    assert "@" not in answer.json()["error"]


def test_a_preview_shows_the_first_rows(people: dict[str, Client]) -> None:
    wanted = {"table": "accelerometer_trusted", "sort": "timestamp"}
    answer = people["engineer"].get("/api/preview", params=wanted)
    assert answer.status_code == 200, answer.text
    assert answer.json()["rows"]


def test_a_person_forgotten_in_the_console_is_gone(
    away: S3Path, master: Path, between: FaultyProxy, tmp_path: Path
) -> None:
    root = away / "own"
    shutil.copytree(master / "feeds", tmp_path / "feeds")
    with sites.create(root) as own:
        own.run(tmp_path / "feeds")
    with serving(root, tmp_path / "log") as console:
        privacy = console.signed_in("privacy")
        ((email,), *others) = rows(privacy, PEOPLE)
        privacy.form("/privacy/forget", email=email, again=email, word="FORGET")
        assert within(100, lambda: job(privacy)["state"] != "working"), job(privacy)
        assert job(privacy)["state"] == "forgotten", privacy.get("/privacy").text
        assert rows(privacy, PEOPLE) == others
    assert email.encode() not in b"".join(sites.files(root).values())


def job(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/privacy/job").json()
    return found


def test_the_saved_queries_of_the_report_find_what_they_find_on_the_disk(
    lake: Lake, master: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scientist = find_role("scientist")
    far = found(apart(report, lake.home.root, scientist))
    for name in sites.KEYS:
        monkeypatch.delenv(name)
    assert far
    assert far == found(apart(report, master / "lake", scientist))


def apart(work: Callable[..., str], *given: Any) -> str:
    """What it gives, in a thread of its own: a browser's loop may run in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work, *given).result()


def found(page: str) -> list[str]:
    """The rows of the saved queries; sums of fractions depend on the order of files."""
    part = page.rpartition("Saved queries")[2].partition("Policy and roles")[0]
    parts = re.findall(r"<tbody>(.*?)</tbody>", part)
    return [re.sub(r"\d+\.\d+", lambda number: f"{float(number[0]):.6f}", one) for one in parts]
