"""Every page for everybody: axe-core finds nothing, the keyboard reaches it, it fits a phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

PAGES = (
    ("engineer", "/"),
    ("engineer", "/tables"),
    ("engineer", "/tables/landing.customer_landing"),
    ("scientist", "/tables/curated.machine_learning_curated"),
    ("scientist", "/sql"),
    ("scientist", "/signals"),
    ("engineer", "/runs"),
    ("privacy", "/privacy"),
    ("engineer", "/no/such/page"),
)
NARROW = {"width": 360, "height": 740}


def seen(page: Any, path: str) -> None:
    page.goto(path)
    page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(tab: Callable[..., Any], scheme: str) -> None:
    found = {}
    for role in dict.fromkeys(role for role, _ in PAGES):
        page = tab(role, color_scheme=scheme)
        for path in (path for one, path in PAGES if one == role):
            seen(page, path)
            broken = Axe().run(page).response["violations"]
            found |= {(path, one["id"]): [n["html"][:120] for n in one["nodes"]] for one in broken}
    assert found == {}


def test_pages_fit_a_phone(tab: Callable[..., Any]) -> None:
    for role in dict.fromkeys(role for role, _ in PAGES):
        page = tab(role, viewport=NARROW)
        for path in (path for one, path in PAGES if one == role):
            seen(page, path)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= NARROW["width"], path


def test_the_keyboard_skips_to_the_content_and_reaches_every_page(tab: Callable[..., Any]) -> None:
    page = tab("engineer")
    page.goto("/runs")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.goto("/runs")
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim()"))
    assert {"Overview", "Tables", "SQL", "Signals", "Runs", "Sign out"} <= set(reached)


def test_light_and_dark_are_chosen_and_remembered(tab: Callable[..., Any]) -> None:
    page = tab("engineer", color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(ground)
    page.get_by_role("button", name="Switch between light and dark").click()
    after = page.evaluate(ground)
    assert after != before
    page.reload()
    assert page.evaluate(ground) == after
