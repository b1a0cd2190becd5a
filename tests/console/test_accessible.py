"""Every page for everybody: axe-core finds nothing, the keyboard reaches it, it fits a phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from console.browsing import violations

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
NARROW, WIDE = {"width": 360, "height": 740}, {"width": 1280, "height": 720}


@pytest.mark.parametrize(("role", "path"), PAGES)
def test_a_page_fits_a_phone_and_axe_finds_nothing(
    tab: Callable[..., Any], role: str, path: str
) -> None:
    page = tab(role, viewport=NARROW, color_scheme="light")
    page.goto(path)
    page.wait_for_load_state("networkidle")
    wide = page.evaluate("document.documentElement.scrollWidth")
    page.set_viewport_size(WIDE)
    light = violations(page)
    page.emulate_media(color_scheme="dark")
    page.locator('html[data-theme="dark"]').wait_for(state="attached")
    found = {"light": light, "dark": violations(page), "fits": wide <= NARROW["width"]}
    assert found == {"light": {}, "dark": {}, "fits": True}


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
    page.goto("/")
    ground = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(ground)
    page.get_by_role("button", name="Switch between light and dark").click()
    after = page.evaluate(ground)
    assert after != before
    page.reload()
    assert page.evaluate(ground) == after
