"""Spark and the lake write one table by turns, by the settings that the lake gives Spark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import sparks
import stedi
from catalogs.conftest import Shared, keep_in
from catalogs.servers import AWS
from catalogs.test_lakes import append, emails
from stedi.api import Lake
from stedi.engines.spark.packages import coordinates
from stedi.errors import LakeBusyError
from stedi.lake.catalog import NAME, namespace, spark_properties
from stedi.lake.home import Home

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TABLE = "customer_landing"
CATALOGS = {"sqlite": NAME, "rest": "by_rest", "glue": "by_glue"}  # their names in Spark
# A JVM does not see variables that are set after its start; these say the same to it.
IN_JAVA = {
    "aws.accessKeyId": AWS["AWS_ACCESS_KEY_ID"],
    "aws.secretAccessKey": AWS["AWS_SECRET_ACCESS_KEY"],
    "aws.region": AWS["AWS_REGION"],
    "aws.disableEc2Metadata": AWS["AWS_EC2_METADATA_DISABLED"],
}


@dataclass
class Turns:
    """What Spark found before and after its own commit, and the lakes, by kind of catalog."""

    lakes: dict[str, Lake] = field(default_factory=dict)
    found: dict[str, list[list[str]]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def turns(
    spark: SparkSession, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Turns]:
    """One Spark that takes its turn at a lake of each kind."""
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
            turns.found = ask_spark(spark, turns.lakes)
        yield turns


def begun(kind: str, request: pytest.FixtureRequest, root: Path) -> Lake:
    """A lake with one table of one row."""
    shared: Shared | None = None if kind == "sqlite" else request.getfixturevalue(kind)
    stedi.create(root).close()
    keep_in(root, shared.section() if shared else "")
    lake = stedi.open(root)
    need_jars(lake.home)
    lake.store.prepare()
    lake.store.table(TABLE).ensure()
    append(lake.store.table(TABLE), "first")
    return lake


def need_jars(home: Home) -> None:
    """Skip if this Spark has not what the lake needs."""
    there = {path.name for path in sparks.jars()}
    for package in coordinates(home.catalog_policy.type):
        _, name, version = package.split(":")
        if f"{name}-{version}.jar" not in there:
            pytest.skip(f"no {package} on this machine: `make jars` fetches it")


def ask_spark(spark: SparkSession, lakes: dict[str, Lake]) -> dict[str, list[list[str]]]:
    """What Spark finds in each table before and after a commit of its own."""
    found = {}
    with in_java(spark, IN_JAVA):
        for kind, lake in lakes.items():
            session = connected(spark, CATALOGS[kind], spark_properties(lake.home))
            table = f"{CATALOGS[kind]}.{namespace(lake.home, 'landing')}.{TABLE}"
            before = column(session, f"SELECT email FROM {table}")
            session.sql(f"INSERT INTO {table} (email) VALUES ('by spark')")
            found[kind] = [before, column(session, f"SELECT email FROM {table} ORDER BY 1")]
    return found


def connected(spark: SparkSession, name: str, properties: Mapping[str, str]) -> SparkSession:
    """A session with one catalog, by nothing but the settings that the lake gives Spark."""
    session = spark.newSession()
    prefix = f"spark.sql.catalog.{name}"
    session.conf.set(prefix, "org.apache.iceberg.spark.SparkCatalog")
    for key, value in properties.items():
        session.conf.set(f"{prefix}.{key}", value)
    return session


def column(session: SparkSession, sql: str) -> list[str]:
    return [row[0] for row in session.sql(sql).collect()]


@contextmanager
def in_java(spark: SparkSession, properties: Mapping[str, str]) -> Iterator[None]:
    """System properties of the JVM, while it lasts."""
    system: Any = spark.sparkContext._jvm.java.lang.System
    for key, value in properties.items():
        system.setProperty(key, value)
    try:
        yield
    finally:
        for key in properties:
            system.clearProperty(key)


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
