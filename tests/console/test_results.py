"""The rows of queries: what stands in a cell, in CSV and Parquet files; how long they stay."""

from __future__ import annotations

import csv
import io
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stedi.console import results
from stedi.console.results import Result, Results
from stedi.console.sessions import Session
from stedi.contract.roles import find_role
from stedi.sandbox.runner import Answer


def result(table: pa.Table) -> Result:
    return Result("n", "me", "", Answer(table, "", 0.0))


def of(sql: str) -> Result:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return result(connection.sql(sql).to_arrow_table())


def somebody(key: str) -> Session:
    found = Session(find_role("engineer"), "", key, 1e12)
    found.key = key
    return found


def read_csv(found: Result) -> list[list[str]]:
    return list(csv.reader(io.StringIO(b"".join(found.to_csv()).decode(), newline="")))


def read_parquet(found: Result) -> pa.Table:
    return pq.read_table(io.BytesIO(b"".join(found.to_parquet())))


# an expression: its cell in the grid, its cell in CSV, type and kind of the column
CELLS: dict[str, tuple[Any, str, str, str]] = {
    "NULL": (None, "", "null", "other"),
    "true": (True, "true", "boolean", "other"),
    "-5": (-5, "-5", "integer", "number"),
    "-9007199254740993": ("-9007199254740993", "-9007199254740993", "bigint", "number"),
    "-1.50::decimal(9,2)": ("-1.50", "-1.50", "decimal(9,2)", "number"),
    "'nan'::double": ("nan", "nan", "double", "number"),
    "''": ("", "", "varchar", "text"),
    "'=1+1'": ("=1+1", "'=1+1", "varchar", "text"),
    "'-5'": ("-5", "'-5", "varchar", "text"),
    "'a=b, \"c\"'": ('a=b, "c"', 'a=b, "c"', "varchar", "text"),
    "'@x'::enum('@x')": ("@x", "'@x", "enum", "text"),
    "'ab'::blob": ("6162", "6162", "blob", "other"),
    "date '2026-01-31'": ("2026-01-31", "2026-01-31", "date", "time"),
    "timestamp '2026-01-31 12:00:05'": (
        "2026-01-31T12:00:05",
        "2026-01-31T12:00:05.000000",
        "timestamp",
        "time",
    ),
    "timestamptz '2026-01-31 12:00+02'": (
        "2026-01-31T10:00:00Z",
        "2026-01-31T10:00:00.000000Z",
        "timestamptz",
        "time",
    ),
    "'infinity'::date": ("infinity", "infinity", "date", "time"),
    "'-infinity'::timestamptz": ("-infinity", "'-infinity", "timestamptz", "time"),
    "date '5877642-06-25 (BC)'": (
        "a time beyond the years 1 to 9999",
        "a time beyond the years 1 to 9999",
        "date",
        "time",
    ),
    "interval '14 months 1 day 90 s'": (
        "14 months, 1 days, 90 seconds",
        "14 months, 1 days, 90 seconds",
        "interval",
        "other",
    ),
    "[1, NULL]": ([1, None], "[1, null]", "integer[]", "other"),
    "{'a': 1, 'b': ['x']}": ({"a": 1, "b": ["x"]}, '{"a": 1, "b": ["x"]}', "struct", "other"),
    "map {'k': 1}": (
        [{"key": "k", "value": 1}],
        '[{"key": "k", "value": 1}]',
        "map",
        "other",
    ),
    "union_value(k := 1)": (1, "1", "union", "other"),
}


@pytest.mark.parametrize("expression", CELLS)
def test_every_type_has_a_cell_a_csv_field_and_a_place_in_parquet(expression: str) -> None:
    cell, text, name, kind = CELLS[expression]
    found = of(f"SELECT {expression} AS v, 1 AS w")
    assert found.window(0, 10) == [[cell, 1]]
    assert read_csv(found) == [["v", "w"], [text, "1"]]
    assert found.columns[0] == {"name": "v", "type": name, "kind": kind}
    assert read_parquet(found).num_rows == 1


def test_a_number_without_a_type_of_arrow_is_bytes_everywhere() -> None:
    found = of("SELECT 12345678901234567890123::bignum AS v")
    assert found.columns == [{"name": "v", "type": "bignum", "kind": "other"}]
    (cell,), (text,) = found.window(0, 1)[0], read_csv(found)[1]
    assert cell == text == read_parquet(found).column("v")[0].as_py()


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"])
def test_csv_defuses_values_and_headers(start: str) -> None:
    risky = start + "cmd|' /C calc'!A0"
    found = result(pa.table({risky: [risky, "plain"]}))
    assert read_csv(found) == [["'" + risky], ["'" + risky], ["plain"]]
    assert found.window(0, 1) == [[risky]]


