"""Rows that a hostile process left: read, or refused in words, whatever the bytes are."""

from __future__ import annotations

import io
import random
import tempfile
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from stedi.engines.spec import Limits
from stedi.sandbox.stream import MOST_NESTED, Unsafe, read

FEW = Limits(rows=1_000)


def written(table: pa.Table, **options: Any) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as stream:
        stream.write_table(table)
    return out.getvalue()


def taken(content: bytes) -> pa.Table:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        return read(file, FEW)


def honest() -> pa.Table:
    return pa.table(
        {
            "n": list(range(100)),
            "s": [f"text {n}" for n in range(100)],
            "l": [[n, None] for n in range(100)],
            "d": pa.array(["a", "b"] * 50).dictionary_encode(),
            "t": [{"a": n} for n in range(100)],
            "nothing": pa.nulls(100),
        }
    )


def test_what_is_honest_is_read():
    assert taken(written(honest())).equals(honest())


def bad_text() -> pa.Table:
    array = pa.Array.from_buffers(pa.string(), 1, [None, *_buffers([0, 2], b"\xff\xfe")])
    return pa.table({"s": array})


def bad_offsets() -> pa.Table:
    array = pa.Array.from_buffers(pa.string(), 2, [None, *_buffers([0, 2_000_000, 4], b"abcd")])
    return pa.table({"s": array})


def _buffers(offsets: list[int], text: bytes) -> list[pa.Buffer]:
    return [pa.array(offsets, pa.int32()).buffers()[1], pa.py_buffer(text)]


def no_values(rows: int) -> pa.Table:
    return pa.table({"n": pa.Array.from_buffers(pa.null(), rows, [None])})


def nulls_in_a_list() -> pa.Table:
    most = MOST_NESTED + 1
    return pa.table({"l": pa.LargeListArray.from_arrays([0, most], pa.nulls(most))})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (lambda: written(honest(), compression="zstd"), "compressed"),
        (lambda: written(honest().select(["d"]), compression="lz4"), "compressed"),
        (lambda: written(pa.table({"n": range(1_001)})), "more than 1,000 rows"),
        (lambda: written(no_values(1 << 40), allow_64bit=True), "more than 1,000 rows"),
        (lambda: written(nulls_in_a_list()), "lists of the result"),
        (lambda: written(bad_text()), "cannot be passed on"),
        (lambda: b"", "no readable rows"),
        (lambda: b"\xff" * 4096, "no readable rows"),
        (lambda: written(honest())[:500], "no readable rows"),
    ],
)
def test_what_is_not_is_refused(content: Callable[[], bytes], says: str):
    with pytest.raises(Unsafe, match=says):
        taken(content())


@pytest.mark.parametrize("seed", range(20))
def test_changed_bytes_give_rows_or_a_refusal(seed: int):
    chance, sound = random.Random(seed), written(honest())
    refused = 0
    for _ in range(50):
        content = bytearray(sound)
        for _ in range(chance.choice([1, 1, 4, 32])):
            content[chance.randrange(len(content))] = chance.randrange(256)
        try:
            assert len(taken(bytes(content)).to_pylist()) <= FEW.rows
        except Unsafe:
            refused += 1
    assert refused


@pytest.mark.parametrize("inside", [False, True])
def test_texts_told_once_and_meant_often_are_counted(inside: bool) -> None:
    """An ENUM of one long text and many rows is a few kB here, and GB where it is written out."""
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 2_000, pa.int8()), ["x" * 10_000])
    rows = pa.StructArray.from_arrays([column], names=["a"]) if inside else column
    with tempfile.TemporaryFile() as file:
        file.write(written(pa.table({"a": rows})))
        file.flush()
        with pytest.raises(Unsafe, match="ENUM"):
            read(file, Limits(size=1_000_000))
