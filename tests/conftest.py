"""Engines and lakes for every test."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from _pytest.nodeid import NodeId

import scratch
import sites
import sparks
import stedi
from helpers import ENGINES, Landings
from s3.server import S3Server, need_server
from stedi.api import Lake
from stedi.engines.base import Engine
from stedi.places import Place

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def pytest_configure(config: pytest.Config) -> None:
    """What tests say of the places where they run; xdist's workers write where it does."""
    if not hasattr(config, "workerinput"):
        scratch.in_memory(config)
    for mark in (
        "on_s3: runs on S3 as well, always (others: STEDI_S3=all)",
        "on_disk(why): is about files of a disk, never on S3",
        "on_request: of S3, for STEDI_S3=all alone",
    ):
        config.addinivalue_line("markers", mark)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, object, object]:
    """Leave out what runs on Spark by request only; the summary tells how much.

    All that runs on it goes to one worker: another would start and warm up one more. So does
    every group that other folders name; xdist 3.8 writes them where pytest 9.2 does not look.
    """
    for item in items:
        if sparks.on_spark(item):
            item.add_marker(pytest.mark.timeout(600))
            item.add_marker(pytest.mark.xdist_group("spark"))
    left = [item for item in items if sparks.on_request(item) or sites.on_request(item)]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in set(left)]
    done = yield
    if hasattr(config, "workerinput"):
        for item in items:
            if group := item.get_closest_marker("xdist_group"):
                item._id = NodeId.parse(f"{item.nodeid}@{group.args[0]}")
    return done


def pytest_collection_finish() -> None:
    """What is loaded by now stays: no collection of garbage need look through it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", params=ENGINES)
def engine_name(request: pytest.FixtureRequest) -> str:
    """Every engine in turn; the behaviour is the same."""
    if request.param == "spark":
        request.getfixturevalue("spark")
    return request.param


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """One small Spark for all tests of this process, or why there is none."""
    if why := sparks.missing():
        pytest.skip(why)
    session = sparks.start(tmp_path_factory.mktemp("events"))
    yield session
    session.stop()


@pytest.fixture(scope="session")
def engine(engine_name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine without a lake."""
    made: Engine
    if engine_name == "spark":
        from stedi.engines.spark import SparkEngine

        made = SparkEngine(stedi.create(tmp_path_factory.mktemp("spark") / "lake").home)
    else:
        from stedi.engines.duckdb.engine import DuckDBEngine

        made = DuckDBEngine("600MB", tmp_path_factory.mktemp("scratch"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def landings(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Landings:
    """Lands single files through the engine's port."""
    return Landings(engine, tmp_path_factory.mktemp("landings"))


@pytest.fixture
def site(tmp_path: Path) -> Place:
    """Where the test keeps its lakes: its folder, unless its own fixture says otherwise."""
    return tmp_path


@pytest.fixture
def new_lake(engine_name: str, site: Place) -> Iterator[Callable[..., Lake]]:
    """Make lakes at the test's place, closed when it ends."""
    with ExitStack() as stack:

        def make(name: str = "lake", consent: str = "since") -> Lake:
            return stack.enter_context(sites.create(site / name, consent, engine_name))

        yield make


@pytest.fixture
def lake(new_lake: Callable[..., Lake]) -> Lake:
    """An empty lake with the policy `since`."""
    return new_lake()


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    """An empty landing folder with a folder for each feed."""
    for feed in ("customer", "accelerometer", "step_trainer"):
        (tmp_path / "landing" / feed).mkdir(parents=True)
    return tmp_path / "landing"


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server for all tests of this process; who kills it must start it again."""
    need_server()
    server = S3Server(tmp_path_factory.mktemp("s3"))
    try:
        server.start()
        yield server
    finally:
        server.kill()  # its objects go too: it need not write down anything


@pytest.fixture
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that AWS's clients would find in the environment; no proxy before 127.0.0.1."""
    sites.surround(monkeypatch)


@pytest.fixture
def bucket(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new bucket, in an environment in which its owner finds it."""
    return sites.new_bucket(s3, monkeypatch)
