"""A small lake of simulated feeds, and queries asked of it as the console would."""

from __future__ import annotations

import pytest

import stedi
from sandbox.asking import Small
from stedi.sandbox.confine import missing
from stedi.simulate import simulate


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
