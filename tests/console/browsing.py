"""Debian's Chromium without a window, and somebody who signs in with it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from console.serving import Server

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
    return shutil.which("chromium")


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


def sign_in(context: Any, server: Server, role: str) -> Any:
    """A page of the context, signed in with a new token of that role."""
    page = context.new_page()
    page.goto("/sign-in")
    page.get_by_label("Token").fill(server.token(role))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Overview").wait_for(timeout=10_000)
    return page


def bad(message: Any) -> bool:
    """Errors of scripts and of the content policy; an answer with an error status is none."""
    return message.type == "error" and "Failed to load resource" not in message.text
