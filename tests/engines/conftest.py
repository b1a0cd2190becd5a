"""One SELECT of the house, on both engines over the same Parquet files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pytest

from stedi.contract.sql import translate, used
from stedi.engines.duckdb.session import connect, literal
from stedi.engines.spark.start import EVERY

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Tables = Mapping[str, Path]
Params = Mapping[str, str]
# The Spark of the tests interprets; lakes are refreshed by compiled code.
COMPILED = {"spark.sql.codegen.wholeStage": "true", "spark.sql.codegen.factoryMode": "FALLBACK"}


class OnDuckDB:
    """Runs the translation."""

    def __init__(self, folder: Path) -> None:
        self.connection: duckdb.DuckDBPyConnection = connect("1GB", folder)

    def __call__(self, sql: str, tables: Tables, params: Params) -> pa.Table:
        for view, path in tables.items():
            self.connection.execute(
                f'CREATE OR REPLACE TEMP VIEW "{view}" AS FROM read_parquet({literal(str(path))})'
            )
        text = translate(sql, "duckdb")
        return self.connection.sql(text, params=used(params, text)).to_arrow_table()


class OnSpark:
    """Runs the text as it stands, in a session as the engine's, its code compiled as usual."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark.newSession()
        for key, value in (EVERY | COMPILED).items():
            self._spark.conf.set(key, value)

    def __call__(self, sql: str, tables: Tables, params: Params) -> pa.Table:
        for view, path in tables.items():
            self._spark.read.parquet(str(path)).createOrReplaceTempView(view)
        return self._spark.sql(sql, args=used(params, sql)).toArrow()


@pytest.fixture(scope="session")
def on_duckdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnDuckDB]:
    run = OnDuckDB(tmp_path_factory.mktemp("duckdb"))
    yield run
    run.connection.close()


@pytest.fixture(scope="session")
def on_spark(spark: SparkSession) -> OnSpark:
    return OnSpark(spark)
