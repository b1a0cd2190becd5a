"""Deliveries of which it is known whose every line is, and a lake of them to forget people in."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import PurePath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from pyiceberg.manifest import read_manifest_list

import sites
import stedi
from helpers import LANDING, PROMOTED, SERIAL, T0, Row, line, ordered, record
from stedi.api import Lake
from stedi.lake.io import DurableFileIO
from stedi.places import Place, S3Path

DAY = 86_400_000
SHARED, PAIR, DORAS, JOS, BOBS = (SERIAL[:-1] + digit for digit in "abcde")
Lines = Sequence[tuple[str, bytes]]  # whose it is (several: separated by spaces), and the line
Deliveries = Mapping[str, Lines]  # by <feed>/<file>
_fresh = count()


def customer(whose: str, email: str, serial: str, update: int = 0, **changes: Any) -> Any:
    """A customer's record, in a spelling of the address."""
    changes = {"lastUpdateDate": T0 + update, "customerName": f"{whose} name"} | changes
    changes.setdefault("phone", str(8_015_550_000 + sum(whose.encode())))
    return whose, line("customer", email=email, serialNumber=serial, **changes) + b"\n"


def readings(whose: str, user: str, *at: int) -> list[tuple[str, bytes]]:
    """Accelerometer readings at so many ms after T0."""
    made = (record("accelerometer", user=user, timestamp=T0 + ms, x=ms % 7 / 2) for ms in at)
    return [(whose, json.dumps(one).encode() + b"\n") for one in made]


def steps(whose: str, serial: str, *at: int) -> list[tuple[str, bytes]]:
    """Step-trainer readings at so many ms after T0."""
    made = (record("step_trainer", serialNumber=serial, sensorReadingTime=T0 + ms) for ms in at)
    return [(whose, json.dumps(one).encode() + b"\n") for one in made]


TIMES = (1, 2, 2 * DAY)
MANY: Deliveries = {
    "customer/1.json": [
        customer("ada", " Ada@Test.com", SERIAL, customerName="Ada Byron", phone="8015559999"),
        customer("carl", "carl@test.com", SHARED),
        ("", b"\n"),
        customer("dora", "dora@test.com", DORAS, customerName="ada byron", phone="8015559999"),
        customer("joada", "joada@test.com", JOS),
        customer("eve", "eve@test.com", PAIR),
        customer("finn", "FINN@test.com ", PAIR, shareWithResearchAsOfDate=0),
    ],
    "customer/2.json.gz": [customer("ada", "ada@test.com", SHARED, 5, phone="8015558888")],
    "accelerometer/1.json.gz": [
        *readings("ada", "ada@test.com", *TIMES),
        *readings("joada", "joada@test.com", *TIMES),
        *readings("carl", "carl@test.com", *TIMES),
        ("ada", b"user=ada@test.com;x=1\n"),
        ("ada", b'{"user": "\\u0061da@test.com", "x": 1}\n'),
        ("", b"user=ada@test.com.au;x=1\n"),
    ],
    "accelerometer/2.json.zst": [
        *readings("dora", "dora@test.com", *TIMES),
        *readings("ada", "ADA@TEST.COM ", 3),
        ("quin", line("accelerometer", "x", user="quin@test.com") + b"\r\n"),
        ("joada", line("accelerometer", "x", user="joada@test.com") + b"\r\n"),
        *readings("eve", "eve@test.com", *TIMES),
        *readings("finn", "finn@test.com", *TIMES),
    ],
    "step_trainer/1.json": [
        *steps("ada", SERIAL, *TIMES),
        *steps("ada carl", SHARED, *TIMES),
        *steps("dora", DORAS, *TIMES),
        *steps("joada", JOS, 1),
        ("ada", line("step_trainer", "sensorReadingTime", serialNumber=SERIAL) + b"\n"),
        ("dora", line("step_trainer", "sensorReadingTime", serialNumber=DORAS)),
    ],
    "step_trainer/2.json": [*steps("eve finn", PAIR, *TIMES)],
}
FEW: Deliveries = {
    "customer/1.json": [
        customer("ada", "Ada@test.com", SERIAL, customerName="Ada Byron", phone="8015559999"),
        customer("bob", "bob@test.com", BOBS),
    ],
    "accelerometer/1.json": [
        *readings("ada", "ada@test.com", 1, 2),
        *readings("bob", "bob@test.com", 1, 2),
        ("ada", line("accelerometer", "x", user="ada@test.com") + b"\n"),
    ],
    "accelerometer/2.json.gz": [
        *readings("bob", "bob@test.com", 3),
        *readings("ada", "ada@test.com", 3),
    ],
    "step_trainer/1.json": [*steps("ada", SERIAL, 1, 2), *steps("bob", BOBS, 1, 2)],
}
ADAS = ("ada@test.com", "Ada Byron", "8015559999", SERIAL)


