"""Debian's Chromium without a window, somebody who signs in with it, what axe-core finds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

BROWSERS = ("chromium-headless-shell", "chromium")  # the one without windows is lighter by far
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def installed() -> str | None:
    """Where the browser is."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextmanager
def launched() -> Iterator[Any]:
    """A browser, ended at the end."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed(), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def sign_in(page: Any, token: str) -> None:
    """Type a token, and wait to be in."""
    page.goto("/sign-in")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Overview").wait_for(timeout=10_000)


def violations(page: Any) -> dict[str, list[str]]:
    """What axe-core finds on a page: the HTML by rule."""
    from axe_playwright_python.sync_playwright import Axe

    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(Axe().axe_script)
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    return {one["id"]: [node["html"][:120] for node in one["nodes"]] for one in found}


def bad(message: Any) -> bool:
    """Errors of scripts and of the content policy; an answer with an error status is none."""
    return message.type == "error" and "Failed to load resource" not in message.text
