"""One simulated lake and one console for all tests that change nothing; a browser to look at it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import sites
import stedi
from console.browsing import bad, installed, launched
from console.serving import Client, Server, serving
from stedi.simulate import simulate

ROLES = ("engineer", "scientist", "privacy")
MARKUP = "<script>alert('walked in')</script>"


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All to one worker, which makes lakes, console and browser once."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.xdist_group("console"))


@pytest.fixture(scope="session")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with feeds and a lake of two runs: simulated people, and one called <script>."""
    root = tmp_path_factory.mktemp("console")
    simulate(root / "feeds", people=30, days=2, minutes=1, seed=7, dirty=0.002)
    with stedi.create(root / "lake") as lake:
        lake.run(root / "feeds")
        _markup(root / "feeds")
        lake.run(root / "feeds")
    return root


def _markup(feeds: Path) -> None:
    """A customer whose name, telephone and address try to be HTML, and a line that is none."""
    record = {
        "customerName": MARKUP,
        "email": '"><img src=x onerror=alert(1)>@test.com',
        "phone": "'\"><svg onload=alert(2)>",
        "birthDay": "1980-01-01",
        "serialNumber": "00000000-0000-4000-8000-000000000001",
        "registrationDate": 1655293787680,
        "lastUpdateDate": 1655293787680,
        "shareWithResearchAsOfDate": 1655293787680,
    }
    lines = [json.dumps(record), MARKUP, '{"email": "=cmd|calc@test.com"}']
    (feeds / "customer" / "markup.json").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def changing(master: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lake of one run over the master's feeds, and a copy of it put aside."""
    root = tmp_path_factory.mktemp("changing")
    shutil.copytree(master / "feeds", root / "work" / "feeds")
    with stedi.create(root / "work" / "lake") as lake:
        lake.run(root / "work" / "feeds")
    sites.keep(root)
    return root


@pytest.fixture
def lake_folder(changing: Path) -> Path:
    """Feeds and lake of one test's own, to change; at one place for all, which its files name."""
    sites.restore(changing)
    return changing / "work"


@pytest.fixture(scope="session")
def server(master: Path) -> Iterator[Server]:
    """A console over the master lake, for tests that change nothing."""
    with serving(master / "lake", master / "serve.log") as running:
        yield running


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A console over a lake without rows."""
    root = tmp_path_factory.mktemp("empty")
    stedi.create(root / "lake").close()
    with serving(root / "lake", root / "log") as running:
        yield running


@pytest.fixture(scope="session")
def clients(server: Server) -> dict[str, Client]:
    """Somebody of every role, signed in."""
    return {role: server.signed_in(role) for role in ROLES}


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's Chromium without a window; skips where it is not installed."""
    if installed() is None:
        pytest.skip("no Chromium is installed: apt-get install chromium-headless-shell")
    with launched() as browser:
        yield browser


@pytest.fixture
def tab(chromium: Any, server: Server) -> Iterator[Callable[..., Any]]:
    """An empty page signed in as a role; afterwards no script may have failed, no policy broken."""
    contexts, said = [], []

    def opened(role: str = "engineer", at: Server = server, **options: Any) -> Any:
        context = chromium.new_context(base_url=at.url, **options)
        contexts.append(context)
        context.add_cookies(at.cookies(role) if role else [])
        context.on("weberror", lambda error: said.append(str(error.error)))
        context.on("console", lambda message: said.append(message.text) if bad(message) else None)
        return context.new_page()

    yield opened
    for context in contexts:
        context.close()
    assert not said