def test_csv_and_parquet_hold_all_rows() -> None:
    rows = results.BATCH * 11 + 3
    numbers = pa.chunked_array([pa.array(range(1000)), pa.array(range(1000, rows))])
    found = result(pa.table({"n": numbers, "t": pa.array([f"t{n}" for n in range(rows)])}))
    assert read_parquet(found).equals(found.rows)
    lines = read_csv(found)
    assert len(lines) == rows + 1
    assert lines[-1] == [str(rows - 1), f"t{rows - 1}"]


def test_parquet_pieces_are_of_bounded_size() -> None:
    rows = results.BATCH * 30
    found = result(pa.table({"n": pa.array(range(rows))}))
    pieces = [len(piece) for piece in found.to_parquet()]
    assert len(pieces) == 4
    assert max(pieces) < sum(pieces) * 0.6


def test_columns_of_one_name_stay_apart_in_parquet() -> None:
    rows = pa.table([[1], [2], [3]], names=["a", "a", "a_2"])
    assert read_parquet(result(rows)).to_pydict() == {"a": [1], "a_3": [2], "a_2": [3]}


def test_no_rows_and_no_surprises() -> None:
    found = of("SELECT 1 AS v, [1] AS l WHERE false")
    assert found.window(0, 10) == []
    assert read_csv(found) == [["v", "l"]]
    assert read_parquet(found).num_rows == 0


def test_a_window_starts_steps_and_chooses() -> None:
    found = result(pa.table({"a": range(10), "b": [f"b{n}" for n in range(10)]}))
    assert found.window(8, 5) == [[8, "b8"], [9, "b9"]]
    assert found.window(1, 2, step=4, columns=[1]) == [["b1"], ["b5"]]
    assert found.window(10, 5) == found.window(2**53, 5) == []
    assert found.window(0, 0) == []


def test_a_window_has_an_end() -> None:
    rows = results.WINDOW + 1
    assert len(result(pa.table({"a": range(rows)})).window(0, rows)) == results.WINDOW


def test_long_cells_are_cut_in_the_grid_and_whole_in_the_file() -> None:
    found = of("SELECT repeat('é', 50000) AS t, range(1000) AS l, [range(1000)] AS ll")
    text, numbers, nested = found.window(0, 1)[0]
    assert text == "é" * 10_000 + "… (50,000 characters)"
    assert numbers == [*range(200), "… and 800 more"]
    assert nested == [[*range(20), "… and 980 more"]]
    line = read_csv(found)[1]
    assert len(line[0]) == 50_000
    assert line[1].endswith("998, 999]")


def test_a_result_is_its_sessions_own() -> None:
    kept, one, other = Results(), somebody("one"), somebody("other")
    number = kept.keep(one, "", Answer(pa.table({"a": [1]}), "", 0.0)).number
    assert kept.find(one, number)
    assert kept.find(other, number) is None
    assert kept.find(one, "nothing") is None
    kept.drop(other)
    assert kept.find(one, number)
    kept.drop(one)
    assert kept.find(one, number) is None


def test_one_session_cannot_push_out_another() -> None:
    kept, one, other = Results(), somebody("one"), somebody("other")
    answer = Answer(pa.table({"a": [1]}), "", 0.0)
    first = kept.keep(one, "", answer).number
    many = [kept.keep(other, "", answer).number for _ in range(results.MOST_OF_ONE + 5)]
    assert kept.find(one, first)
    assert [bool(kept.find(other, n)) for n in many] == [False] * 5 + [True] * results.MOST_OF_ONE


def test_the_oldest_go_when_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "KEPT_BYTES", 20_000)
    kept, me = Results(), somebody("me")
    shared = Answer(pa.table({"a": range(1000)}), "", 0.0)
    numbers = [kept.keep(me, "", shared).number for _ in range(5)]
    assert all(kept.find(me, number) for number in numbers), "shared rows count once"
    own = [
        kept.keep(me, "", Answer(pa.table({"a": range(1000)}), "", 0.0)).number for _ in range(2)
    ]
    assert [bool(kept.find(me, number)) for number in (*numbers, *own)] == [False] * 5 + [True] * 2
    large = kept.keep(me, "", Answer(pa.table({"a": range(10_000)}), "", 0.0)).number
    assert kept.find(me, large), "one is always kept"


def test_clearing_forgets_everything_and_is_counted() -> None:
    kept, me = Results(), somebody("me")
    number = kept.keep(me, "", Answer(pa.table({"a": [1]}), "", 0.0)).number
    kept.clear()
    assert (kept.find(me, number), kept.cleared) == (None, 1)
