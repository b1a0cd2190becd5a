"""Queries over objects of S3: the process that runs them has no network, their bytes are lent."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from s3.faults import Fault, FaultyProxy, Harm
from s3.server import S3Server
from sandbox.asking import QUICK, Outcome, Shared, Small, ask
from sandbox.watching import children, files, running
from stedi.engines.lent import ANSWER, FAILED, GONE, LINES, MOST, REQUEST, Lines
from stedi.engines.spec import MB, Relation, Spec
from stedi.places import S3Path
from stedi.sandbox.lending import lent
from stedi.sandbox.runner import Sandbox

pytestmark = pytest.mark.usefixtures("confined")
# Whole numbers: the sum of others is another one with each order in which threads add them up.
X = "sum(round(x * 1000000)::BIGINT)"
QUERY = f"SELECT subject_id, count(*) AS n, {X} AS x FROM machine_learning_curated GROUP BY 1"
AWAY = "the storage does not give a data file"


@pytest.fixture
def proxy(s3: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    with FaultyProxy(s3.port) as between:
        yield between.lead(monkeypatch)


def on_s3(small: Small, bucket: str, sql: str = QUERY, role: str = "scientist") -> Spec:
    """A query of one table of the small lake, whose files lie in a bucket."""
    spec = small.spec(sql, role)
    (one,) = spec.relations
    return replace(spec, relations=[replace(one, files=put(one.files, bucket))])


def put(paths: Sequence[str], bucket: str) -> list[str]:
    """Objects with the content of these files, and their addresses."""
    found = [S3Path(bucket, f"a folder/{number}.parquet") for number in range(len(paths))]
    for path, there in zip(paths, found, strict=True):
        there.write_bytes(Path(path).read_bytes())
    return [str(there) for there in found]


def objects(spec: Spec) -> list[S3Path]:
    return [S3Path.parse(address) for address in spec.lent]


def outcome(shared: Shared, spec: Spec) -> Outcome:
    return shared.together(lambda box: ask(box, spec))


# ---------------------------------------------------------------- what goes wrong


def test_an_object_that_was_removed(shared: Shared, small: Small, bucket: str) -> None:
    spec = on_s3(small, bucket)
    objects(spec)[-1].unlink()
    found = outcome(shared, spec)
    assert (found.state, found.message) == (
        "failed",
        "a data file was removed meanwhile; run the query again",
    )


def test_an_object_that_is_removed_while_rows_flow(
    shared: Shared, bucket: str, tmp_path: Path
) -> None:
    """The rows of the first files have been written by then."""
    pq.write_table(pa.table({"x": [1] * 20_000}), tmp_path / "one.parquet")
    addresses = put([str(tmp_path / "one.parquet")] * 40, bucket)
    S3Path.parse(addresses[-1]).unlink()
    found = outcome(shared, of_numbers(addresses, tmp_path / "one.parquet", "SELECT x FROM t"))
    assert (found.state, found.message) == (
        "failed",
        "a data file was removed meanwhile; run the query again",
    )


def of_numbers(addresses: Sequence[str], like: Path, sql: str) -> Spec:
    """A query of a table of one column, x, in files of the same content."""
    sizes = [like.stat().st_size] * len(addresses)
    relation = Relation("z", "t", [("x", "long")], addresses, sizes)
    return Spec(sql, [relation], [("z", "t")], replace(QUICK, seconds=30))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 1000 + b"PAR1"])
def test_a_broken_object_is_not_named(
    shared: Shared, small: Small, bucket: str, content: bytes
) -> None:
    spec = on_s3(small, bucket, "SELECT max(registrationdate) FROM customers_curated")
    objects(spec)[0].write_bytes(content)
    found = outcome(shared, spec)
    assert found.state == "failed"
    assert found.message
    for secret in (bucket, "folder", ".parquet", "Traceback", "stedi"):
        assert secret not in found.message


def test_a_storage_that_refuses_is_told_in_the_log(
    shared: Shared,
    small: Small,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    spec = on_s3(small, bucket)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    found = outcome(shared, spec)
    assert (found.state, found.message.partition(";")[0]) == ("failed", AWAY)
    assert "access denied" in capfd.readouterr().err


def test_a_storage_that_says_nothing_is_waited_for_no_longer_than_the_limit(
    shared: Shared, small: Small, bucket: str, proxy: FaultyProxy
) -> None:
    spec = replace(on_s3(small, bucket), limits=replace(QUICK, seconds=2))

    async def asked(box: Sandbox) -> tuple[Outcome, list[int]]:
        return await ask(box, spec), children(box)

    with proxy.failing(Fault(Harm.NONE, method="GET", delay=20)):
        found, left = shared.together(asked)
    assert (found.state, found.message[:7], left) == ("limit", "stopped", [])
    assert found.seconds < 15


@pytest.mark.parametrize("harm", [Harm.ERROR_503, Harm.DROPPED, Harm.CUT])
def test_a_request_that_fails_is_made_again(
    shared: Shared, small: Small, bucket: str, proxy: FaultyProxy, harm: Harm
) -> None:
    spec = on_s3(small, bucket)
    fault = Fault(harm, method="GET", times=1)
    with proxy.failing(fault):
        found = outcome(shared, spec)
    assert (found.state, found.message, fault.harmed) == ("done", "", 1)
    assert sorted(map(repr, found.rows)) == sorted(
        map(repr, outcome(shared, small.spec(QUERY)).rows)
    )


# ---------------------------------------------------------------- whoever broke into the process


@pytest.fixture
def line(small: Small, bucket: str) -> socket.socket:
    """The process's end of a line over which two small objects are lent."""
    first, second = (S3Path(bucket, name) for name in ("first", "second"))
    first.write_bytes(b"0123456789")
    second.write_bytes(b"abc")
    S3Path(bucket, "another").write_bytes(b"not lent")
    with lent([str(first), str(second)]) as handles:
        return socket.socket(fileno=os.dup(handles[0]))


