"""Lakes on every catalog that a policy can name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

import sparks
import stedi
from catalogs.servers import AWS, glue_catalog, rest_catalog
from stedi.simulate import Simulated, simulate

HERE = Path(__file__).parent
_numbers = count()
KEY = "the same key for every lake of these tests"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker is enough for the servers; what needs Spark goes where Spark is."""
    for item in items:
        if HERE in item.path.parents and not sparks.on_spark(item):
            item.add_marker(pytest.mark.xdist_group("catalogs"))


@dataclass(frozen=True)
class Shared:
    """A running catalog: its type and address."""

    type: str
    uri: str

    def section(self) -> str:
        """A [catalog] for one more lake."""
        prefix = f"{os.getpid()}_{next(_numbers)}_"
        return f'[catalog]\ntype = "{self.type}"\nuri = "{self.uri}"\nprefix = "t{prefix}"\n'


@pytest.fixture(scope="session")
def rest_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Shared]]:
    """A REST catalog twice: one address asks for no token, the other does."""
    with rest_catalog(tmp_path_factory.mktemp("rest") / "rows.db") as addresses:
        yield [Shared("rest", uri) for uri in addresses]


@pytest.fixture(scope="session")
def rest(rest_pair: list[Shared]) -> Shared:
    """A REST catalog that asks for no token."""
    return rest_pair[0]


@pytest.fixture(scope="session")
def guarded(rest_pair: list[Shared]) -> Shared:
    """A REST catalog that asks for a token."""
    return rest_pair[1]


@pytest.fixture(scope="session")
def glue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """A Glue Data Catalog."""
    with glue_catalog(tmp_path_factory.mktemp("glue")) as uri:
        yield Shared("glue", uri)


@pytest.fixture(params=["rest", "glue"])
def shared(request: pytest.FixtureRequest) -> Shared:
    """Each of the catalogs that programs share, in turn."""
    found: Shared = request.getfixturevalue(request.param)
    return found


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS's usual variables, one key for all lakes, no proxy on the way to 127.0.0.1."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "STEDI_"))]:
        monkeypatch.delenv(name)
    for name in [name for name in os.environ if "PROXY" in name.upper()]:
        monkeypatch.delenv(name)
    for name, value in (AWS | {"STEDI_PSEUDONYM_KEY": KEY}).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def make_lake(tmp_path: Path) -> Callable[..., Path]:
    """Make a lake whose policy has this [catalog]; its folder."""

    def make(section: str, name: str = "lake") -> Path:
        stedi.create(tmp_path / name).close()
        keep_in(tmp_path / name, section)
        return tmp_path / name

    return make


def keep_in(lake: Path, section: str) -> None:
    """Write a [catalog] into a lake's policy that has none."""
    with (lake / "stedi.toml").open("a") as policy:
        policy.write("\n" + section)


@pytest.fixture(scope="session")
def feeds(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """Feeds of six people for three seconds of two days, some lines malformed."""
    folder = tmp_path_factory.mktemp("feeds") / "landing"
    return simulate(folder, people=6, days=2, minutes=0.05, dirty=0.05)
