"""Objects that are searched in parts: all is found, and no more is held than need be."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest

from erasure.parquets import PARQUET, parquet
from erasure.test_search import EMAIL, NEEDLES
from stedi.erasure.look import Look, Unreadable
from stedi.erasure.parquet import search_parquet
from stedi.erasure.window import Window
from stedi.places.bulk import S3Reader

FIRST, AHEAD = 512, 2048
NEAR = "joann.o'lee@x.com"


class Bytes:
    """What is asked of an object: `asked` are the places, in order, and the bytes of each."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)
        self.asked: list[tuple[int, int]] = []

    def read_at(self, size: int, start: int) -> bytes:
        self.asked.append((start, min(size, self.size - start)))
        return self.data[start : start + size]

    @property
    def sum(self) -> int:
        return sum(size for _, size in self.asked)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of some hundred bytes."""
    monkeypatch.setattr("stedi.erasure.window.FIRST", FIRST)
    monkeypatch.setattr("stedi.erasure.window.AHEAD", AHEAD)


def window(source: Bytes) -> Window:
    return Window(cast(S3Reader, source))


def searched(source: Bytes) -> Look:
    look = Look(NEEDLES)
    search_parquet(window(source), look)
    return look


def long(folder: Path, **options: Any) -> Bytes:
    """A table of some 200 KB in ten row groups."""
    texts = [os.urandom(20).hex() for _ in range(2000)]
    table = pa.table({"a": texts, "n": range(2000), "b": texts})
    path = parquet(folder, table, compression="none", row_group_size=200, **options)
    return Bytes(path.read_bytes())


@pytest.mark.parametrize("at_once", [64 << 20, 100])
@pytest.mark.parametrize("where", [one for one in PARQUET if "gzip" not in one.split()])
def test_what_is_planted_in_a_table_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, at_once: int
) -> None:
    monkeypatch.setattr("stedi.erasure.parquet._AT_ONCE", at_once)
    monkeypatch.setattr("stedi.erasure.parquet._STREAMED", 300)
    monkeypatch.setattr("stedi.erasure.parquet._ROWS", 7)
    for text, kinds in ((EMAIL, {"email"}), (NEAR, set())):
        path = cast(Path, PARQUET[where](tmp_path, text))
        found = searched(Bytes(path.read_bytes())).found
        assert {kind for _, kind in found} == kinds


@pytest.mark.parametrize("harm", [slice(-10), slice(-300, None), slice(0, 20)])
def test_a_part_of_a_table_is_none(tmp_path: Path, harm: slice) -> None:
    with pytest.raises(Unreadable, match="Parquet cannot be decoded"):
        searched(Bytes(long(tmp_path).data[harm]))


def test_every_byte_of_a_table_is_asked_for_once_and_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stedi.erasure.window.FIRST", 16 * FIRST)  # more than the metadata
    table = long(tmp_path)
    assert searched(table).searched > table.size / 2
    assert table.sum <= table.size + 16 * FIRST
    assert max(size for _, size in table.asked) < table.size / 8


def test_a_column_longer_than_memory_should_hold_is_read_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stedi.erasure.parquet._AT_ONCE", 4 * AHEAD)
    monkeypatch.setattr("stedi.erasure.parquet._STREAMED", 300)
    texts = [os.urandom(20).hex() for _ in range(2000)]
    path = parquet(
        tmp_path, pa.table({"a": texts}), compression="none", use_dictionary=False,
        data_page_size=600, write_batch_size=10, row_group_size=2000,
    )  # fmt: skip
    table = Bytes(path.read_bytes())
    assert searched(table).searched > sum(map(len, texts))
    assert max(size for _, size in table.asked) < table.size / 4
    assert table.sum < 3 * table.size


@pytest.mark.parametrize("size", [0, 1, FIRST, FIRST + 1, AHEAD, AHEAD + FIRST, 10 * AHEAD + 7])
def test_a_text_is_read_from_its_beginning_to_its_end(size: int) -> None:
    text = Bytes(os.urandom(size))
    file = window(text)
    assert (len(file), file.read(16)) == (size, text.data[:16])
    file.seek(0)
    parts = list(iter(lambda: file.read(100), b""))
    assert b"".join(parts) == text.data
    assert text.sum <= size + FIRST


def test_any_part_in_any_order_is_what_stands_there() -> None:
    text = Bytes(os.urandom(10 * AHEAD))
    file = window(text)
    for start, end in ((5000, 5100), (10, 20), (-8, None), (-600, -500), (4900, 9000), (7, 7)):
        assert file[start:end] == text.data[start:end]
