"""SQL over HTTP: who gets which rows, what a refusal says, limits, saved queries, bad requests."""

from __future__ import annotations

import asyncio
import csv
import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

import stedi
from awaiting import awaited
from console.serving import Client, Server, comes, serving
from stedi.console import server as console_server
from stedi.console.app import make_app
from stedi.console.views import query as view
from stedi.contract.queries import load_queries
from stedi.contract.roles import find_role
from stedi.engines.spec import Limits

SLOW = "SELECT count(*) FROM range(100000000) a(i), range(100000) b(j) WHERE (i * j) % 7 = 3"
SAVED = {one.name: one for one in load_queries()}


def entered(server: Server, role: str, host: str, token: str = "") -> Client:
    """Somebody signed in from an address of their own, so that tries to sign in do not add up."""
    transport = httpx.HTTPTransport(local_address=host)
    client = httpx.Client(
        base_url=server.url, headers={"Origin": server.url}, timeout=60, transport=transport
    )
    answer = client.post("/sign-in", data={"token": token or server.token(role)})
    assert answer.status_code == 303, answer.text
    return Client(client)


@pytest.fixture(scope="module")
def people(server: Server) -> dict[str, Client]:
    roles = ("engineer", "scientist", "privacy")
    return {role: entered(server, role, f"127.0.2.{n}") for n, role in enumerate(roles, 1)}


@pytest.fixture(scope="module")
def other(server: Server) -> Client:
    return entered(server, "engineer", "127.0.2.9")


@pytest.fixture
def fresh(server: Server) -> Client:
    """Somebody whose pace nobody has used yet."""
    return entered(server, "engineer", "127.0.2.10")


_numbers = iter(range(10**9))


def asked(client: Client, sql: str, **more: Any) -> httpx.Response:
    return client.post("/api/query", {"sql": sql, "ticket": f"t{next(_numbers)}", **more})


def rows(client: Client, sql: str, **more: Any) -> list[list[Any]]:
    answer = asked(client, sql, **more)
    assert answer.status_code == 200, answer.text
    found: list[list[Any]] = answer.json()["window"]
    return found


def test_a_query_gives_its_rows(people: dict[str, Client]) -> None:
    answer = asked(people["scientist"], "SELECT 1 AS one, 'x' AS two, NULL::date AS three;").json()
    assert answer["columns"] == [
        {"name": "one", "type": "integer", "kind": "number"},
        {"name": "two", "type": "varchar", "kind": "text"},
        {"name": "three", "type": "date", "kind": "time"},
    ]
    assert (answer["window"], answer["rows"], answer["cut"]) == ([[1, "x", None]], 1, "")
    assert answer["saved"] is None


@pytest.mark.parametrize(
    ("sql", "state", "word"),
    [
        ("COPY customers_curated TO '/tmp/x.csv'", "refused", "COPY"),
        ("SELECT 'é😀' AS t, nothing FROM customers_curated", "failed", "nothing"),
        ("SELECT * FROM customers_curated WHER x = 1", "refused", "x = 1"),
        ("SELECT 1 FROM customer_landing", "refused", "customer_landing"),
        ("SELECT 1 FROM nowhere", "refused", "nowhere"),
        ("SELECT read_text('/etc/passwd')", "refused", "read_text"),
    ],
)
def test_a_refusal_says_why_and_where(
    people: dict[str, Client], sql: str, state: str, word: str
) -> None:
    answer = asked(people["scientist"], sql)
    told = answer.json()
    assert (answer.status_code, told["state"]) == (422, state)
    assert told["position"] == sql.index(word)
    assert told["error"]


def test_a_table_of_another_role_is_no_table(people: dict[str, Client]) -> None:
    hidden = asked(people["scientist"], "SELECT 1 FROM customer_landing").json()["error"]
    absent = asked(people["scientist"], "SELECT 1 FROM customer_xanding").json()["error"]
    assert hidden.replace("customer_landing", "customer_xanding") == absent
    assert rows(people["engineer"], "SELECT count(*) > 0 FROM customer_landing") == [[True]]


def test_a_scientist_sees_no_address_through_sql(people: dict[str, Client]) -> None:
    for what in ("SELECT email FROM", "SELECT 1 FROM (FROM customers_curated WHERE email > '') --"):
        sql = f"{what} customers_curated"
        assert asked(people["scientist"], sql).json()["state"] == "failed"
    answer = asked(people["scientist"], "SELECT * FROM customers_curated").json()
    assert answer["rows"] > 0
    assert "email" not in {column["name"] for column in answer["columns"]}
    assert "@" not in str(answer["window"])
    assert "@" in str(rows(people["engineer"], "SELECT email FROM customers_curated"))


