"""A lake on S3 by Spark: the tables of the embedded engine, made and read there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import stedi
from helpers import SERIAL, T0, deliver, record, tables_of
from s3.server import OWNER, REGION
from stedi.api import Lake
from stedi.engines.spark import sql, start
from stedi.engines.spark.start import s3_settings
from stedi.places import S3Path

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# What Java would find in its environment, had it been started with that of the test.
IN_JAVA = {"aws.accessKeyId": OWNER[0], "aws.secretAccessKey": OWNER[1], "aws.region": REGION}


@pytest.fixture
def spark_on_s3(
    spark: SparkSession, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SparkSession]:
    """Spark, with the settings of one of our own that has to do with S3."""
    monkeypatch.setenv("STEDI_PSEUDONYM_KEY", "the key of lakes to compare")
    java: Any = spark.sparkContext._jvm.java.lang.System
    hadoop: Any = spark.sparkContext._jsc.hadoopConfiguration()
    for name, value in s3_settings(tmp_path).items():
        hadoop.set(name.removeprefix("spark.hadoop."), value)
    for name, value in IN_JAVA.items():
        java.setProperty(name, value)
    yield spark
    for name in IN_JAVA:
        java.clearProperty(name)


@pytest.fixture
def feeds(landing: Path) -> Path:
    """Two people with readings on two days."""
    for number, name in enumerate(("ada", "bob")):
        device = SERIAL[:-1] + str(number)
        days = [T0 + number, T0 + number + 86_400_000]
        email = f"{name}@test.com"
        deliver(landing, "customer", f"{name}.json", [
            record("customer", email=email, serialNumber=device)
        ])  # fmt: skip
        deliver(landing, "accelerometer", f"{name}.json", [
            record("accelerometer", user=email, timestamp=at) for at in days
        ])  # fmt: skip
        deliver(landing, "step_trainer", f"{name}.json", [
            record("step_trainer", serialNumber=device, sensorReadingTime=at) for at in days
        ])  # fmt: skip
    return landing


def upload(landing: Path, to: S3Path) -> str:
    """Put the files of a folder in a bucket; their address."""
    for file in landing.glob("*/*.json"):
        (to / file.parent.name / file.name).write_bytes(file.read_bytes())
    return str(to)


def on_s3(bucket: str, name: str, engine: str, tmp_path: Path) -> Lake:
    """An empty lake with a catalog on this machine."""
    policy = tmp_path / f"{name}.toml"
    file = tmp_path / f"{name}.db"
    policy.write_text(
        f'format = 1\nconsent = "since"\n[catalog]\ntype = "sqlite"\nfile = "{file}"\n'
    )
    return stedi.create(f"s3://{bucket}/{name}", engine=engine, policy=policy)


@pytest.mark.on_spark
def test_spark_makes_the_same_tables_on_s3(
    spark_on_s3: SparkSession,
    bucket: str,
    feeds: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (start, sql):  # as on a cluster, whose workers do not see this machine's disk
        monkeypatch.setattr(module, "scratch_of", lambda spark, home: home.shared_scratch)
    with (
        on_s3(bucket, "by-spark", "spark", tmp_path) as spark,
        on_s3(bucket, "by-duckdb", "duckdb", tmp_path) as duckdb,
    ):
        address = upload(feeds, S3Path(bucket, "landing"))
        for lake in (spark, duckdb):
            lake.run(address)
        assert tables_of(spark) == tables_of(duckdb)
        assert spark.table("machine_learning_curated").to_arrow().num_rows == 4
        left = [str(path) for path, _ in S3Path(bucket, "by-spark/scratch").below()]
        assert left == []
        assert not [path for path, stat in S3Path(bucket).below() if path.key.endswith("/")]
