"""Bytes of objects: read in ranges with patience, written whole or not at all."""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from s3.faults import Fault, FaultyProxy, Harm
from s3.server import free_ports
from sites import files
from stedi.engines.duckdb.remote import see_s3
from stedi.engines.duckdb.session import close, connect, literal, pattern, seeing_s3
from stedi.engines.duckdb.writing import write
from stedi.errors import StorageError
from stedi.lake.durable import remove_files
from stedi.lake.model import DataFile, Field, Target
from stedi.lake.parquet import writer
from stedi.places import S3Path, files_below, remove_tree
from stedi.places import aws as aws_module
from stedi.places.bulk import FIRST, TRIES

ODD = ["ä ö", "a+b", "a%20b", "a=1/b", "a?b#c", "a*b", "a[b]", "a&b;c", "'\"", "...", "~"]
FOR_GOOD = [Fault(Harm.ERROR_503, method=method) for method in ("PUT", "POST")]


@pytest.fixture
def at(bucket: str) -> S3Path:
    """A name at which there is nothing."""
    return S3Path(bucket, "folder/object")


# ---------------------------------------------------------------- what is not there


def test_what_is_not_there_is_told_as_pathlib_does(at: S3Path) -> None:
    calls: list[Callable[[], object]] = [at.stat, at.open, at.read_bytes, at.head, at.unlink]
    for call in calls:
        with pytest.raises(FileNotFoundError, match="no such object") as raised:
            call()
        assert raised.value.filename == str(at)
    at.unlink(missing_ok=True)
    assert not at.exists()
    assert list(at.below()) == []


def test_a_name_is_an_object_or_a_folder_or_both(at: S3Path, boto: Any) -> None:
    (at / "inner").write_bytes(b"")
    assert (at.is_file(), at.is_dir(), at.exists()) == (False, True, True)
    at.write_bytes(b"")
    assert (at.is_file(), at.is_dir()) == (True, True)
    (at.with_name("object-2")).write_bytes(b"")
    assert [str(path) for path, _ in at.below()] == [f"{at}/inner"]


@pytest.mark.parametrize("name", ODD)
def test_an_odd_name_is_itself(at: S3Path, boto: Any, name: str) -> None:
    path = at / f"{name}.json"
    path.write_text("read")
    assert boto.get_object(Bucket=at.bucket, Key=path.key)["Body"].read() == b"read"
    assert path.read_text() == "read"
    assert [file.path for file in files_below(at)] == [path]
    remove_tree(at)
    assert not path.exists()