def test_the_schema_is_the_roles(people: dict[str, Client]) -> None:
    for role, client in people.items():
        found = client.get("/api/schema").json()["tables"]
        seen = {table["name"]: [one["name"] for one in table["columns"]] for table in found}
        contract = find_role(role)
        assert seen == {t.name: [c.name for c in contract.columns(t)] for t in contract.tables()}
        assert all(table["description"] for table in found)
    scientist = people["scientist"].get("/api/schema").text
    assert "email" not in scientist
    assert "landing" not in {
        t["zone"] for t in people["scientist"].get("/api/schema").json()["tables"]
    }


def test_windows_reach_every_row(people: dict[str, Client]) -> None:
    client = people["engineer"]
    answer = asked(client, "SELECT i, 'r' || i AS t FROM range(200000) r(i) ORDER BY i").json()
    assert (answer["rows"], len(answer["window"])) == (200_000, 200)
    path = f"/api/results/{answer['number']}"
    assert client.get(f"{path}?start=199998&count=200").json()["window"] == [
        [199_998, "r199998"],
        [199_999, "r199999"],
    ]
    stepped = client.get(f"{path}?start=0&count=5000&step=50&columns=0").json()["window"]
    assert [row for (row,) in stepped] == list(range(0, 200_000, 50))[:5000]
    assert client.get(f"{path}?start=200000").json()["window"] == []
    assert len(client.get(f"{path}?count=9999999999").json()["window"]) == 5000
    again = client.get(f"{path}?start={2**53}&count=1&step={2**53}").json()
    assert (again["window"], again["rows"]) == ([], 200_000)


@pytest.fixture(scope="module")
def pair(people: dict[str, Client]) -> str:
    """The number of a result of two columns."""
    found: str = asked(people["privacy"], "SELECT 1 AS a, 2 AS b").json()["number"]
    return found


@pytest.mark.parametrize(
    "query",
    [
        "start=-1",
        "start=x",
        "start=",
        "start=1e3",
        "start=٣",
        "start=99999999999999999999999",
        "count=-1",
        "count=1.5",
        "step=0",
        "columns=",
        "columns=2",
        "columns=-1",
        "columns=a",
        "columns=0,,1",
        "columns=" + ",".join(["0"] * 101),
    ],
)
def test_windows_that_cannot_be(people: dict[str, Client], query: str, pair: str) -> None:
    client = people["privacy"]
    answer = client.get(f"/api/results/{pair}?{query}")
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


