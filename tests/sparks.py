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
SMALL = {
    "spark.driver.memory": "1g",
    "spark.master": "local[1]",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.codegen.wholeStage": "false",  # compiling costs more than these rows
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
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


def start() -> Any:
    """The Spark that engines of this process find when they are made."""
    from stedi.engines.spark import start as starting

    given = {"spark.driver.extraClassPath": os.pathsep.join(map(str, jars()))}
    return starting.start(starting.OWN | given | SMALL)


def on_spark(item: pytest.Item) -> bool:
    """Whether a test runs on Spark."""
    return "spark" in getattr(item, "fixturenames", ()) or _is_given_spark(item)


def on_request(item: pytest.Item) -> bool:
    """Whether a test runs on Spark, and only if all are asked for."""
    return _is_given_spark(item) and not ALL and item.get_closest_marker("on_spark") is None


def _is_given_spark(item: pytest.Item) -> bool:
    return "spark" in getattr(getattr(item, "callspec", None), "params", {}).values()
