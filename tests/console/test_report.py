"""The report: one file that needs nothing else, with the lake's figures and nobody's values."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import stedi
from console.browsing import violations
from console.conftest import ROLES
from stedi.console import report as reports
from stedi.console.report import report, writable_path, write
from stedi.contract.queries import SavedQuery, load_queries
from stedi.contract.roles import find_role
from stedi.errors import LakeError, StorageError, UsageError
from stedi.sandbox import runner

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """The tags of a page; AssertionError where one closes another."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()

    def values(self, name: str) -> list[str]:
        """Every value of an attribute."""
        return [attrs[name] for _, attrs in self.tags if name in attrs]


def _made(lake: Path, role: str) -> str:
    """The report, made in a thread of its own: a browser's event loop may be in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(report, lake, find_role(role)).result()


@pytest.fixture(scope="module")
def pages(master: Path) -> dict[str, Page]:
    """The report of every role."""
    return {role: Page(_made(master / "lake", role)) for role in ROLES}


@pytest.mark.parametrize("role", ROLES)
def test_it_needs_nothing_else(pages: dict[str, Page], role: str) -> None:
    page = pages[role]
    assert {tag for tag, _ in page.tags} & {
        "script",
        "link",
        "img",
        "iframe",
        "form",
        "use",
    } == set()
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert page.values("src") == page.values("action") == []
    assert {link[0] for link in page.values("href")} == {"#"}
    assert not re.findall(r"url\(|@import|https?:(?!//www\.w3\.org/2000/svg)", page.text)
    assert page.values("content")[0] == "default-src 'none'; style-src 'unsafe-inline'"


@pytest.mark.parametrize("role", ROLES)
def test_its_anchors_lead_somewhere(pages: dict[str, Page], role: str) -> None:
    page = pages[role]
    ids = Counter(page.values("id"))
    assert set(ids.values()) == {1}
    assert {link[1:] for link in page.values("href")} <= set(ids)
    assert set(page.values("aria-labelledby")) <= set(ids)
    for section in ("overview", "the-account", "checks", "tables", "lineage", "runs", "queries"):
        assert f"#{section}" in page.values("href")
    assert "#policy" in page.values("href")


@pytest.mark.parametrize("role", ROLES)
def test_nobody_is_in_it(pages: dict[str, Page], role: str, master: Path) -> None:
    text = pages[role].text.lower()
    with stedi.open(master / "lake") as lake:
        customers = list(lake.table("customer_landing"))
        subjects = lake.sql("SELECT DISTINCT subject_id FROM machine_learning_curated")
        values = {row["subject_id"] for row in subjects}
    for name in ("email", "customername", "phone", "serialnumber"):
        values |= {row[name].strip().lower() for row in customers}
    assert len(values) > 100
    assert not [value for value in values if value in text]
    assert not re.findall(r"[\w.]+@[\w]+\.\w+", text)
    assert str(master) not in text
    assert str(Path.home()) not in text


@pytest.mark.parametrize("role", ["engineer", "scientist"])
def test_the_figures_are_those_of_the_lake(
    pages: dict[str, Page], role: str, master: Path, chromium: Any
) -> None:
    with stedi.open(master / "lake") as lake:
        seen = {table.full_name for table in find_role(role).tables()}
        account = [line for line in lake.account() if line.table in seen]
        checks = [one for one in lake.check() if one.table in seen | {"all tables"}]
        runs = [row for row in lake.table("runs") if row["table"] in seen]
        counts = {one.table: one.rows for one in lake.status() if one.table in seen}
        ranges = list(lake.sql(_saved("acceleration_ranges").sql))
    page = _opened(chromium, pages[role].text)
    shown = page.locator("#account tr[data-table]")
    assert shown.count() == len(account)
    for line in account:
        row = page.locator(f'#account tr[data-table="{line.table}"]')
        figures = [row.locator(f'[data-figure="{one}"]').inner_text() for one in ("in", "out")]
        assert figures == [f"{line.rows_in:,}", f"{line.rows_out:,}"]
        assert all(f"{n:,} {why}" in row.inner_text() for why, n in line.excluded.items())
    assert page.locator("#checked tbody tr").count() == len(checks)
    assert page.locator("table.run-steps tbody tr").count() == len(runs)
    for table, rows in counts.items():
        section = page.locator(f'section[aria-labelledby="table-{table}"]')
        assert f"{rows:,} rows" in section.inner_text()
    cells = page.locator('table[data-query="acceleration_ranges"] tbody tr').all()
    told = dict(row.locator("td").all_inner_texts()[:2] for row in cells)
    assert {axis: float(least) for axis, least in told.items()} == {
        row["axis"]: pytest.approx(row["least"]) for row in ranges
    }
    assert "proved" in page.locator('section[aria-labelledby="lineage"]').inner_text()


def _saved(name: str) -> SavedQuery:
    return next(query for query in load_queries() if query.name == name)


def _opened(chromium: Any, text: str, **options: Any) -> Any:
    page = chromium.new_context(**options).new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url))
    page.set_content(text)
    assert said == []
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_in_a_browser(
    chromium: Any, pages: dict[str, Page], scheme: str, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    write(pages["engineer"].text, file)
    context = chromium.new_context(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: said.append(request.url))
    page.goto(file.as_uri())
    assert said == [file.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, re.findall(r"\d+", ground))) < 60) == (scheme == "dark")
    page.get_by_role("link", name="Saved queries").click()
    assert page.url.endswith("#queries")
    page.emulate_media(media="print")
    assert len(page.pdf()) > 50_000
    context.close()


def test_axe_finds_nothing(chromium: Any, pages: dict[str, Page], tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    policy = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
    write(policy.sub("", pages["engineer"].text), file)  # it keeps axe out, too
    page = chromium.new_page(color_scheme="dark")
    page.goto(file.as_uri())
    assert violations(page) == {}
    page.close()


def test_a_scientist_is_told_of_the_curated_tables_alone(pages: dict[str, Page]) -> None:
    text = pages["scientist"].text
    assert not re.findall(r"(?:table|chart|freshness)-(?:landing|trusted|ops)", text)
    assert {name.partition(".")[0] for name in pages["scientist"].values("data-table")} == {
        "curated"
    }
    dictionary = text.partition('id="table-curated.customers_curated"')[2].partition("<pre>")[0]
    assert '<th scope="row">registrationdate</th>' in dictionary
    assert '<th scope="row">email</th>' not in dictionary
    lineage = text.partition('id="lineage"')[2].partition("</section>")[0]
    assert "a withheld column" in lineage
    assert "email" not in lineage


def test_queries_that_would_show_people_are_left_out_with_the_reason(
    pages: dict[str, Page],
) -> None:
    text = pages["privacy"].text
    told = {
        name: text.partition(f'id="query-{name}"')[2].partition("</section>")[0]
        for name in (query.name for query in load_queries())
    }
    out = {name: part for name, part in told.items() if "No result here" in part}
    assert "identifies people: email" in out.pop("customers_delivered_again")
    assert "identifies people: email, serialnumber" in out.pop("devices_claimed_by_several")
    assert "may quote delivered lines" in out.pop("quarantined_lines")
    assert "one by one, by subject_id" in out.pop("subjects_by_readings")
    assert out == {}


def test_without_a_sandbox_there_are_no_results_and_the_reason(
    master: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "missing", lambda: "this machine cannot confine a query")
    text = _made(master / "lake", "scientist")
    assert "No result here: this machine cannot confine a query" in text
    assert "data-query" not in text


def test_a_changed_lake_is_told(
    pages: dict[str, Page], master: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = "The lake changed while this was made"
    assert changed not in pages["scientist"].text
    monkeypatch.setattr(reports.Boards, "look", _looked_before)
    assert changed in _made(master / "lake", "scientist")


async def _looked_before(boards: Any, now: bool = False) -> Any:
    from dataclasses import replace

    from stedi.console.board import _look

    return replace(_look(boards._root, boards.now, now), version="another")


def test_an_empty_lake_has_a_report(tmp_path: Path) -> None:
    stedi.create(tmp_path / "lake").close()
    page = Page(_made(tmp_path / "lake", "engineer"))
    assert "Nothing has been landed yet" in page.text


def _run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stedi", "report", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_writes_the_file_whole_and_over_an_older_one(
    master: Path, tmp_path: Path
) -> None:
    out = tmp_path / "report.html"
    out.write_text("older")
    done = _run("--lake", master / "lake", "--role", "scientist", "--out", out)
    assert (done.returncode, done.stdout) == (0, "")
    assert "wrote the report of the role scientist" in done.stderr
    assert "As the role scientist sees it" in Page(out.read_text("utf-8")).text
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    ("name", "why"),
    [("report.pdf", "must end in .html"), ("no/report.html", "no such folder")],
)
def test_bad_paths_are_refused_before_anything_is_read(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        writable_path(tmp_path / name)
    (tmp_path / "there.html").mkdir()
    with pytest.raises(UsageError, match="a folder"):
        writable_path(tmp_path / "there.html")


def test_a_full_disk_leaves_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "report.html"
    out.write_text("older")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(reports.os, "fsync", full)
    with pytest.raises(StorageError):
        write("newer", out)
    assert (out.read_text(), [one.name for one in tmp_path.iterdir()]) == ("older", ["report.html"])


def test_there_must_be_a_lake(tmp_path: Path) -> None:
    with pytest.raises(LakeError):
        _made(tmp_path / "none", "engineer")
