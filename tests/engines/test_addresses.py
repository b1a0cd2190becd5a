"""A person is the same person on every engine: lower(trim(...)) of all that may be landed.

A newer DuckDB, Spark or Python that knows more letters than `stedi.feeds.judge.UNALIKE` does
is found here.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stedi.feeds.judge import UNALIKE
from stedi.feeds.told import matched

SURROGATES = range(0xD800, 0xE000)
PERSON = "SELECT address, lower(trim(address)) AS person FROM addresses"
OTHERS = "SELECT address FROM people WHERE lower(trim(address)) <> person"
DIFFERING = [
    *("\u00a0a@x.com", "a@x.com\u3000", "\u0130a@x.com", "A\u03a3@x.com"),
    *("\u1c89@x.com", "\ua7dc@x.com", "\U00010d50@x.com"),
]


def accepted() -> list[str]:
    unalike = re.compile(f"[{UNALIKE}]")
    codes = (code for code in range(0x110000) if code not in SURROGATES)
    return [one for one in map(chr, codes) if not unalike.match(one)]


def landable() -> Iterator[str]:
    """Every character at the start, inside and at the end of a word; a sample of pairs."""
    characters = accepted()
    yield from (f"{one}aI{one}Ib{one}" for one in characters)
    draw = random.Random(7)
    for pool in (characters[:0x3000], characters):
        pairs = zip(*(draw.choices(pool, k=50_000) for _ in "ab"), strict=True)
        yield from (f"a{one}{two}I{two}{one}" for one, two in pairs)


@pytest.fixture(scope="module")
def people(on_duckdb, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of addresses with the person whom DuckDB sees in each."""
    return seen(on_duckdb, list(landable()), tmp_path_factory.mktemp("addresses"))


def seen(on_duckdb, addresses: list[str], folder: Path) -> Path:
    pq.write_table(pa.table({"address": addresses}), folder / "addresses.parquet")
    found = on_duckdb(PERSON, {"addresses": folder / "addresses.parquet"}, {})
    assert found.num_rows == len(addresses)
    pq.write_table(found, folder / "people.parquet")
    return folder / "people.parquet"


def test_python_reads_every_address_as_duckdb_does(people: Path):
    rows = pq.read_table(people).to_pydict()
    assert len(rows["address"]) > 1_200_000
    pairs = zip(rows["address"], rows["person"], strict=True)
    assert [ascii(text) for text, person in pairs if matched(text) != person][:20] == []


def test_spark_reads_every_address_as_duckdb_does(on_spark, people: Path):
    differing = on_spark(OTHERS, {"people": people}, {})["address"].to_pylist()
    assert [ascii(text) for text in differing][:20] == []


def test_what_is_refused_is_read_differently(on_duckdb, on_spark, tmp_path: Path):
    people = seen(on_duckdb, [*DIFFERING, "ADA@x.com"], tmp_path)
    differing = on_spark(OTHERS, {"people": people}, {})["address"].to_pylist()
    assert sorted(differing) == sorted(DIFFERING)
    assert all(re.search(f"[{UNALIKE}]", address) for address in DIFFERING)
