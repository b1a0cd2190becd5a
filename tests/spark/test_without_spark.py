"""Where Spark cannot be had, people are told what is missing and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

import stedi
from helpers import deliver, record
from stedi.engines.spark import packages, start
from stedi.errors import UsageError


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A process in which no Spark runs."""
    monkeypatch.delenv(start.JARS_VARIABLE, raising=False)
    return monkeypatch


def test_without_pyspark_it_says_what_to_install(alone: pytest.MonkeyPatch):
    alone.setattr(start, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'stedi-lakehouse\[spark\]'"):
        start.running()


def test_without_java_it_says_what_to_install(alone: pytest.MonkeyPatch, tmp_path: Path):
    alone.setenv("PATH", str(tmp_path))
    alone.delenv("JAVA_HOME", raising=False)
    with pytest.raises(UsageError, match="needs Java 17"):
        start.requirements(stedi.create(tmp_path / "lake").home)


def test_jars_that_are_not_there_are_named(alone: pytest.MonkeyPatch, tmp_path: Path):
    alone.setattr(start, "_need_java", lambda: None)
    alone.setenv(start.JARS_VARIABLE, f"{tmp_path / 'gone.jar'}")
    with pytest.raises(UsageError, match=r"no such file: .*gone\.jar"):
        start.requirements(stedi.create(tmp_path / "lake").home)


def test_the_lake_stays_as_it_was(alone: pytest.MonkeyPatch, landing: Path, tmp_path: Path):
    alone.setattr(start, "find_spec", lambda name: None)
    deliver(landing, "customer", "1.json", [record("customer")])
    with stedi.create(tmp_path / "lake", engine="spark") as lake:
        with pytest.raises(UsageError, match="pip install"):
            lake.run(landing)
        assert lake.account() == stedi.open(tmp_path / "lake").account()
    with stedi.open(tmp_path / "lake") as lake:
        assert lake.run(landing).landed["customer"].landed == 1


@pytest.mark.parametrize("catalog", ["sqlite", "rest", "glue"])
def test_every_catalog_has_its_packages(catalog: str):
    found = packages.coordinates(catalog)
    assert found[0] == packages.RUNTIME
    assert all(len(one.split(":")) == 3 for one in found)