def test_csv_and_parquet_hold_the_result(people: dict[str, Client]) -> None:
    client = people["engineer"]
    sql = "SELECT i, '=cmd|' || i AS t, [i] AS l FROM range(50000) r(i) ORDER BY i"
    number = asked(client, sql).json()["number"]
    answer = client.get(f"/api/results/{number}.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    name = answer.headers["content-disposition"]
    assert name.startswith('attachment; filename="stedi-20')
    assert name.endswith('.csv"')
    lines = list(csv.reader(io.StringIO(answer.text, newline="")))
    assert lines[0] == ["i", "t", "l"]
    assert lines[1:] == [[str(i), f"'=cmd|{i}", f"[{i}]"] for i in range(50_000)]
    table = pq.read_table(io.BytesIO(client.get(f"/api/results/{number}.parquet").content))
    assert table.to_pydict() == {
        "i": list(range(50_000)),
        "t": [f"=cmd|{i}" for i in range(50_000)],
        "l": [[i] for i in range(50_000)],
    }


def test_a_result_is_nobody_elses(people: dict[str, Client], other: Client, server: Server) -> None:
    client = people["engineer"]
    number = asked(client, "SELECT 1").json()["number"]
    for suffix in ("", ".csv", ".parquet", "?start=0&count=1"):
        assert client.get(f"/api/results/{number}{suffix}").status_code == 200
        assert other.get(f"/api/results/{number}{suffix}").status_code == 404
        assert client.get(f"/api/results/{number[:-1]}{suffix}").status_code == 404
        stranger = httpx.get(f"{server.url}/api/results/{number}{suffix}")
        assert stranger.status_code == 401


def test_signing_out_forgets_results(server: Server) -> None:
    token = server.token("engineer")
    client = entered(server, "engineer", "127.0.2.11", token)
    number = asked(client, "SELECT 1").json()["number"]
    client.form("/sign-out")
    again = entered(server, "engineer", "127.0.2.11", token)
    assert again.get(f"/api/results/{number}").status_code == 404


def test_cancel_ends_a_query_and_the_next_one_works(
    server: Server, fresh: Client, other: Client
) -> None:
    with ThreadPoolExecutor() as pool:
        work = pool.submit(fresh.post, "/api/query", {"sql": SLOW, "ticket": "mine"})
        comes(lambda: server.at_work() == 1)
        assert other.post("/api/query/cancel", {"ticket": "mine"}).json() == {"cancelled": False}
        assert not work.done()
        started = time.monotonic()
        assert fresh.post("/api/query/cancel", {"ticket": "mine"}).json() == {"cancelled": True}
        answer = work.result()
        assert time.monotonic() - started < 1
    assert (answer.status_code, answer.json()["state"]) == (422, "cancelled")
    assert fresh.post("/api/query/cancel", {"ticket": "mine"}).json() == {"cancelled": False}
    assert rows(fresh, "SELECT 42") == [[42]]


def test_whoever_goes_away_needs_no_answer(server: Server, fresh: Client) -> None:
    for number in range(3):  # more than may be at work at once
        with pytest.raises(httpx.ReadTimeout):
            fresh.raw.post(
                "/api/query",
                json={"sql": SLOW, "ticket": f"gone{number}"},
                headers={"X-CSRF": fresh.csrf},
                timeout=0.5,
            )
        comes(lambda: server.at_work() == 0)
    started = time.monotonic()
    assert rows(fresh, "SELECT 42") == [[42]]
    assert time.monotonic() - started < 5


def test_two_at_once_and_no_more(server: Server, fresh: Client) -> None:
    with ThreadPoolExecutor() as pool:
        tickets = ("a", "b")
        work = [pool.submit(fresh.post, "/api/query", {"sql": SLOW, "ticket": t}) for t in tickets]
        comes(lambda: server.at_work() == 2)
        third = asked(fresh, "SELECT 1")
        same = fresh.post("/api/query", {"sql": "SELECT 1", "ticket": "a"})
        for ticket in tickets:
            fresh.post("/api/query/cancel", {"ticket": ticket})
        assert [done.result().json()["state"] for done in work] == ["cancelled"] * 2
    assert third.status_code == 429
    assert "2 queries of yours are at work" in third.json()["error"]
    assert same.status_code == 400


def test_too_many_queries_in_a_row(fresh: Client) -> None:
    found = [asked(fresh, "SELECT").status_code for _ in range(40)]
    assert found[:30] == [422] * 30
    assert 429 in found[30:]


def test_rows_are_cut_and_that_is_told(fresh: Client) -> None:
    answer = asked(fresh, "SELECT i FROM range(1000001) t(i)").json()
    assert (answer["rows"], answer["cut"]) == (1_000_000, "rows")
    whole = asked(fresh, "SELECT i FROM range(1000000) t(i)").json()
    assert (whole["rows"], whole["cut"]) == (1_000_000, "")


@pytest.fixture(scope="module")
def hurried(master: Path) -> Iterator[Server]:
    """A console of short patience and little memory."""
    options = ["--seconds", "2", "--memory", "128"]
    with serving(master / "lake", master / "hurried.log", options) as running:
        yield running


def test_a_query_over_a_limit_is_stopped_and_that_is_told(hurried: Server) -> None:
    client = entered(hurried, "engineer", "127.0.2.12")
    assert "A query has 2.00 s and 134.2 MB" in client.get("/sql").text
    slow = asked(client, SLOW)
    assert (slow.status_code, slow.json()["state"]) == (422, "limit")
    assert slow.json()["error"] == "stopped after 2 seconds, the limit of a query"
    large = asked(client, "SELECT count(DISTINCT hash(i)) FROM range(30000000) t(i)").json()
    assert (large["state"], large["error"]) == (
        "limit",
        "the query needs more than its 128 MB of memory",
    )
    assert rows(client, "SELECT 42") == [[42]]


def test_saved_queries_answer_every_role_they_are_open_to(people: dict[str, Client]) -> None:
    for role, client in people.items():
        page = client.get("/sql").text
        for saved in load_queries():
            answer = asked(client, saved.sql)
            if saved.open_to(find_role(role)):
                assert answer.json()["saved"] == saved.name, answer.text
                assert saved.title.replace("'", "&#39;") in page
            else:
                assert answer.status_code == 422
                assert saved.title.replace("'", "&#39;") not in page


def test_saved_queries_agree_with_the_account(people: dict[str, Client], master: Path) -> None:
    with stedi.open(master / "lake") as lake:
        account = {line.table.rpartition(".")[2]: line for line in lake.account()}
        quarantined = lake.sql("SELECT count(*) AS n FROM quarantine")
        lines = next(iter(quarantined))["n"]
    counts = rows(people["engineer"], SAVED["counts_by_table"].sql)
    assert {name: count for _, name, count in counts} == {
        name: line.stored for name, line in account.items() if name in {c[1] for c in counts}
    }
    assert len(counts) == 8
    assert rows(people["scientist"], SAVED["repeated_rows"].sql) == [[0]]
    days = rows(people["scientist"], SAVED["readings_by_day"].sql)
    assert sum(row[1] for row in days) == account["machine_learning_curated"].stored
    consent = rows(people["engineer"], SAVED["customers_without_research_consent"].sql)
    assert [row[1] for row in consent if row[0] != "customer_landing"] == [0, 0]
    reasons = account["customer_trusted"].excluded
    assert consent[[row[0] for row in consent].index("customer_landing")][1] > 0
    assert any("consent" in reason for reason in reasons)
    assert sum(row[2] for row in rows(people["engineer"], SAVED["quarantined_lines"].sql)) == lines


def test_an_older_version_has_its_own_figures(people: dict[str, Client], master: Path) -> None:
    with stedi.open(master / "lake") as lake:
        history = [found for _, found in lake.history("customer_landing")]
    old, new = history[0], history[-1]
    assert old.rows < new.rows
    sql = "SELECT count(*) FROM customer_landing"
    client = people["engineer"]
    assert rows(client, sql) == [[new.rows]]
    for moment in (str(old.id), old.at.isoformat(), old.at.replace(tzinfo=None).isoformat()):
        assert rows(client, sql, as_of=moment) == [[old.rows]], moment
    assert rows(client, sql, as_of=" ") == [[new.rows]]
    saved = {
        row[1]: row[2] for row in rows(client, SAVED["counts_by_table"].sql, as_of=str(old.id))
    }
    assert saved["customer_landing"] == old.rows
    assert old.at.isoformat().replace("+00:00", "Z") in client.get("/sql").text


@pytest.mark.parametrize(
    "moment", ["yesterday", "123", "2026-13-01", "9999-12-31T23:59:59-12:00", "x" * 300, "1" * 300]
)
def test_moments_that_cannot_be(people: dict[str, Client], moment: str) -> None:
    answer = asked(people["privacy"], "SELECT 1 FROM customer_landing", as_of=moment)
    assert answer.status_code == 400
    assert "--as-of" not in answer.json()["error"]


def test_snapshots_of_unseen_tables_are_unknown(people: dict[str, Client], master: Path) -> None:
    with stedi.open(master / "lake") as lake:
        (_, snapshot), *_ = lake.history("customer_landing")
    answer = asked(people["scientist"], "SELECT 1 FROM customers_curated", as_of=str(snapshot.id))
    assert answer.status_code == 400


BAD_BODIES = [
    b"",
    b"{",
    b"\xff\xfe",
    b"[]",
    b'"x"',
    b"null",
    b"1",
    b"[" * 100_000,
    b"{}",
    b'{"sql": "SELECT 1"}',
    b'{"sql": 1, "ticket": "t"}',
    b'{"sql": null, "ticket": "t"}',
    b'{"sql": " \\n", "ticket": "t"}',
    b'{"sql": "SELECT 1", "ticket": 1}',
    b'{"sql": "SELECT 1", "ticket": ""}',
    b'{"sql": "SELECT 1", "ticket": "a b"}',
    b'{"sql": "SELECT 1", "ticket": "' + b"a" * 65 + b'"}',
    b'{"sql": "SELECT 1", "ticket": "t", "as_of": 5}',
    b'{"sql": "SELECT \\ud800", "ticket": "t"}',
]


@pytest.mark.parametrize("path", ["/api/query", "/api/query/cancel"])
@pytest.mark.parametrize("body", BAD_BODIES, ids=lambda body: repr(body[:40]))
def test_bad_bodies_are_told_so(people: dict[str, Client], path: str, body: bytes) -> None:
    client = people["scientist"]
    answer = client.raw.post(path, content=body, headers={"X-CSRF": client.csrf})
    good = path.endswith("cancel") and b'"t"' in body
    assert answer.status_code == (200 if good else 400), answer.text
    assert good or list(answer.json()) == ["error"]


def test_a_body_beyond_all_measure(people: dict[str, Client]) -> None:
    client = people["scientist"]
    large = b'{"sql": "' + b"x" * 300_000 + b'", "ticket": "t"}'
    assert (
        client.raw.post("/api/query", content=large, headers={"X-CSRF": client.csrf}).status_code
        == 413
    )
    pieces = (large[at : at + 10_000] for at in range(0, len(large), 10_000))
    unsaid = client.raw.post("/api/query", content=pieces, headers={"X-CSRF": client.csrf})
    assert unsaid.status_code == 413


def test_a_query_needs_the_sessions_own_csrf_token(people: dict[str, Client]) -> None:
    body = {"sql": "SELECT 1", "ticket": "t"}
    for headers in ({}, {"X-CSRF": people["engineer"].csrf}):
        answer = people["scientist"].raw.post("/api/query", json=body, headers=headers)
        assert answer.status_code == 403


async def _crowd(server: Server, token: str, count: int) -> list[dict[str, Any]]:
    """Everybody signs in, then all ask at once, each a saved query."""
    names = sorted(SAVED)
    clients = []
    for number in range(count):
        client = httpx.AsyncClient(
            base_url=server.url,
            headers={"Origin": server.url},
            timeout=60,
            transport=httpx.AsyncHTTPTransport(local_address=f"127.0.3.{number + 1}"),
        )
        assert (await client.post("/sign-in", data={"token": token})).status_code == 303
        csrf = (await client.get("/sql")).text.partition('<meta name="csrf" content="')[2]
        client.headers["X-CSRF"] = csrf.partition('"')[0]
        clients.append((client, names[number % len(names)]))

    async def one(client: httpx.AsyncClient, name: str) -> dict[str, Any]:
        body = {"sql": SAVED[name].sql, "ticket": "t"}
        answer = await client.post("/api/query", json=body)
        assert answer.status_code == 200, answer.text
        return {"name": name, **answer.json()}

    found = await asyncio.gather(*(one(*pair) for pair in clients))
    for client, _ in clients:
        await client.aclose()
    return list(found)


def test_fifty_ask_saved_queries_at_once(server: Server) -> None:
    found = awaited(_crowd(server, server.token("engineer"), 50))
    for name in SAVED:
        mine = [one for one in found if one["name"] == name]
        assert len(mine) >= 4
        assert len({one["number"] for one in mine}) == len(mine), "each has a result of their own"
        assert len({one["seconds"] for one in mine}) == 1, "one computation"
        assert all(one["window"] == mine[0]["window"] for one in mine)


@pytest.mark.slow
def test_new_rows_are_seen_and_forgotten_ones_gone(lake_folder: Path) -> None:
    """A saved query is computed anew after a change; a forgetting leaves no result."""
    lake = lake_folder / "lake"
    with serving(lake, lake_folder / "serve.log") as running:
        client = entered(running, "engineer", "127.0.2.13")
        sql = SAVED["counts_by_table"].sql
        before = {row[1]: row[2] for row in rows(client, sql)}
        email = rows(client, "SELECT min(email) FROM customers_curated")[0][0]
        kept = asked(client, "SELECT * FROM customers_curated").json()["number"]
        with stedi.open(lake) as opened:
            opened.forget([email])
        comes(lambda: client.get(f"/api/results/{kept}").status_code == 404, 15)
        after = {row[1]: row[2] for row in rows(client, sql)}
    with stedi.open(lake) as opened:
        account = {line.table.rpartition(".")[2]: line.stored for line in opened.account()}
    assert after == {name: account[name] for name in after}
    assert after["customers_curated"] == before["customers_curated"] - 1


def test_the_page_says_why_no_query_can_be_run(
    master: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "missing", lambda: "it needs Linux")
    listen = console_server.Listen(port=80)
    console = console_server.make_console(master / "lake", listen, Limits())
    app = make_app(console, console_server.address_of(listen), log=False)
    text = awaited(_page(app, console.sessions.link("scientist")))
    assert "No query can be run on this machine: it needs Linux." in text
    assert 'id="run" disabled' in text


async def _page(app: Any, code: str) -> str:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        assert (await client.get(f"/sign-in?code={code}")).status_code == 303
        return (await client.get("/sql")).text
