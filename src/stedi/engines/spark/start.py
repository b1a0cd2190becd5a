"""The Spark of this process: the one that is there (spark-submit, Glue, a notebook), or our own.

A Spark that somebody else started keeps its settings; what a lake needs is set on a session of
its own. Our own runs on this machine; its jars come from Maven Central by coordinates, or from
STEDI_SPARK_JARS (paths with commas between) where that cannot be reached.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import threading
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stedi.engines.spark.packages import EXCLUDED, coordinates
from stedi.engines.spark.staging import CATALOG, properties
from stedi.errors import UsageError
from stedi.lake.catalog import NAME, region, spark_properties
from stedi.lake.home import Home
from stedi.places import Place

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JARS_VARIABLE = "STEDI_SPARK_JARS"
_LOGGING = Path(__file__).with_name("log4j2.properties")

_PROVIDER = "software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider"

_lock = threading.Lock()
_users: list[SparkSession] = []

# What plans, logs and events tell: no key, no address, no password.
_PERSONAL = r"[0-9A-Fa-f]{128}|(?<![^\s'\",()])[^\s'\",()@]*+@[^\s'\",()]*"
_SECRET = "(?i)url|secret|password|token|credential|access[.]?key"  # noqa: S105

OWN = {
    "spark.master": "local[*]",
    "spark.app.name": "stedi",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "4g",
    "spark.redaction.string.regex": _PERSONAL,
    "spark.redaction.regex": _SECRET,
    "spark.sql.shuffle.partitions": "8",  # those without rows are put together at run time
    "spark.driver.extraJavaOptions": (
        f"-XX:+UseParallelGC -Duser.language=en -Dlog4j2.configurationFile={_LOGGING.as_uri()}"
    ),
}
EVERY = {
    "spark.sql.redaction.string.regex": _PERSONAL,
    "spark.sql.redaction.options.regex": _SECRET,
    # Redaction covers the text of a plan, not its nodes in the event log, nor names of RDDs: what
    # a node computes (the keyed hash, with the pads of its key) is not written out at all.
    "spark.sql.debug.maxToStringFields": "0",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.ansi.doubleQuotedIdentifiers": "true",
    "spark.sql.runSQLOnFiles": "false",
    "spark.sql.parquet.fieldId.read.enabled": "true",
    "spark.sql.parquet.fieldId.read.ignoreMissing": "true",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    # Rows that lie sorted are told from their repeats as they pass, without a hash table.
    "spark.sql.execution.replaceHashWithSortAgg": "true",
    # A table that lies by day is joined by day without moving it.
    "spark.sql.iceberg.planning.preserve-data-grouping": "true",
    "spark.sql.sources.v2.bucketing.enabled": "true",
    "spark.sql.sources.v2.bucketing.pushPartValues.enabled": "true",
    "spark.sql.requireAllClusterKeysForCoPartition": "false",
}


def running() -> SparkSession | None:
    """The Spark that somebody else started in this process, or submitted it to; else None.

    UsageError if pyspark is not installed.
    """
    if find_spec("pyspark") is None:
        raise UsageError(
            "the spark engine needs pyspark: pip install 'stedi-lakehouse[spark]', or use "
            "--engine duckdb"
        )
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    there = SparkContext._active_spark_context is not None and not _users
    if there or "PYSPARK_GATEWAY_PORT" in os.environ:
        return SparkSession.getActiveSession() or SparkSession.builder.getOrCreate()
    return None


def requirements(home: Home) -> dict[str, str]:
    """The settings of a Spark of our own; UsageError if something is not there that it needs.

    What it spills lies in the lake's scratch folder, which is swept if the process is killed.
    """
    _need_java()
    settings = {**OWN, **_jars(home), "spark.local.dir": str(home.spark_scratch / "spilled")}
    return settings | s3_settings(home.spark_scratch) if home.on_s3 else settings


def acquire(settings: Mapping[str, str]) -> SparkSession:
    """Our own Spark, shared by all lakes of this process; to be given back by `release`."""
    with _lock:
        spark = start(settings)
        _users.append(spark)
        return spark


def release(spark: SparkSession) -> None:
    """End our own Spark with its last user."""
    with _lock:
        _users.remove(spark)
        if not _users:
            spark.stop()


def start(settings: Mapping[str, str]) -> SparkSession:
    """A Spark of our own, on this machine; UsageError if it does not start."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder
    for key, value in settings.items():
        builder = builder.config(key, value)
    try:
        spark = builder.getOrCreate()
        _no_checksum_files(spark)
        logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL + 1)
        return spark
    except (PySparkException, Py4JError, OSError, RuntimeError) as error:
        raise UsageError(
            f"Spark does not start ({str(error).partition(chr(10))[0]}); it needs Java 17 or later "
            f"and its packages, from Maven Central or as files named in {JARS_VARIABLE}"
        ) from error


