"""Which small files are put together."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from stedi.contract import load_tables
from stedi.lake.model import DataFile, Source, Target
from stedi.maintain.compact import LARGEST, SMALL, WORTH, groups

MB = 1 << 20


def grouped(table: str, files: list[DataFile], buckets: int = 0) -> list[list[str]]:
    stored = SimpleNamespace(
        contract=load_tables()[table],
        summary={},
        source=lambda: Source(table, [], files),
        target=lambda: Target(table, "", [], buckets=buckets),
    )
    store: Any = SimpleNamespace(table=lambda name: stored)
    return [[file.path for file in group] for group in groups(store, table)]


def many(count: int, size: int, day: int | None = 1, until: int | None = None) -> list[DataFile]:
    first = date(2026, 1, day) if day else None
    last = date(2026, 1, until) if until else first
    return [DataFile(f"{day}/{n:03}", 10, size, first, last) for n in range(count)]


@pytest.mark.parametrize("table", ["accelerometer_landing", "accelerometer_trusted"])
def test_few_or_large_files_are_left_alone(table: str):
    assert grouped(table, []) == []
    assert grouped(table, many(WORTH - 1, MB) + many(20, SMALL, 2)) == []
    assert len(grouped(table, many(WORTH, SMALL - 1))) == 1


def test_days_are_never_mixed_where_the_table_is_partitioned_by_day():
    files = [*many(9, MB, 2), *many(9, MB, 1), *many(5, MB, 3)]
    assert grouped("accelerometer_trusted", files) == [
        [f"1/{n:03}" for n in range(9)],
        [f"2/{n:03}" for n in range(9)],
    ]


def test_a_file_of_several_or_unknown_days_is_left_alone_there():
    assert grouped("accelerometer_trusted", many(9, MB, 1, until=2)) == []
    assert grouped("accelerometer_trusted", many(9, MB, None)) == []


def test_files_go_together_in_the_order_of_their_times_up_to_a_size():
    files = many(30, 7 * MB, 2) + many(10, MB, 1)
    found = grouped("accelerometer_landing", files)
    assert [path for group in found for path in group] == [
        *(f"1/{n:03}" for n in range(10)),
        *(f"2/{n:03}" for n in range(30)),
    ]
    sizes = {f.path: f.bytes for f in files}
    assert all(sum(sizes[path] for path in group) <= LARGEST for group in found)
    assert len(found) == 2


def test_buckets_are_never_mixed_and_files_of_unknown_ones_left_alone():
    one = [replace(file, bucket=1) for file in many(WORTH, MB)]
    other = [replace(file, bucket=2, path=f"{file.path}-2") for file in many(WORTH, MB)]
    unknown = [replace(file, path=f"{file.path}-old") for file in many(WORTH, MB)]
    found = grouped("accelerometer_trusted", [*one, *unknown, *other], buckets=4)
    assert found == [[file.path for file in one], [file.path for file in other]]