@dataclass(frozen=True)
class World:
    """A landing folder and the lake of it, both as they were after the first run."""

    root: Place
    deliveries: Deliveries

    @property
    def lake(self) -> Place:
        return self.root / "work" / "lake"

    @property
    def landing(self) -> Place:
        return self.root / "work" / "landing"

    def build(self, consent: str = "since") -> World:
        """Deliver, run, and put a copy aside."""
        for name, lines in self.deliveries.items():
            deliver(self.landing / name, lines)
        with sites.create(self.lake, consent) as lake:
            lake.run(self.landing)
        sites.keep(self.root)
        return self

    def restore(self) -> World:
        """Both as they were, at the same place."""
        sites.restore(self.root)
        return self

    def fresh(self) -> Lake:
        """Another lake, with the same key and policy, of what is in the landing folder now."""
        root = self.root / f"fresh-{next(_fresh)}"
        root.mkdir()
        if not isinstance(root, S3Path):  # there, all lakes have that of the environment
            (root / "pseudonym.key").write_bytes((self.lake / "pseudonym.key").read_bytes())
        with stedi.open(self.lake) as lake:
            made = sites.create(root, lake.home.consent)
        made.run(self.landing)
        return made

    def without(self, *forgotten: str) -> dict[str, bytes]:
        """What every delivered file holds, unpacked, once some people's lines are gone."""
        return {
            name: b"".join(text for whose, text in lines if not {*whose.split()} & {*forgotten})
            for name, lines in self.deliveries.items()
        }

    def delivered(self) -> dict[str, bytes]:
        """What the delivered files hold now, unpacked."""
        return {name: unpacked(self.landing / name) for name in self.deliveries}


def deliver(path: Place, lines: Lines) -> Place:
    """Write a file as its name says: plain, .gz or .zst."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = b"".join(text for _, text in lines)
    pack = {".gz": gzip.compress, ".zst": zstandard.compress}.get(path.suffix, bytes)
    path.write_bytes(pack(data))
    return path


def unpacked(path: Place) -> bytes:
    data = path.read_bytes()
    if path.suffix == ".zst":
        return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read()
    return gzip.decompress(data) if path.suffix == ".gz" else data


PASSING = ("catalog.db-shm", "lock", "readers")  # what locks leave, and a database's memory


def bytes_of(*folders: Place) -> dict[str, bytes]:
    """Every file below some folders."""
    return {
        path: data
        for folder in folders
        for path, data in sites.files(folder).items()
        if PurePath(path).name not in PASSING and data
    }


def everything(root: Place) -> bytes:
    """Every byte below a folder, and what Parquet and Avro files hold once decoded."""
    found = bytes_of(root)
    tables = (data for path, data in found.items() if path.endswith(".parquet"))
    decoded = [str(pq.read_table(pa.BufferReader(data)).to_pylist()) for data in tables]
    decoded += [_avro(path) for path in found if path.endswith(".avro") and "snap-" in path]
    parts = [*found.values(), *map(str.encode, found), *map(str.encode, decoded)]
    return b"\n".join(parts).lower()


def _avro(path: str) -> str:
    io_ = DurableFileIO()
    manifests = list(read_manifest_list(io_.new_input(path)))
    entries = [e for one in manifests for e in one.fetch_manifest_entry(io_, discard_deleted=False)]
    return f"{manifests} {[vars(entry.data_file) | {'_': repr(entry)} for entry in entries]}"


def told(haystack: bytes, values: Collection[str]) -> list[str]:
    """Which values stand somewhere, not as a part of a longer word."""
    return [
        value
        for value in values
        if re.search(
            rb"(?<![\w.%+-])" + re.escape(value.lower().encode()) + rb"(?![\w-]|\.\w)", haystack
        )
    ]


def rows(lake: Lake, table: str) -> list[Row]:
    """A table's rows, none if it was never made."""
    return ordered(lake.sql(f"SELECT * FROM {table}"))


OF_A_RUN = ("run", "batch")


def contents(lake: Lake, *leaving: str) -> dict[str, list[Row]]:
    """Every table of people's rows; without what differs from run to run, and `leaving`.

    One query for all: each opens a database of its own, which takes longer than these rows do.
    """
    names = (*LANDING, *PROMOTED, "quarantine")
    found: dict[str, list[Row]] = {name: [] for name in names}
    selects = (f"SELECT held AS {name} FROM {name} AS held" for name in names)
    for one in lake.sql(" UNION ALL BY NAME ".join(selects)):
        ((name, row),) = ((name, row) for name, row in one.items() if row is not None)
        found[name].append({k: v for k, v in row.items() if k not in (*OF_A_RUN, *leaving)})
    return {name: ordered(rows) for name, rows in found.items()}


def counts(lake: Lake) -> dict[str, tuple[Any, ...]]:
    """The account of every table; AssertionError if one does not balance."""
    lines = lake.account()
    assert all(one.balanced for one in lines)
    return {one.table: (one.rows_in, one.rows_out, dict(one.excluded)) for one in lines}