def answered(line: socket.socket, number: int, start: int, size: int) -> tuple[int, bytes]:
    line.sendall(REQUEST.pack(number, start, size))
    (length,) = ANSWER.unpack(line.recv(ANSWER.size, socket.MSG_WAITALL))
    return length, line.recv(length, socket.MSG_WAITALL) if length > 0 else b""


@pytest.mark.parametrize(
    ("number", "start", "size"),
    [(2, 0, 1), (2**32 - 1, 0, 1), (0, 0, MOST + 1), (0, 0, 2**32 - 1)],
)
def test_a_line_refuses_what_is_not_of_the_query(
    line: socket.socket, number: int, start: int, size: int
) -> None:
    assert answered(line, number, start, size) == (FAILED, b"")
    assert answered(line, 1, 0, 3) == (3, b"abc"), "and goes on"


@pytest.mark.parametrize(
    ("start", "size", "told"),
    [(0, 3, b"012"), (8, 9, b"89"), (10, 1, b""), (2**64 - 1, 2, b""), (3, 0, b"")],
)
def test_a_line_gives_what_there_is(
    line: socket.socket, start: int, size: int, told: bytes
) -> None:
    assert answered(line, 0, start, size) == (len(told), told)


def test_a_line_closes_on_half_a_request(line: socket.socket) -> None:
    line.sendall(REQUEST.pack(0, 0, 1)[:5])
    line.shutdown(socket.SHUT_WR)
    assert line.recv(1) == b""


def test_a_line_tells_of_an_object_that_took_the_place_of_another(
    line: socket.socket, bucket: str
) -> None:
    big = S3Path(bucket, "first")
    big.write_bytes(bytes(3 * MB))
    assert answered(line, 0, 0, 1) == (1, b"\0")
    big.write_bytes(b"1" * 3 * MB)
    assert answered(line, 0, 2 * MB, 1) == (GONE, b"")


@pytest.mark.parametrize("told", [8, MOST, 2**31 - 1])
def test_an_answer_longer_than_asked_for_is_none(told: int) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(ANSWER.pack(told) + b"01234567")
        lines = Lines([theirs.fileno()])
        with pytest.raises(OSError, match="does not give a data file"):
            lines.ask(0, 7, 0)
        assert lines.trouble


def test_a_query_holds_its_lines_and_no_other_socket(
    shared: Shared, small: Small, bucket: str
) -> None:
    long = (
        "SELECT count(*) FROM machine_learning_curated a, range(100000000000) b WHERE b.range > a.x"
    )

    async def look(box: Sandbox) -> dict[str, str]:
        task = asyncio.ensure_future(ask(box, on_s3(small, bucket, long)))
        held = files(await running(box))
        for _ in range(100):
            if len(held) == 5 + LINES:
                break
            await asyncio.sleep(0.05)
            held = files(await running(box))
        task.cancel()
        await asyncio.wait([task])
        return held

    held = shared.together(look)
    sockets = [name for name in held.values() if name.startswith("socket:")]
    assert (len(sockets), len(held)) == (LINES, 5 + LINES), held


# ---------------------------------------------------------------- and what goes well


@pytest.mark.parametrize("role", ["scientist", "engineer"])
def test_rows_are_those_of_the_files_on_the_disk(
    shared: Shared, small: Small, bucket: str, role: str
) -> None:
    sql = "SELECT * FROM customers_curated ORDER BY ALL"
    here = small.spec(sql, role)
    there = on_s3(small, bucket, sql, role)

    async def both(box: Sandbox) -> list[Outcome]:
        return [await ask(box, here), await ask(box, there)]

    near, far = shared.together(both)
    assert near.rows
    assert near.rows == far.rows


def test_columns_longer_than_an_answer(shared: Shared, bucket: str, tmp_path: Path) -> None:
    numbers, file = random.Random(7), tmp_path / "one.parquet"
    rows = pa.table({"x": [numbers.getrandbits(40) for _ in range(MOST // 8 + 200_000)]})
    pq.write_table(rows, file, row_group_size=len(rows), use_dictionary=False)
    assert file.stat().st_size > MOST
    spec = of_numbers(put([str(file)], bucket), file, "SELECT count(*) AS n, sum(x) AS x FROM t")
    (row,) = outcome(shared, spec).rows
    assert row == {"n": len(rows), "x": sum(rows["x"].to_pylist())}


def test_nothing_is_lent_where_all_lies_on_the_disk(small: Small, s3: S3Server) -> None:
    with lent(small.spec(QUERY).lent) as handles:
        assert handles == []
