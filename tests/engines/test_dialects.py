"""The SQL of every table means the same to DuckDB and to Spark, row by row.

Spark runs the text as it stands, DuckDB its translation, both over the same files.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engines.rows import NUMBERS, PEOPLE, SERIALS, rows
from helpers import Row, stored
from stedi.contract import Table, load_tables, refresh_order
from stedi.lake.keys import hmac_pads

ROWS = {"customer_landing": 150, "customer_trusted": 25, "customers_curated": 15}
READINGS = 400
SEEDS = range(2)
QUERIES = {table.name: (table, table.query) for table in refresh_order()}
CHECKS = {
    f"{table.name}: {check.name}": (table, check.sql)
    for table in refresh_order()
    for check in table.checks
    if check.sql
}

CASES = [
    (name, seed, consent)
    for name, (_, sql) in (QUERIES | CHECKS).items()
    for consent in (["since", "any"] if ":consent" in sql else ["since"])
    for seed in (SEEDS if name in QUERIES else [0])
]


def files(tables: set[str], seed: int, folder: Path) -> dict[str, Path]:
    """One file of adversarial rows for each table."""
    draw = random.Random(seed)
    found = {}
    for name in sorted(tables):
        table = load_tables()[name]
        made = rows(table, ROWS.get(name, READINGS), draw)
        found[name] = Path(stored(table, made, folder).files[0].path)
    return found


def counted(result: pa.Table) -> Counter[str]:
    """The rows of a result, however ordered; 0.0 and -0.0 are two values here, NaN is one."""
    return Counter(repr([_plain(v) for v in row.values()]) for row in result.to_pylist())


def _plain(value: Any) -> Any:
    return value.timestamp() if hasattr(value, "timestamp") else value


def reads(table: Table, sql: str) -> set[str]:
    return {name for name in {*table.sources, table.name, *load_tables()} if name in sql}


@pytest.mark.parametrize(("name", "seed", "consent"), CASES)
def test_both_engines_give_the_same_rows(
    on_duckdb, on_spark, tmp_path: Path, name: str, seed: int, consent: str
):
    table, sql = (QUERIES | CHECKS)[name]
    tables = files(reads(table, sql), seed, tmp_path)
    params = {"consent": consent, **hmac_pads(b"a key for tests")}
    ours, theirs = on_duckdb(sql, tables, params), on_spark(sql, tables, params)
    assert ours.column_names == theirs.column_names
    only_ours, only_theirs = counted(ours) - counted(theirs), counted(theirs) - counted(ours)
    assert (only_ours, only_theirs) == (Counter(), Counter())
    assert ours.num_rows


@pytest.mark.parametrize("name", QUERIES)
def test_the_rows_reach_every_reason(on_duckdb, tmp_path: Path, name: str):
    table, sql = QUERIES[name]
    found: set[str | None] = set()
    for seed in SEEDS:
        tables = files(reads(table, sql), seed, tmp_path / str(seed))
        params = {"consent": "since", **hmac_pads(b"a key for tests")}
        found |= set(on_duckdb(sql, tables, params)["excluded"].to_pylist())
    assert found == {None, *reasons(sql)}


def reasons(sql: str) -> set[str]:
    """The reasons that a query names."""
    return {text.split("'")[1] for text in sql.split("THEN")[1:] if text.lstrip()[0] == "'"}


def one_table(folder: Path, **columns: list[Any]) -> dict[str, Path]:
    pq.write_table(pa.table(columns), folder / "t.parquet")
    return {"t": folder / "t.parquet"}


EXPRESSIONS = {
    "numbers that equal each other": "SELECT count(*) AS n FROM (SELECT DISTINCT x FROM t)",
    "numbers joined": "SELECT count(*) AS n FROM t JOIN t AS u ON t.x = u.x",
}


@pytest.mark.parametrize("sql", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_both_engines_compare_numbers_alike(on_duckdb, on_spark, tmp_path: Path, sql: str):
    tables = one_table(tmp_path, x=[*NUMBERS, *NUMBERS, None])
    assert counted(on_duckdb(sql, tables, {})) == counted(on_spark(sql, tables, {}))


TEXTS = {
    "order": "SELECT s, rank() OVER (ORDER BY s) AS place FROM t",
    "order, descending": "SELECT s, rank() OVER (ORDER BY s DESC) AS place FROM t",
    "nulls first": "SELECT s, rank() OVER (ORDER BY s NULLS FIRST) AS place FROM t",
    "the least and the greatest": "SELECT min(s) AS a, max(s) AS b FROM t",
    "equality": "SELECT t.s AS a, u.s AS b FROM t JOIN t AS u ON t.s = u.s",
    "distinct": "SELECT s, count(*) AS n FROM t GROUP BY s",
    "persons": "SELECT lower(trim(s)) AS s, count(*) AS n FROM t GROUP BY lower(trim(s))",
    "bytes": "SELECT s, sha2(unhex('00ff') || encode(s, 'UTF-8'), 256) AS h FROM t",
}


@pytest.mark.parametrize("sql", TEXTS.values(), ids=TEXTS)
def test_both_engines_compare_texts_alike(on_duckdb, on_spark, tmp_path: Path, sql: str):
    texts = PEOPLE if "lower" in sql else [*PEOPLE, *SERIALS]
    tables = one_table(tmp_path, s=[*texts, *texts[:5], None])
    assert counted(on_duckdb(sql, tables, {})) == counted(on_spark(sql, tables, {}))


def test_serial_numbers_are_compared_as_delivered(on_duckdb, on_spark, tmp_path: Path):
    table, sql = QUERIES["step_trainer_trusted"]
    tables = files(reads(table, sql), 0, tmp_path)
    customers = pq.read_table(tables["customer_landing"])
    known = set(customers["serialnumber"].to_pylist())
    row: Row = rows(load_tables()["step_trainer_landing"], 1, random.Random(0))[0]
    odd = {one for serial in SERIALS for one in (f"{serial} ", serial.swapcase() + "\t")} - known
    readings = [row | {"serialnumber": serial} for serial in sorted(odd)]
    folder = tmp_path / "odd"
    source = stored(load_tables()["step_trainer_landing"], readings, folder)
    tables["step_trainer_landing"] = Path(source.files[0].path)
    for run in (on_duckdb, on_spark):
        result = run(sql, tables, {"consent": "any"})
        assert result["excluded"].to_pylist() == ["unknown device"] * len(odd)
