"""One SELECT of the house, on both engines over the same Parquet files."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stedi.contract.sql import translate, used
from stedi.engines.duckdb.session import connect, literal

Tables = Mapping[str, Path]
Params = Mapping[str, str]


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
    """Runs the text as it stands."""

    def __init__(self, worker: subprocess.Popen[str], folder: Path) -> None:
        self._worker = worker
        self._folder = folder
        self._numbers = count()

    def __call__(self, sql: str, tables: Tables, params: Params) -> pa.Table:
        out = self._folder / str(next(self._numbers))
        asked = {"sql": sql, "args": used(params, sql), "out": str(out)}
        asked["tables"] = {view: str(path) for view, path in tables.items()}
        print(json.dumps(asked), file=self._worker.stdin, flush=True)
        assert self._worker.stdout.readline() == "done\n"
        return pq.read_table(out, partitioning=None)


@pytest.fixture(scope="session")
def on_duckdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnDuckDB]:
    run = OnDuckDB(tmp_path_factory.mktemp("duckdb"))
    yield run
    run.connection.close()


@pytest.fixture(scope="session")
def on_spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnSpark]:
    if find_spec("pyspark") is None:
        pytest.skip("pyspark is not installed: Spark's reading of the SQL is not compared")
    if shutil.which("java") is None:
        pytest.skip("there is no java: Spark's reading of the SQL is not compared")
    folder = tmp_path_factory.mktemp("spark")
    command = [sys.executable, str(Path(__file__).with_name("spark_worker.py"))]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=folder,
        ) as worker,
    ):
        assert worker.stdout.readline() == "ready\n", (folder / "log").read_text()
        yield OnSpark(worker, folder)
        worker.stdin.close()
