"""Forgetting from the console: confirmed, followed, proved; refused, interrupted, gone on with."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import stedi
from console.people import FAR, look_up, people, somebody
from console.serving import Client, Server, serving
from stedi.contract import load_tables
from stedi.erasure.journal import pending
from stedi.lake.readers import reading
from stedi.subject import tables

LONGER = 6  # seconds: what a server that is ended gives its connections is 5


def _forms(console: Server) -> Client:
    return console.signed_in("privacy")


def _confirmed(client: Client, email: str, **other: str) -> Any:
    fields = {"email": email, "again": email, "word": "FORGET", **other}
    return client.form("/privacy/forget", **fields)


def _ended(client: Client) -> dict[str, Any]:
    """The last forgetting, once it has ended."""
    deadline = time.monotonic() + 100
    while (told := client.get("/api/privacy/job").json())["state"] == "working":
        assert time.monotonic() < deadline, told
        time.sleep(0.2)
    found: dict[str, Any] = told
    return found


@pytest.fixture
def console(lake_folder: Path) -> Iterator[Server]:
    with serving(lake_folder / "lake", lake_folder / "serve.log") as running:
        yield running


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_person_is_forgotten_and_is_nowhere(
    tab: Callable[..., Any], console: Server, lake_folder: Path
) -> None:
    lake = lake_folder / "lake"
    email = somebody(lake)
    name = next(one["name"] for one in people(lake) if one["email"] == email)
    engineer, officer = console.signed_in("engineer"), _forms(console)
    sql = "SELECT DISTINCT email, customername FROM customer_landing"
    kept = engineer.post("/api/query", {"ticket": "before", "sql": sql}).json()
    assert email in json.dumps(kept).lower()
    page = tab("privacy", at=console)
    look_up(page, email)
    page.get_by_role("button", name="See what forgetting").click()
    button = page.get_by_role("button", name="Forget this person for good")
    button.wait_for(timeout=FAR)
    with stedi.open(lake) as opened:
        foreseen = opened.foresee_forgetting([email])
    rows = page.locator("tr[data-place]").evaluate_all(
        "all => all.map(row => [row.dataset.place, row.querySelector('[data-figure]').innerText])"
    )
    assert dict(rows) == {place: f"{gone.rows:,}" for place, gone in foreseen.items()}
    assert button.is_disabled()
    page.get_by_label("Type the person's address").fill(email.upper())
    assert button.is_disabled()
    page.get_by_label("Type FORGET").fill("FORGET")
    button.click()
    page.locator('#job[data-state="forgotten"]').wait_for(timeout=100_000)
    steps = page.locator("#job-steps li").all_inner_texts()
    assert steps[0] == "looking for their lines in delivered files"
    assert steps[-1] == "searching every file of the lake"
    assert email not in page.content()
    with stedi.open(lake) as opened:
        proof = next(row for row in opened.table("erasures") if row["step"] == "searched")
    assert (proof["found"], proof["people"]) == (0, 1)
    page.get_by_role("link", name=proof["erasure"]).click()
    certificate = page.locator(f'[id="erasure-{proof["erasure"]}"]')
    assert f"{proof['files']:,} files and {proof['bytes']:,} bytes" in certificate.inner_text()
    _is_nowhere(console, [email, name], kept["number"], engineer, officer)
    look_up(page, email)
    assert page.locator("#forgotten").is_visible()
    assert page.locator("#nothing").is_visible()


def _is_nowhere(
    console: Server, told: list[str], number: str, engineer: Client, officer: Client
) -> None:
    """Neither on a page, nor in a preview, a query's rows, those kept from before, the log."""
    assert engineer.get(f"/api/results/{number}").status_code == 404
    assert engineer.get(f"/api/results/{number}.csv").status_code == 404
    texts = [console.log.read_text()]
    for client in (engineer, officer):
        paths = ["/", "/tables", "/runs", "/sql", "/api/runs/live"]
        paths += [f"/tables/{table.full_name}" for table in load_tables().values()]
        texts += [client.get(path).text for path in paths]
        for table in load_tables().values():
            texts.append(client.get(f"/api/preview?table={table.full_name}").text)
    texts += [officer.get("/privacy").text, officer.get("/api/privacy/certificates").text]
    sql = "SELECT DISTINCT email, customername FROM customer_landing"
    answer = engineer.post("/api/query", {"ticket": "after", "sql": sql})
    assert answer.status_code == 200, answer.text
    texts.append(answer.text)
    assert answer.json()["rows"] > 0
    for text in texts:
        assert not [one for one in told if one.lower() in text.lower()]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_is_refused_forgets_nobody(console: Server, lake_folder: Path) -> None:
    lake = lake_folder / "lake"
    email, client = somebody(lake), _forms(console)
    other = next(one["email"] for one in people(lake) if one["email"] != email)
    for wrong in ({"again": other}, {"again": ""}, {"word": "forget"}, {"word": ""}):
        answer = _confirmed(client, email, **wrong)
        assert (answer.status_code, "Nothing was forgotten" in answer.text) == (422, True)
    with stedi.open(lake) as opened, opened.home.lock():
        answer = _confirmed(client, email)
        assert (answer.status_code, "a run or another change" in answer.text) == (409, True)
        assert str(lake) not in answer.text
    assert client.form("/privacy/resume", word="FORGET").status_code == 409
    unknown = _confirmed(client, "nobody@nowhere.example")
    assert unknown.status_code == 303
    assert _ended(client)["state"] == "failed"
    page = client.get("/privacy").text
    assert "nothing is held about the address" in page
    assert "nowhere.example" not in page
    assert client.get("/api/privacy/certificates").json() == {"certificates": []}
    with stedi.open(lake) as opened:
        assert opened.subject(email).tables[0].rows > 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_at_once_are_refused_and_progress_survives_the_page(
    tab: Callable[..., Any], console: Server, lake_folder: Path
) -> None:
    lake = lake_folder / "lake"
    email, client = somebody(lake), _forms(console)
    page = tab("privacy", at=console)
    with stedi.open(lake) as opened, reading(opened.home):  # older versions stay until it ends
        assert _confirmed(client, email).status_code == 303
        page.goto("/privacy")
        page.get_by_text("removing older versions").wait_for(timeout=FAR)
        again = _confirmed(client, email)
        assert (again.status_code, "at work already" in again.text) == (409, True)
        assert client.form("/privacy/resume", word="FORGET").status_code == 409
        assert page.locator('#job[data-state="working"]').is_visible()
        assert page.get_by_label("Type FORGET to go on").count() == 0
    page.locator('#job[data-state="forgotten"]').wait_for(timeout=100_000)
    told = _ended(client)
    assert set(told) == {"state", "steps", "seconds"}
    assert email not in json.dumps(told)


