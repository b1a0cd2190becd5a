"""Spark and the lake write one table by turns, by the settings that the lake gives Spark."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest

import stedi
from catalogs.conftest import Shared, keep_in
from catalogs.servers import AWS
from catalogs.test_lakes import append, emails
from stedi.api import Lake
from stedi.engines.spark.packages import coordinates
from stedi.errors import LakeBusyError
from stedi.lake.catalog import NAME, namespace, spark_properties
from stedi.lake.home import Home

FOLDERS = (Path(sys.prefix) / "jars", Path.home() / ".m2" / "repository")
TABLE = "customer_landing"
CATALOGS = {"sqlite": NAME, "rest": "by_rest", "glue": "by_glue"}  # their names in Spark
SCRIPT = """
import json, sys
from pyspark.sql import SparkSession

asked = json.loads(sys.stdin.read())
builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
for key, value in asked["settings"].items():
    builder = builder.config(key, value)
spark = builder.getOrCreate()
found = {}
for kind, table in asked["tables"].items():
    before = [row[0] for row in spark.sql(f"SELECT email FROM {table}").collect()]
    spark.sql(f"INSERT INTO {table} (email) VALUES ('by spark')")
    after = [row[0] for row in spark.sql(f"SELECT email FROM {table} ORDER BY 1").collect()]
    found[kind] = [before, after]
print(json.dumps(found))
"""


@dataclass
class Turns:
    """What Spark found before and after its own commit, and the lakes, by kind of catalog."""

    lakes: dict[str, Lake] = field(default_factory=dict)
    found: dict[str, list[list[str]]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def turns(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Turns]:
    """One Spark session that takes its turn at a lake of each kind."""
    if find_spec("pyspark") is None:
        pytest.skip("no pyspark: it comes with stedi-lakehouse[spark]")
    turns = Turns()
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        for name, value in AWS.items():
            patch.setenv(name, value)
        for kind in CATALOGS:
            root = tmp_path_factory.mktemp(kind) / "lake"
            try:
                turns.lakes[kind] = stack.enter_context(begun(kind, request, root))
            except pytest.skip.Exception as why:
                turns.skipped[kind] = str(why)
        if turns.lakes:
            turns.found = ask_spark(turns.lakes)
        yield turns


def begun(kind: str, request: pytest.FixtureRequest, root: Path) -> Lake:
    """A lake with one table of one row."""
    shared: Shared | None = None if kind == "sqlite" else request.getfixturevalue(kind)
    stedi.create(root).close()
    keep_in(root, shared.section() if shared else "")
    lake = stedi.open(root)
    jars(lake.home)
    lake.store.prepare()
    lake.store.table(TABLE).ensure()
    append(lake.store.table(TABLE), "first")
    return lake


def jars(home: Home) -> list[str]:
    """What Spark needs for a lake, from where it lies on this machine."""
    return [_jar(package) for package in coordinates(home.catalog_policy.type)]


def _jar(package: str) -> str:
    _, name, version = package.split(":")
    found = (path for folder in FOLDERS for path in folder.rglob(f"{name}-{version}.jar"))
    jar = next(found, None)
    if jar is None:
        pytest.skip(f"no {package} on this machine: `make jars` fetches it")
    return str(jar)


def ask_spark(lakes: dict[str, Lake]) -> dict[str, list[list[str]]]:
    settings = {"spark.jars": ",".join({jar for lake in lakes.values() for jar in jars(lake.home)})}
    for kind, lake in lakes.items():
        catalog = f"spark.sql.catalog.{CATALOGS[kind]}"
        settings[catalog] = "org.apache.iceberg.spark.SparkCatalog"
        settings |= {f"{catalog}.{k}": v for k, v in spark_properties(lake.home).items()}
    tables = {
        kind: f"{CATALOGS[kind]}.{namespace(lake.home, 'landing')}.{TABLE}"
        for kind, lake in lakes.items()
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps({"settings": settings, "tables": tables}),
        env=os.environ | {"SPARK_LOCAL_IP": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[list[str]]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("kind", CATALOGS)
def test_spark_and_the_lake_take_turns(kind: str, turns: Turns) -> None:
    if kind in turns.skipped:
        pytest.skip(turns.skipped[kind])
    lake, (before, after) = turns.lakes[kind], turns.found[kind]
    assert before == ["first"]
    assert after == ["by spark", "first"]

    with pytest.raises(LakeBusyError, match="another writer"):
        append(lake.store.table(TABLE), "too late")  # it has not seen Spark's commit
    lake.store.forget()
    assert emails(lake) == ["by spark", "first"]
    append(lake.store.table(TABLE), "second")
    lake.store.forget()
    assert emails(lake) == ["by spark", "first", "second"]
