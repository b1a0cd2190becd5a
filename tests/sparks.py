"""Spark for tests: where its jars are, what is missing, and which tests run on it."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

JARS = Path(sys.prefix) / "jars"
# All tests that can: STEDI_SPARK=all; by default those marked `on_spark`.
ALL = os.environ.get("STEDI_SPARK") == "all"
# A JVM of a test ends before what its second compiler makes has paid; the cache of the first one
# alone would be too small for Spark.
QUICK = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m -XX:ParallelGCThreads=1"
SMALL = {
    "spark.driver.memory": "1g",
    "spark.master": "local[1]",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.codegen.wholeStage": "false",  # compiling costs more than these rows
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.maxPlanStringLength": "500",  # nobody reads the plans that each query tells
}


def missing() -> str:
    """Why Spark cannot run here; empty if it can."""
    if find_spec("pyspark") is None:
        return "no Spark: pyspark is not installed"
    if not shutil.which("java"):
        return "no Spark: there is no java on the PATH"
    if len(jars()) < 2:
        return f"no Spark: its jars are not in {JARS.name}/ of the environment (make jars)"
    return ""


def jars() -> list[Path]:
    """The files that `make jars` fetched."""
    return sorted(JARS.glob("*.jar"))


def start(events: Path) -> Any:
    """The Spark that engines of this process find when they are made; it logs to `events`."""
    from stedi.engines.spark import start as starting

    options = "spark.driver.extraJavaOptions"
    given = {
        "spark.driver.extraClassPath": os.pathsep.join(map(str, jars())),
        options: f"{starting.OWN[options]} {QUICK}",
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": events.as_uri(),
        "spark.eventLog.compress": "false",
        "spark.eventLog.rolling.enabled": "false",
    }
    return starting.start(starting.OWN | given | SMALL)


def events(spark: Any) -> str:
    """All that a Spark of `start` has told in its event log."""
    context = spark.sparkContext
    context._jsc.sc().listenerBus().waitUntilEmpty()
    (log,) = Path(context.getConf().get("spark.eventLog.dir").removeprefix("file:")).iterdir()
    return log.read_text()


def on_spark(item: pytest.Item) -> bool:
    """Whether a test runs on Spark."""
    return "spark" in getattr(item, "fixturenames", ()) or _is_given_spark(item)


def on_request(item: pytest.Item) -> bool:
    """Whether a test runs on Spark, and only if all are asked for."""
    return _is_given_spark(item) and not ALL and item.get_closest_marker("on_spark") is None


def _is_given_spark(item: pytest.Item) -> bool:
    return "spark" in getattr(getattr(item, "callspec", None), "params", {}).values()