class Stopped(BaseException):
    """What no handler of the product expects."""


def _stop(*_: object) -> None:
    raise Stopped


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_interrupted_forgetting_is_gone_on_with(
    tab: Callable[..., Any], lake_folder: Path
) -> None:
    lake = lake_folder / "lake"
    email = somebody(lake)
    with pytest.MonkeyPatch.context() as patch, stedi.open(lake) as opened:
        patch.setattr(tables, "clear_landing", _stop)  # delivered files are written, tables not yet
        with pytest.raises(Stopped):
            opened.forget([email])
    with serving(lake, lake_folder / "serve.log") as console:
        page, client = tab("privacy", at=console), _forms(console)
        page.goto("/privacy")
        assert "not out of every table yet" in page.locator("main").inner_text()
        assert email not in page.content()
        answer = _confirmed(client, email)
        assert (answer.status_code, "not finished" in answer.text) == (409, True)
        assert client.form("/privacy/resume", word="no").status_code == 422
        with stedi.open(lake) as opened:
            assert pending(opened.home) is not None
        page.get_by_label("Type FORGET to go on").fill("FORGET")
        page.get_by_role("button", name="Go on with it").click()
        page.locator('#job[data-state="forgotten"]').wait_for(timeout=100_000)
        assert page.get_by_label("Type FORGET to go on").count() == 0
        with stedi.open(lake) as opened:
            assert pending(opened.home) is None
            assert opened.subject(email).forgotten is not None


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_console_that_is_ended_finishes_it_first(console: Server, lake_folder: Path) -> None:
    lake, client = lake_folder / "lake", _forms(console)
    email = somebody(lake)
    with stedi.open(lake) as opened, reading(opened.home):  # older versions stay until it ends
        assert _confirmed(client, email).status_code == 303
        _until(client, "removing older versions")
        console.process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            console.process.wait(LONGER)
    console.process.wait(90)
    with stedi.open(lake) as opened:
        assert pending(opened.home) is None
        assert opened.subject(email).forgotten is not None
        assert {row["found"] for row in opened.table("erasures")} == {None, 0}
    assert email not in console.log.read_text()


def _until(client: Client, step: str) -> None:
    deadline = time.monotonic() + 60
    while step not in str(client.get("/api/privacy/job").json()["steps"]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
