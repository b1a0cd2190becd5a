"""One lake with a REST catalog and a past, and one Trino that reads it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import stedi
from catalogs.servers import rest_catalog
from stedi.api import Lake
from stedi.simulate import Simulated, simulate
from trino.server import Trino, trino

PREFIX = "team_"


@pytest.fixture(scope="session")
def feeds(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """Feeds of ten people for some seconds of two days, some lines malformed."""
    folder = tmp_path_factory.mktemp("feeds") / "landing"
    return simulate(folder, people=10, days=2, minutes=0.1, dirty=0.05)


@pytest.fixture(scope="session")
def rest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a REST catalog."""
    with rest_catalog(tmp_path_factory.mktemp("rest") / "rows.db") as addresses:
        yield addresses[0]


@pytest.fixture(scope="session")
def server(rest: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trino]:
    """Trino over that catalog."""
    with trino(rest, tmp_path_factory.mktemp("trino")) as started:
        yield started


@pytest.fixture(scope="session")
def lake(
    server: Trino, rest: str, feeds: Simulated, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lake]:
    """A lake with all its tables: some feeds landed, a person forgotten, the others landed."""
    root = tmp_path_factory.mktemp("filled") / "lake"
    landing = tmp_path_factory.mktemp("landing")
    with pytest.MonkeyPatch.context() as patch:
        clear(patch)
        stedi.create(root).close()
        with (root / "stedi.toml").open("a") as policy:
            policy.write(f'\n[catalog]\ntype = "rest"\nuri = "{rest}"\nprefix = "{PREFIX}"\n')
        opened = stedi.open(root)
        deliver(feeds, landing, "2026-01-0[45]*")
        opened.run(landing)
        (person,) = opened.sql("SELECT min(email) AS email FROM customer_trusted")
        opened.forget([person["email"]])
        deliver(feeds, landing, "*")
        opened.run(landing)
    with opened:
        yield opened


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine's own settings."""
    clear(monkeypatch)


def clear(patch: pytest.MonkeyPatch) -> None:
    """No AWS, no other lake, no proxy on the way to 127.0.0.1."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "STEDI_")) or "PROXY" in name.upper():
            patch.delenv(name)


def deliver(feeds: Simulated, landing: Path, pattern: str) -> None:
    """Copy the files of some days that are not there yet."""
    for file in feeds.out.glob(f"*/{pattern}"):
        there = landing / file.parent.name / file.name
        if file.parent.name != "truth" and not there.exists():
            there.parent.mkdir(exist_ok=True)
            shutil.copy(file, there)
