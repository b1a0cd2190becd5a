"""stedi sql and preview: what is refused, what is printed, what is written."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cli.commands import Command

NUMBERS = "SELECT i, i / 2 AS half FROM range(3) t(i) ORDER BY i"


# ---------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("SELECT nope FROM customer_trusted", '"nope" not found'),
        ("SELECT * FROM nope", "nope does not exist"),
        ("SELECT CAST('a' AS INT)", "Could not convert string 'a'"),
        ("", "give one statement, found 0"),
        ("SELECT 1; SELECT 2", "give one statement, found 2"),
        ("INSERT INTO customer_trusted VALUES (1)", "only SELECT is possible here"),
        ("DELETE FROM customer_trusted", "only SELECT is possible here"),
        ("DROP TABLE customer_trusted", "only SELECT is possible here"),
        ("COPY (SELECT 1) TO 'stolen.csv'", "only SELECT is possible here"),
        ("SET threads = 1", "only SELECT is possible here"),
        ("ATTACH 'other.db'", "only SELECT is possible here"),
    ],
)
def test_sql_that_cannot_be(
    query: str, message: str, command: Command, filled: Path, tmp_path: Path
) -> None:
    done = command("sql", query, "--lake", filled)

    assert (done.code, done.out) == (1, "")
    assert message in done.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--out result.txt", "result.txt: the file's name must end in .parquet or .csv"),
        ("--out result", "must end in .parquet or .csv"),
        ("--out nowhere/result.csv", "nowhere: no such folder"),
        ("--as-of yesterday", "give a time such as 2026-01-31T12:00 (UTC) or a snapshot"),
        ("--as-of 123", "there is no snapshot 123; `stedi history` lists them"),
    ],
)
def test_options_that_cannot_be(
    arguments: str, message: str, command: Command, filled: Path, tmp_path: Path
) -> None:
    done = command("sql", "SELECT 1", *arguments.split(), "--lake", filled)

    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert not list(tmp_path.iterdir())


def test_writing_where_a_folder_is(command: Command, filled: Path, tmp_path: Path) -> None:
    (tmp_path / "result.csv").mkdir()
    done = command("sql", "SELECT 1", "--out", "result.csv", "--lake", filled)

    assert (done.code, done.out) == (1, "")
    assert "result.csv" in done.err


@pytest.mark.parametrize("form", ["csv", "json", "table"])
def test_two_columns_of_one_name(form: str, filled: Path, command: Command) -> None:
    query = "SELECT 'left' AS side, 'right' AS side"
    done = command("sql", query, "--format", form, "--lake", filled)

    assert (done.code, done.out) == (1, "")
    assert "two columns are called side" in done.err


# ---------------------------------------------------------------- printed


def test_a_table_for_people(read: Command) -> None:
    done = read("sql", NUMBERS)

    assert done.out == "i  half\n─  ────\n0   0.0\n1   0.5\n2   1.0\n"
    assert done.err == ""


def test_csv(read: Command) -> None:
    assert read("sql", NUMBERS, "--format", "csv").out == "i,half\n0,0.0\n1,0.5\n2,1.0\n"
    quoted = read("sql", """SELECT 'a,"b' AS text, NULL AS gone""", "--format", "csv").out
    assert list(csv.reader(io.StringIO(quoted))) == [["text", "gone"], ['a,"b', ""]]


def test_json(read: Command) -> None:
    rows = json.loads(read("sql", NUMBERS, "--format", "json").out)

    assert rows == [{"i": 0, "half": 0.0}, {"i": 1, "half": 0.5}, {"i": 2, "half": 1.0}]


def test_no_rows(read: Command) -> None:
    query = "SELECT 1 AS a WHERE false"

    assert read("sql", query).out == "a\n─\n"
    assert read("sql", query, "--format", "csv").out == "a\n"
    assert json.loads(read("sql", query, "--format", "json").out) == []


def test_times_are_iso_8601_in_utc(read: Command) -> None:
    query = "SELECT TIMESTAMPTZ '2026-01-05 12:30:00.25+02' AS at, DATE '0967-01-01' AS born"
    rows = json.loads(read("sql", query, "--format", "json").out)

    assert rows == [{"at": "2026-01-05T10:30:00.250000Z", "born": "0967-01-01"}]
    assert "2026-01-05T10:30:00.250000Z" in read("sql", query).out


def test_sums_and_decimals_are_numbers_in_json(read: Command) -> None:
    query = "SELECT sum(i) AS total, 1.50::DECIMAL(4, 2) AS price FROM range(3) t(i)"
    rows = json.loads(read("sql", query, "--format", "json").out)

    assert rows == [{"total": 3, "price": 1.5}]


def test_numbers_that_are_none_in_json(read: Command) -> None:
    out = read("sql", "SELECT 'nan'::DOUBLE AS a, 1/0 AS b", "--format", "json").out
    found: list[str] = []
    json.loads(out, parse_constant=found.append)

    assert not found


def test_tables_by_bare_name_and_by_zone(read: Command) -> None:
    query = "SELECT (SELECT count(*) FROM {}) AS bare, (SELECT count(*) FROM {}) AS zoned"
    query = query.format("customer_trusted", "trusted.customer_trusted")
    row = json.loads(read("sql", query, "--format", "json").out)[0]

    assert row["bare"] == row["zoned"] > 0


def test_preview_prints_as_many_rows_as_asked(read: Command) -> None:
    def lines(*more: object) -> int:
        return len(read("preview", "curated.machine_learning_curated", *more).out.splitlines())

    assert lines("-n", 3) == 2 + 3
    assert lines("-n", 0) == 2
    assert lines() == 2 + 500


def test_a_long_table_says_that_it_is_cut(read: Command) -> None:
    done = read("sql", "SELECT i FROM range(1001) t(i)")

    assert len(done.out.splitlines()) == 2 + 1000
    assert done.err == "the first 1,000 rows; --format csv or --out FILE for all of them\n"


# ---------------------------------------------------------------- written


def test_out_writes_parquet_and_csv(read: Command, tmp_path: Path) -> None:
    done = read("sql", NUMBERS, "--out", "result.parquet")
    assert (done.out, done.err) == ("", "wrote 3 rows to result.parquet\n")
    rows = pq.read_table(tmp_path / "result.parquet").to_pylist()
    assert [row["i"] for row in rows] == [0, 1, 2]
    assert all(math.isclose(row["half"], row["i"] / 2) for row in rows)

    read("sql", NUMBERS, "--out", "result.csv")
    with (tmp_path / "result.csv").open() as file:
        assert [row["i"] for row in csv.DictReader(file)] == ["0", "1", "2"]


# ---------------------------------------------------------------- the past


def test_as_of_reads_the_past(read: Command) -> None:
    def rows(*more: object) -> int:
        query = "SELECT count(*) AS n FROM customer_trusted"
        return int(json.loads(read("sql", query, "--format", "json", *more).out)[0]["n"])

    first = json.loads(read("history", "customer_trusted", "--format", "json").out)[0]

    assert rows("--as-of", first["snapshot"]) == rows() > 0
    assert rows("--as-of", "2999-01-01T00:00") == rows()
    assert rows("--as-of", "2001-01-01") == 0
