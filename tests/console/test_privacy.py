"""Who may see what; one person looked up and exported in the console, by the privacy role alone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import stedi
from console.browsing import violations
from console.conftest import MARKUP
from console.people import FAR, look_up, somebody
from console.serving import Client, Server
from stedi.contract import load_tables
from stedi.contract.roles import load_roles

POSTS = ("person", "export", "foresee", "forget", "resume")
WALKED_IN = '"><img src=x onerror=alert(1)>@test.com'


# Who may


@pytest.mark.parametrize("role", ["engineer", "scientist"])
def test_it_is_for_the_privacy_role_alone(clients: dict[str, Client], role: str) -> None:
    client = clients[role]
    assert 'href="/privacy"' not in client.get("/").text
    assert client.get("/privacy").status_code == 403
    for path in ("job", "certificates"):
        answer = client.get(f"/api/privacy/{path}")
        assert (answer.status_code, list(answer.json())) == (403, ["error"])
    for path in POSTS:
        answer = client.form(f"/privacy/{path}", email="a@b.c", again="a@b.c", word="FORGET")
        assert answer.status_code == 403


def test_strangers_and_forms_of_other_sites_are_refused(
    server: Server, clients: dict[str, Client]
) -> None:
    assert server.client().get("/privacy").headers["location"] == "/sign-in?next=%2Fprivacy"
    for path in POSTS:
        assert server.client().post(f"/privacy/{path}").status_code == 401
        forged = clients["privacy"].raw.post(f"/privacy/{path}", data={"email": "a@b.c"})
        assert forged.status_code == 403


def test_who_may_see_what_follows_from_the_roles(
    tab: Callable[..., Any], clients: dict[str, Client], server: Server
) -> None:
    secret = server.token("scientist", "<b>ada</b>")
    page = tab("privacy")
    page.goto("/privacy")
    for table in load_tables().values():
        for role in load_roles().values():
            cell = page.locator(
                f'#access tr[data-table="{table.full_name}"] [data-role={role.name}]'
            )
            seen, told = [column.name for column in role.columns(table)], cell.text_content()
            if not seen:
                assert told == "not there for them"
            elif len(seen) == len(table.columns):
                assert told == f"all {len(seen)}"
            else:
                assert f"{len(seen)} of {len(table.columns)}" in told
                assert f"Sees {', '.join(seen)}." in told
                withheld = [c.name for c in table.columns if c.name not in seen]
                assert f"Withheld: {', '.join(withheld)}." in told
    assert "<b>ada</b>" in page.locator("#tokens").inner_text()
    assert secret.partition("_")[0] in page.locator("#tokens").inner_text()
    assert secret.partition("_")[2] not in page.content()
    assert "(you)" in page.locator("#sessions").inner_text()


# Looking somebody up


def _figures(page: Any, table: str, *names: str) -> dict[str, list[str]]:
    rows = page.locator(f"#{table} tr[data-table]").all()
    return {
        row.get_attribute("data-table"): [
            row.locator(f'[data-figure="{name}"]').inner_text() for name in names
        ]
        for row in rows
    }


@pytest.mark.parametrize("consenting", [True, False])
def test_somebody_is_told_as_the_lake_tells(
    tab: Callable[..., Any], master: Path, consenting: bool
) -> None:
    email = somebody(master / "lake", within=consenting)
    page = tab("privacy")
    look_up(page, f"  {email.upper()} ")
    with stedi.open(master / "lake") as lake:
        holding, trails = lake.subject(email), lake.why(email)
    assert page.locator("h1").inner_text() == email
    assert _figures(page, "held", "rows") == {
        entry.table.full_name: [f"{entry.rows:,}"] for entry in holding.tables
    }
    assert _figures(page, "why", "in", "out", "excluded") == {
        trail.table: [
            f"{trail.rows_in:,}",
            f"{trail.rows_out:,}",
            ", ".join(f"{rows:,} {reason}" for reason, rows in trail.excluded.items()),
        ]
        for trail in trails
    }
    assert sum(trail.rows_in for trail in trails) > 0
    who = page.locator("#who").inner_text()
    for one in (*holding.person.names, *holding.person.phones, *holding.person.devices):
        assert one.value in who
    assert holding.person.subject_id in page.locator("main").inner_text()
    assert len(holding.delivered) == page.locator("#delivered tbody tr").count() > 0
    assert (holding.consent.research is not None) == (
        "consents to research" in page.locator("#consent").inner_text()
    )


def test_nothing_is_held(tab: Callable[..., Any]) -> None:
    page = tab("privacy")
    look_up(page, "nobody@nowhere.example")
    assert page.locator("#nothing").is_visible()
    assert "landing.quarantine" in page.locator("main").inner_text()
    assert page.locator("#forgotten").count() == 0
    assert page.get_by_role("button", name="See what forgetting").count() == 0


@pytest.mark.parametrize("email", ["", "   ", "no address", "@"])
@pytest.mark.parametrize("path", ["person", "export", "foresee"])
def test_what_is_no_address_is_refused(clients: dict[str, Client], path: str, email: str) -> None:
    answer = clients["privacy"].form(f"/privacy/{path}", email=email)
    assert answer.status_code == 400
    assert "address" in answer.text


def test_foreseeing_for_nobody_says_so(clients: dict[str, Client]) -> None:
    answer = clients["privacy"].form("/privacy/foresee", email="nobody@nowhere.example")
    assert (answer.status_code, "nothing is held" in answer.text) == (400, True)


def test_markup_in_what_was_delivered_stays_text(tab: Callable[..., Any]) -> None:
    page = tab("privacy")
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    look_up(page, WALKED_IN)
    assert MARKUP in page.locator("#who").inner_text()
    assert page.locator("h1").inner_text() == WALKED_IN
    assert page.locator("main script, main img, main [onload]").count() == 0


def test_an_address_stays_out_of_log_links_titles_and_storage(
    tab: Callable[..., Any], server: Server, master: Path
) -> None:
    email = somebody(master / "lake")
    page = tab("privacy")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    look_up(page, email)
    page.get_by_role("button", name="See what forgetting").click()
    page.get_by_role("heading", name="What it means").wait_for(timeout=FAR)
    name = email.partition("@")[0]
    assert name not in page.title() + page.url + "".join(asked)
    assert name not in page.evaluate("JSON.stringify([localStorage, sessionStorage])")
    assert name not in server.log.read_text()


# The copy


def test_the_copy_is_that_of_the_command_line(
    tab: Callable[..., Any], server: Server, master: Path
) -> None:
    email = somebody(master / "lake")
    page = tab("privacy")
    look_up(page, email)
    with page.expect_download() as waited:
        page.get_by_role("button", name="Export").click()
    assert waited.value.suggested_filename == "personal-data.json"
    copy = json.loads(Path(waited.value.path()).read_text("utf-8"))
    command = [sys.executable, "-m", "stedi", "subject", "show", email, "--format", "json"]
    done = subprocess.run(
        [*command, "--lake", str(server.lake)], capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout)
    assert copy.pop("made") >= told.pop("made")[:10]
    assert copy == told
    assert sum(map(len, copy["rows"].values())) > 100


def test_the_pages_of_a_person_are_accessible_and_fit_a_phone(
    tab: Callable[..., Any], master: Path
) -> None:
    page = tab("privacy", viewport={"width": 360, "height": 740}, color_scheme="dark")
    look_up(page, somebody(master / "lake"))
    _fits(page)
    page.get_by_role("button", name="See what forgetting").click()
    page.get_by_role("heading", name="What it means").wait_for(timeout=FAR)
    _fits(page)


def _fits(page: Any) -> None:
    assert violations(page) == {}
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