def test_of_many_objects_none_is_left(at: S3Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stedi.places.s3._MOST_AT_ONCE", 10)
    paths = [at / str(number) for number in range(23)]
    for path in paths:
        path.write_bytes(b"x")
    assert len(list(at.below(7))) == 23
    remove_files([*paths, at / "never there"])
    assert list(at.below()) == []


# ---------------------------------------------------------------- reading


@pytest.mark.parametrize("size", [0, 1, FIRST - 1, FIRST, FIRST + 1, 3 * FIRST + 7])
def test_every_part_of_every_size_is_read(at: S3Path, size: int) -> None:
    data = os.urandom(size)
    at.write_bytes(data)
    assert at.read_bytes() == data
    with at.open() as buffered:
        assert (buffered.read(10), buffered.read()) == (data[:10], data[10:])
    with at.open(buffering=0) as file:
        for start in (0, 1, size - 1, size, size + 1, FIRST - 1, FIRST, FIRST + 1):
            for count in (0, 1, 2, FIRST, size):
                file.seek(max(start, 0))
                assert file.read(count) == data[max(start, 0) :][:count]
        file.seek(-min(3, size), io.SEEK_END)
        assert file.read() == data[max(size - 3, 0) :]
        assert file.read(1) == b""


def test_each_thread_has_its_own_place(at: S3Path) -> None:
    data = os.urandom(4 << 20)
    at.write_bytes(data)
    with at.open(buffering=0) as file, ThreadPoolExecutor(8) as pool:

        def parts(first: int) -> bool:
            found = []
            for start in range(first, len(data), 8 << 16):
                file.seek(start)
                found.append(file.read(1 << 15))
                time.sleep(0)
                found.append(file.read(1 << 15))
            wanted = [data[s : s + (1 << 16)] for s in range(first, len(data), 8 << 16)]
            return b"".join(found) == b"".join(wanted)

        assert all(pool.map(parts, [number << 16 for number in range(8)]))


@pytest.mark.parametrize("harm", [Harm.CUT, Harm.DROPPED, Harm.LOST, Harm.ERROR_500])
def test_answers_that_break_off_are_asked_for_again(
    at: S3Path, proxy: FaultyProxy, harm: Harm
) -> None:
    data = os.urandom(2 * FIRST)
    at.write_bytes(data)
    with proxy.failing(Fault(harm, method="GET", every=2)):
        assert at.read_bytes() == data


def test_answers_that_always_break_off_are_given_up(at: S3Path, proxy: FaultyProxy) -> None:
    at.write_bytes(b"x" * 1000)
    with (
        proxy.failing(Fault(Harm.CUT, method="GET")),
        pytest.raises(ConnectionError, match=f"{at}: .*check the network"),
    ):
        at.read_bytes()
    assert proxy.count("GET", "*/object") == TRIES


def test_an_object_replaced_while_it_is_read_is_no_mixture(at: S3Path) -> None:
    at.write_bytes(b"a" * (2 * FIRST))
    with at.open(buffering=0) as file:
        at.write_bytes(b"b" * (2 * FIRST))
        assert file.read(10) == b"a" * 10
        with pytest.raises(FileExistsError, match="written by somebody else meanwhile"):
            file.read()


def test_an_object_removed_while_it_is_read_is_missed(at: S3Path) -> None:
    at.write_bytes(b"a" * (2 * FIRST))
    with at.open(buffering=0) as file:
        at.unlink()
        with pytest.raises(FileNotFoundError):
            file.read()


@pytest.mark.parametrize("attempts", [2, pytest.param(10, marks=pytest.mark.on_request)])
def test_nobody_there_is_told_within_a_bounded_time(
    at: S3Path, monkeypatch: pytest.MonkeyPatch, attempts: int
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{free_ports(1)[0]}")
    monkeypatch.setattr(aws_module, "ATTEMPTS", attempts)
    began = time.monotonic()
    with pytest.raises(ConnectionError, match="AWS_ENDPOINT_URL_S3"):
        at.read_bytes()
    assert time.monotonic() - began < 12 * attempts


# ---------------------------------------------------------------- writing


def test_an_error_before_the_end_leaves_nothing(at: S3Path) -> None:
    def fail() -> None:
        with at.create() as file:
            file.write(b"half")
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        fail()
    forgotten = at.create()
    forgotten.write(b"half")
    del forgotten
    assert list(at.parent.below()) == []


@pytest.mark.parametrize("size", [0, 1, 20 << 20, 40 << 20])
def test_what_is_written_is_there_once_it_is_closed(at: S3Path, boto: Any, size: int) -> None:
    data = os.urandom(size)
    with at.create() as file:
        for start in range(0, size, 3 << 20):
            file.write(data[start : start + (3 << 20)])
        assert file.tell() == size
        assert not at.exists()
    file.close()
    found = boto.get_object(Bucket=at.bucket, Key=at.key)["Body"].read()
    assert hashlib.sha256(found).digest() == hashlib.sha256(data).digest()


@pytest.mark.parametrize("size", [10, 20 << 20])
@pytest.mark.usefixtures("impatient")
def test_a_write_that_fails_raises_and_leaves_nothing(
    at: S3Path, proxy: FaultyProxy, boto: Any, size: int
) -> None:
    file = at.create()
    file.write(b"x" * size)
    with proxy.failing(*FOR_GOOD), pytest.raises(OSError, match=str(at)):
        file.close()
    file.close()
    del file
    assert list(at.parent.below()) == []
    assert not boto.list_multipart_uploads(Bucket=at.bucket).get("Uploads")


def test_a_table_file_whose_rows_fail_is_not_written(at: S3Path) -> None:
    schema = pa.schema([("a", pa.int64())])
    with pytest.raises(ValueError), writer(str(at), schema) as file:  # noqa: PT011, PT012
        file.write_table(pa.table({"a": [1]}))
        raise ValueError
    assert not at.exists()


# ---------------------------------------------------------------- DuckDB


@pytest.fixture
def database(bucket: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database that sees S3, with several threads."""
    connection = duckdb.connect(config={"threads": 4})
    see_s3(connection)
    yield connection
    connection.unregister_filesystem("s3")
    connection.close()


def test_one_file_read_by_several_threads_gives_the_same_rows_each_time(
    at: S3Path, database: duckdb.DuckDBPyConnection
) -> None:
    path = at.with_name("object.parquet")
    rows = "SELECT range AS n, md5(range::VARCHAR) AS t FROM range(400000)"
    database.execute(f"COPY ({rows}) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 10000)")
    assert path.stat().st_size > 10 << 20
    expected = database.execute(f"SELECT count(*), sum(n), sum(hash(t) % 1000) FROM ({rows})")
    (wanted,) = expected.fetchall()
    asked = f"SELECT count(*), sum(n), sum(hash(t) % 1000) FROM '{path}'"
    assert {database.execute(asked).fetchone() for _ in range(8)} == {wanted}


@pytest.mark.parametrize("name", ODD)
def test_a_database_reads_and_writes_odd_names(
    at: S3Path, database: duckdb.DuckDBPyConnection, name: str
) -> None:
    path = at / f"{name}.parquet"
    database.execute(f"COPY (SELECT 7 AS n) TO {literal(str(path))} (FORMAT parquet)")
    assert list(files(at)) == [str(path)]
    assert database.execute(f"SELECT n FROM read_parquet({pattern(str(path))})").fetchall() == [
        (7,)
    ]


SPREADS = ["PER_THREAD_OUTPUT", "PARTITION_BY (d)"]


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("harm", [Harm.ERROR_503, Harm.DROPPED, Harm.LOST])
@pytest.mark.usefixtures("impatient")
def test_a_database_reports_no_file_that_was_not_written(
    at: S3Path,
    database: duckdb.DuckDBPyConnection,
    proxy: FaultyProxy,
    harm: Harm,
    spread: str,
) -> None:
    copy = (
        f"COPY (SELECT range AS n, range % 3 AS d FROM range(200000)) TO '{at}' "
        f"(FORMAT parquet, RETURN_STATS, {spread})"
    )
    with (
        proxy.failing(Fault(harm, method="PUT", first=2 if "BY" in spread else 1)),
        pytest.raises(duckdb.Error, match=r"ConnectionError: s3://"),
    ):
        database.execute(copy)
    remove_tree(at)
    rows = database.execute(copy).fetchall()
    assert sorted(path for path, *_ in rows) == sorted(files(at))
    assert sum(count for _, count, *_ in rows) == 200_000


@pytest.fixture
def into(at: S3Path, tmp_path: Path) -> Iterator[Callable[[str], list[DataFile]]]:
    """Write the rows of a SELECT as the engine does."""
    connection = seeing_s3(connect("500MB", tmp_path, 2))
    target = Target("t", str(at), [Field(1, "n", "long")], "")
    yield lambda select: write(connection, select, target)
    close(connection)


def test_a_query_that_fails_half_way_leaves_no_file(
    at: S3Path, into: Callable[[str], list[DataFile]]
) -> None:
    fails = "CASE WHEN range = 900000 THEN CAST(error('no') AS BIGINT) ELSE range END AS n"
    with pytest.raises(duckdb.Error, match="no"):
        into(f"SELECT {fails} FROM range(1000000)")
    assert files(at.parent) == {}


@pytest.mark.usefixtures("impatient")
def test_the_engine_names_the_file_and_leaves_nothing(
    at: S3Path, proxy: FaultyProxy, into: Callable[[str], list[DataFile]]
) -> None:
    with (
        proxy.failing(Fault(Harm.ERROR_503, method="PUT")),
        pytest.raises(StorageError, match=rf"{at}/.*SlowDown.*run again"),
    ):
        into("SELECT range AS n FROM range(10)")
    assert files(at) == {}
    (written,) = into("SELECT range AS n FROM range(10)")
    assert written.rows == 10
