"""The overview: the same figures as `stedi account`, what a reason leads to, nobody else's rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import stedi
from console.serving import Client
from stedi.checks import Result
from stedi.console.board import Board
from stedi.console.state import Seat
from stedi.console.views.overview import seen_checks
from stedi.contract.roles import find_role


def test_the_figures_are_those_of_the_account(tab: Callable[..., Any], master: Path) -> None:
    page = tab("engineer")
    page.goto("/")
    with stedi.open(master / "lake") as lake:
        account = lake.account()
    for line in account:
        row = page.locator(f'#account tr[data-table="{line.table}"]')
        told = [row.locator(f'[data-figure="{name}"]').inner_text() for name in ("in", "out")]
        assert told == [f"{line.rows_in:,}", f"{line.rows_out:,}"]
        shown = row.locator('[data-figure="excluded"]').inner_text()
        assert shown == f"{sum(line.excluded.values()):,}"
        for reason, rows in line.excluded.items():
            assert f"{rows:,} {reason}" in row.inner_text()
        assert f"{line.stored:,} rows" in page.locator("svg.flow").text_content()


def test_a_reason_leads_to_its_days(tab: Callable[..., Any], master: Path) -> None:
    page = tab("engineer")
    page.goto("/")
    with stedi.open(master / "lake") as lake:
        line = next(one for one in lake.account() if one.table == "trusted.accelerometer_trusted")
    reason, rows = max(line.excluded.items(), key=lambda pair: pair[1])
    page.locator(f'svg a[data-reason="{reason}"][data-table="accelerometer_trusted"]').click()
    page.get_by_text(re.compile(rf"^{rows:,} rows on \d+ days$")).wait_for()


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("accelerometer_trusted", "no such reason"),
        ("nothing", "no research consent"),
        ("../../etc/passwd", "x"),
    ],
)
def test_unknown_reasons_are_not_counted(
    clients: dict[str, Client], table: str, reason: str
) -> None:
    answer = clients["engineer"].get("/api/excluded", params={"table": table, "reason": reason})
    assert (answer.status_code, list(answer.json())) == (404, ["error"])


def test_a_scientist_sees_the_curated_tables_alone(clients: dict[str, Client]) -> None:
    text = clients["scientist"].get("/").text
    assert "machine_learning_curated" in text
    links = set(re.findall(r'href="/tables/([^"]+)"', text))
    assert {link.rpartition(".")[2] for link in links} == {
        "customers_curated",
        "machine_learning_curated",
    }
    asked = {"table": "accelerometer_trusted", "reason": "no research consent"}
    assert clients["scientist"].get("/api/excluded", params=asked).status_code == 404


def test_an_example_of_a_broken_check_is_for_those_who_see_its_columns() -> None:
    told = Result("curated.customers_curated", "x", False, "fail", "1 rows, such as ada@test.com")
    board = Board(checks=[told, replace(told, table="trusted.customer_trusted")])
    details = {}
    for role in ("scientist", "engineer"):
        console = SimpleNamespace(boards=SimpleNamespace(now=board))
        session = SimpleNamespace(role=find_role(role))
        seen = seen_checks(Seat(console, session))  # type: ignore[arg-type]
        details[role] = [one.detail for one in seen or ()]
    assert details == {"scientist": ["1 rows"], "engineer": ["1 rows, such as ada@test.com"] * 2}
