"""A small lake of simulated feeds, and queries asked of it as the console would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import stedi
from sandbox.asking import Shared, Small
from stedi.sandbox.confine import missing
from stedi.simulate import simulate


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All to one worker, which makes lake and sandbox once.

    The console's tests are there, too: they would miss their times while bombs go off beside.
    """
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.xdist_group("console"))


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """A filled lake, its folder's name with blanks in it."""
    where = tmp_path_factory.mktemp("a small lake")
    fed = simulate(where / "out", people=30, minutes=0.02, days=1, dirty=0.2, seed=11)
    with stedi.create(where / "lake") as lake:
        lake.run(fed.out)
    link = where / "link"
    link.symlink_to(where / "lake" / "pseudonym.key")
    return Small(where / "lake", link)


@pytest.fixture(scope="session")
def confined() -> None:
    """Skips, with the reason, where no process can be confined."""
    if why := missing():
        pytest.skip(why)


@pytest.fixture(scope="session")
def shared(confined: None) -> Iterator[Shared]:
    """One sandbox for all tests that leave it as they found it."""
    made = Shared()
    yield made
    made.close()