def lake_session(spark: SparkSession, home: Home) -> SparkSession:
    """A session of its own over one lake's catalog, whatever the process does with others."""
    session = spark.newSession()
    lake = _catalog(NAME, spark_properties(home))
    staged = _catalog(CATALOG, properties(scratch_of(spark, home)))
    for key, value in {**EVERY, **lake, **staged}.items():
        session.conf.set(key, value)
    _same_letters(session)
    _no_extensions(session)
    return session


def scratch_of(spark: SparkSession, home: Home) -> Place:
    """Where the metadata of staging tables lie, so that every worker sees them."""
    alone = (spark.sparkContext.master or "").startswith("local")
    return home.spark_scratch if alone else home.shared_scratch


def _catalog(name: str, given: Mapping[str, str]) -> dict[str, str]:
    """The settings of an Iceberg catalog of that name, which looks at each table anew."""
    prefix = f"spark.sql.catalog.{name}"
    named = {prefix: "org.apache.iceberg.spark.SparkCatalog", f"{prefix}.cache-enabled": "false"}
    return named | {f"{prefix}.{key}": value for key, value in given.items()}


def _no_extensions(session: SparkSession) -> None:
    """Iceberg's SQL extensions for Spark 4.1 lose the parameters of a query."""
    if "iceberg" in (session.conf.get("spark.sql.extensions", "") or ""):
        raise UsageError(
            "this Spark has Iceberg's SQL extensions, with which queries cannot be given "
            "parameters; start it without them in spark.sql.extensions"
        )


def _same_letters(session: SparkSession) -> None:
    """Spark lowers letters as the language of its Java does: in Turkish, people would be others."""
    java: Any = session.sparkContext._jvm
    if java.java.util.Locale.getDefault().getLanguage() in ("az", "lt", "tr"):
        raise UsageError(
            "this Spark lowers letters by the rules of another language, so people would not be "
            "matched as in the lake; start it with -Duser.language=en in "
            "spark.driver.extraJavaOptions and spark.executor.extraJavaOptions"
        )


def _no_checksum_files(spark: SparkSession) -> None:
    """Hadoop would put a hidden .crc file beside each file that it writes on a local disk."""
    context = spark.sparkContext
    java: Any = context._jvm
    settings = context._jsc.hadoopConfiguration()
    java.org.apache.hadoop.fs.FileSystem.getLocal(settings).setWriteChecksum(False)


def _need_java() -> None:
    home = os.environ.get("JAVA_HOME")
    if not shutil.which("java") and not (home and (Path(home) / "bin" / "java").exists()):
        raise UsageError(
            "the spark engine needs Java 17 or later, and there is none; install a JRE (Debian: "
            "apt-get install openjdk-17-jre-headless) or use --engine duckdb"
        )


def s3_settings(scratch: Path) -> dict[str, str]:
    """How a Spark of our own reads and writes s3://; AWS Glue and EMR have ways of their own.

    Credentials are found as AWS's library for Java does, much as boto3 does. What is to be put
    gathers in `scratch`, which is swept if the process is killed.
    """
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "")
    settings = {
        "fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "fs.s3a.aws.credentials.provider": _PROVIDER,
        "fs.s3a.buffer.dir": str(scratch / "s3a"),
        "fs.s3a.endpoint": endpoint,
        "fs.s3a.endpoint.region": region(),
        "fs.s3a.path.style.access": "true" if endpoint else "",
        "fs.s3a.connection.ssl.enabled": "false" if endpoint.startswith("http:") else "",
        "fs.s3a.directory.marker.retention": "keep",  # look for none, remove none
    }
    return {f"spark.hadoop.{key}": value for key, value in settings.items() if value}


def _jars(home: Home) -> dict[str, str]:
    given = os.environ.get(JARS_VARIABLE)
    if not given:
        wanted = coordinates(home.catalog_policy.type, home.on_s3)
        return {"spark.jars.packages": ",".join(wanted), "spark.jars.excludes": EXCLUDED}
    missing = [path for path in given.split(",") if not Path(path).is_file()]
    if missing:
        raise UsageError(f"{JARS_VARIABLE}: no such file: {', '.join(missing)}")
    # On the class path they need not be copied; there are no other machines to send them to.
    return {"spark.driver.extraClassPath": given.replace(",", os.pathsep)}
