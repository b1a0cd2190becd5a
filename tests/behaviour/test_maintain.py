"""Upkeep makes a lake smaller and no row different, beside readers and wherever it is killed."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import sites
import stedi
from helpers import (
    SERIAL,
    T0,
    Row,
    deliver,
    ordered,
    read_source,
    record,
    rows_of,
    snapshots_of,
)
from stedi.api import Lake
from stedi.cli.app import run
from stedi.contract import load_tables
from stedi.engines.arrow import write_rows
from stedi.errors import LakeBusyError, LakeError, StorageError, UsageError
from stedi.lake import upkeep
from stedi.lake.policy import UpkeepPolicy
from stedi.lake.readers import reading
from stedi.lake.stored import StoredTable
from stedi.maintain import compact, due, expire_all, maintain
from stedi.places import Place, S3Path, place

DAY = 86_400_000
BOB = "b" * 36
SCATTERED = ("accelerometer_landing", "accelerometer_trusted", "quarantine")
Rows = dict[str, list[Row]]


def readings(start: int, count: int = 4, user: str = "ada@test.com") -> list[Row]:
    return [
        record("accelerometer", user=user, timestamp=T0 + start + n + day * DAY, x=float(n))
        for day in range(2)
        for n in range(count)
    ]


def steps(start: int, count: int = 4) -> list[Row]:
    return [record("step_trainer", sensorReadingTime=T0 + start + n) for n in range(count)]


def fill(lake: Lake, landing: Place) -> None:
    """Two runs; the second replaces a file of the first. Both quarantine lines."""
    bob = record("customer", email="bob@test.com", serialNumber=BOB)
    deliver(landing, "customer", "0.json", [record("customer"), bob])
    deliver(landing, "accelerometer", "0.json", [*readings(0), b"no JSON"])
    deliver(landing, "step_trainer", "0.json", steps(0))
    lake.run(landing)
    deliver(landing, "accelerometer", "0.json", [*readings(0, 3), b"{", b"worse"])
    deliver(landing, "accelerometer", "1.json", [*readings(10), b"no JSON"])
    deliver(landing, "step_trainer", "1.json", steps(10))
    lake.run(landing)
    for name in SCATTERED:
        scatter(lake, name)


def scatter(lake: Lake, name: str) -> None:
    """Give every row of a table a file of its own."""
    table = lake.store.table(name)
    added = [write_rows([row], table.target()) for row in rows_of(lake, name)]
    table.publish(added, table.inherited(), removed=None)
    lake.store.forget()


@pytest.fixture(scope="module")
def built(new_site: Callable[[], Place]) -> Place:
    """A place with a filled lake and its landing files, of which a copy is kept."""
    root = new_site()
    with sites.create(root / "work" / "lake") as lake:
        fill(lake, root / "work" / "landing")
    sites.keep(root)
    return root


@pytest.fixture
def grown(built: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    """The filled lake as it was; four small files are worth putting together."""
    sites.restore(built)
    monkeypatch.setattr(compact, "WORTH", 4)
    monkeypatch.setattr(maintain, "__defaults__", (0.2,))
    with stedi.open(built / "work" / "lake") as lake:
        yield lake


def landing_of(lake: Lake) -> Place:
    return lake.home.root.parent / "landing"


def keep(lake: Lake, **policy: object) -> None:
    """Change [maintain] in stedi.toml."""
    where = lake.home.root / "stedi.toml"
    lines = [line for line in where.read_text().splitlines() if line.split(" =")[0] not in policy]
    lines += [f"{key} = {json.dumps(value)}" for key, value in policy.items()]
    where.write_text("\n".join(lines) + "\n")


def content(lake: Lake) -> Rows:
    """The rows of all tables, read from their files by another library than the lake's."""
    lake.store.forget()
    return {name: ordered(read_source(lake.store.table(name).source())) for name in load_tables()}


def on_disk(lake: Lake) -> set[str]:
    return set(sites.files(lake.home.warehouse))


def referenced(lake: Lake) -> set[str]:
    """What the metadata names, by the library's own listings."""
    lake.store.forget()
    found: set[str] = set()
    for name in load_tables():
        table = lake.store.table(name).iceberg
        if table is None:
            continue
        found |= {table.metadata_location, *(e.metadata_file for e in table.metadata.metadata_log)}
        found |= {snapshot.manifest_list for snapshot in table.snapshots()}
        found |= set(table.inspect.all_manifests()["path"].to_pylist())
        found |= set(table.inspect.all_files()["file_path"].to_pylist())
    return {path.removeprefix("file://") for path in found}


def digest(root: Place) -> dict[str, str]:
    return {
        path: hashlib.sha256(data).hexdigest()
        for path, data in sites.files(root).items()
        if not path.endswith(("-wal", "-shm"))
    }


# ---------------------------------------------------------------- small files


def test_every_table_keeps_its_rows_in_fewer_files(grown: Lake, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(compact, "WORTH", 2)
    before, read = content(grown), rows_of(grown, "accelerometer_trusted")
    files = {entry.table: entry.files for entry in grown.status()}
    done = grown.maintain()
    assert content(grown) == before
    assert rows_of(grown, "accelerometer_trusted") == read
    assert {line.balanced for line in grown.account()} == {True}
    after = {entry.table: entry.files for entry in grown.status()}
    for table in done.tables:
        assert after[table.table] == files[table.table] - table.compacted + table.into
    together = {table.table.partition(".")[2] for table in done.tables if table.compacted}
    assert {*SCATTERED, "files", "runs", "step_trainer_landing"} <= together
    assert after["landing.accelerometer_landing"] == 1
    assert after["trusted.accelerometer_trusted"] == 2
    current = snapshots_of(grown)
    assert not grown.run(landing_of(grown)).changed
    assert snapshots_of(grown) == current


def test_a_file_delivered_again_after_upkeep_replaces_its_rows(
    grown: Lake, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(compact, "WORTH", 2)
    grown.maintain()
    landing = landing_of(grown)
    deliver(landing, "accelerometer", "0.json", [*readings(100, 2), b"still no JSON"])
    grown.run(landing)
    bad = rows_of(grown, "quarantine", None, "run", "batch")
    assert sorted((Path(row["file"]).name, row["text"]) for row in bad) == [
        ("0.json", "still no JSON"),
        ("1.json", "no JSON"),
    ]
    landed = rows_of(grown, "accelerometer_landing", None, "_source_file")
    fresh = [*readings(100, 2), *readings(10)]
    assert sorted(row["timestamp"].timestamp() for row in landed) == sorted(
        row["timestamp"] / 1000 for row in fresh
    )
    assert {line.balanced for line in grown.account()} == {True}


def test_rows_of_a_batch_that_was_never_landed_stay_out(grown: Lake):
    """A killed run left ledger rows; upkeep must not make them count by moving them."""
    files = grown.store.table("files")
    row = rows_of(grown, "files")[0] | {"file": "/never/landed.json", "batch": 99}
    target = files.target()
    stray = write_rows(
        [row], type(target)(target.name, f"{target.location}/accelerometer-99", target.fields)
    )
    files.publish([stray], files.inherited())
    grown.maintain()
    assert "/never/landed.json" not in {entry["file"] for entry in rows_of(grown, "files")}


def test_rows_that_get_lost_on_the_way_are_not_published(
    grown: Lake, monkeypatch: pytest.MonkeyPatch
):
    before, disk = content(grown), on_disk(grown)
    monkeypatch.setattr(compact, "_write", lambda batches, schema, path: 0)
    with pytest.raises(StorageError, match="nothing was published"):
        grown.maintain()
    assert content(grown) == before
    assert on_disk(grown) == disk


# ---------------------------------------------------------------- old versions


def test_versions_beyond_the_count_go(grown: Lake):
    keep(grown, keep_snapshots=1)
    before = content(grown)
    grown.maintain()
    assert {entry.snapshots for entry in grown.status() if entry.files} == {1}
    assert content(grown) == before
    now = snapshots_of(grown), on_disk(grown)
    again = grown.maintain()
    assert {(t.compacted, t.expired, t.removed) for t in again.tables} == {(0, 0, 0)}
    assert (snapshots_of(grown), on_disk(grown)) == now


def test_versions_beyond_the_age_go_but_never_the_current_one(grown: Lake):
    table = grown.store.table("accelerometer_landing")
    versions = [version.id for version in table.snapshots()]
    later = datetime.now(UTC) + timedelta(days=8)
    assert upkeep.expirable(table, UpkeepPolicy(), (), later) == versions[:-1]
    assert upkeep.expirable(table, UpkeepPolicy(keep_days=9), (), later) == []
    assert upkeep.expirable(table, UpkeepPolicy(), versions[:2], later) == versions[2:-1]


def test_what_the_next_run_compares_with_stays(grown: Lake):
    landing = landing_of(grown)
    deliver(landing, "accelerometer", "9.json", readings(300))
    table = grown.store.table("accelerometer_landing")
    seen = table.source_id
    scatter(grown, "accelerometer_landing")
    keep(grown, keep_snapshots=1)
    grown.maintain()
    assert seen is not None
    result = grown.run(landing)
    assert "accelerometer_trusted" in {r.account.table.partition(".")[2] for r in result.refreshed}


def test_an_expired_version_is_refused_and_not_taken_for_an_empty_one(grown: Lake):
    first = grown.history("accelerometer_landing")[0][1]
    assert rows_of(grown, "accelerometer_landing", str(first.id))
    assert rows_of(grown, "accelerometer_landing", "2020-01-01") == []
    keep(grown, keep_snapshots=1)
    grown.maintain()
    with pytest.raises(UsageError, match=f"there is no snapshot {first.id}"):
        grown.table("accelerometer_landing", str(first.id))
    with pytest.raises(LakeError, match=r"accelerometer_landing: its version of .* has expired"):
        rows_of(grown, "accelerometer_landing", first.at.isoformat())


def test_older_metadata_files_do_not_pile_up(grown: Lake, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(upkeep.expire, "__defaults__", (2,))
    grown.maintain()
    table = grown.home.warehouse / "landing" / "accelerometer_landing"
    kept = [path for path in sites.files(table / "metadata") if path.endswith(".json")]
    assert len(kept) == 3


# ---------------------------------------------------------------- files that nobody names


def test_what_killed_runs_left_is_removed_and_nothing_else(grown: Lake):
    table = grown.home.warehouse / "trusted" / "accelerometer_trusted"
    strays = [
        table / "data" / "feed" / "deep" / "left.parquet",
        table / "metadata" / "00099-left.metadata.json",
        table / "metadata" / "snap-left.avro",
    ]
    for path in strays:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"left")
    scratch = grown.home.scratch.with_name("999999999")
    scratch.mkdir(parents=True)
    before = content(grown)
    grown.maintain()
    assert on_disk(grown) == referenced(grown)
    assert content(grown) == before
    assert not scratch.exists()
    assert not (table / "data" / "feed").exists()
    for name, version in grown.history():
        source = grown.store.table(name.partition(".")[2]).source(version.id)
        assert len(read_source(source)) == version.rows


def test_expired_files_are_removed_and_nothing_else(grown: Lake):
    keep(grown, keep_days=0)
    before, disk = content(grown), on_disk(grown)
    done = grown.maintain()
    assert on_disk(grown) == referenced(grown)
    assert content(grown) == before
    gone = disk - on_disk(grown)
    assert len(gone) <= sum(table.removed for table in done.tables)
    assert sum(table.freed for table in done.tables) > 0


@pytest.mark.on_s3
def test_a_lost_data_file_stops_the_removal(grown: Lake):
    lost = place(grown.store.table("customer_trusted").source().files[0].path)
    stray = lost.parent / "stray.parquet"
    stray.write_bytes(b"left")
    lost.unlink()
    with pytest.raises(LakeError, match=f"{lost.name} is missing.*restore it"):
        grown.maintain()
    assert stray.exists()


def test_what_another_engine_tagged_stays(grown: Lake):
    table = grown.store.table("accelerometer_landing").iceberg
    assert table is not None
    first = table.snapshots()[0].snapshot_id
    table.manage_snapshots().create_tag(first, "release").commit()
    keep(grown, keep_snapshots=1, keep_days=0)
    grown.maintain()
    assert first in {version.id for _, version in grown.history("accelerometer_landing")}
    assert on_disk(grown) == referenced(grown)


# ---------------------------------------------------------------- readers


def test_a_reader_in_the_middle_keeps_its_files(grown: Lake):
    keep(grown, keep_days=0)
    expected = rows_of(grown, "accelerometer_landing")
    many = grown.sql("SELECT r.x FROM accelerometer_landing AS r, range(20000)").batches()
    first = many.read_next_batch().num_rows
    disk = on_disk(grown)
    with stedi.open(grown.home.root) as beside:
        left = beside.maintain()
        assert left.left > 0
        assert {table.removed for table in left.tables} == {0}
        assert disk <= on_disk(grown)
        assert first + sum(b.num_rows for b in many) == 20_000 * len(expected)
        assert beside.maintain().left == 0
    assert on_disk(grown) == referenced(grown)
    assert rows_of(grown, "accelerometer_landing") == expected


def test_a_reader_that_was_dropped_keeps_nothing_and_rows_are_read_anew(grown: Lake):
    keep(grown, keep_days=0)
    rows = grown.table("accelerometer_landing")
    reader = rows.batches()
    del reader
    before = rows.to_arrow().num_rows
    assert grown.maintain().left == 0
    assert rows.to_arrow().num_rows == before


@pytest.mark.on_s3
def test_a_connection_of_your_own_keeps_its_files(grown: Lake, tmp_path: Path):
    import duckdb

    keep(grown, keep_days=0)
    relation = grown.table("accelerometer_landing").to_duckdb(duckdb.connect())
    assert grown.maintain().left > 0
    assert relation.project("x").fetchall()
    del relation
    assert grown.maintain().left == 0


def test_a_reader_waits_while_files_are_removed(grown: Lake, monkeypatch: pytest.MonkeyPatch):
    keep(grown, keep_days=0)
    order: list[str] = []
    removed = upkeep.remove
    readers: list[threading.Thread] = []

    def read() -> None:
        with stedi.open(grown.home.root) as beside:
            assert rows_of(beside, "accelerometer_landing")
        order.append("read")

    def slowly(stored: StoredTable, files: dict[Path, int]) -> None:
        if not readers:
            readers.append(threading.Thread(target=read))
            readers[0].start()
            readers[0].join(0.5)
        removed(stored, files)
        order.append("removed")

    monkeypatch.setattr(upkeep, "remove", slowly)
    grown.maintain()
    readers[0].join()
    assert order == ["removed"] * len(load_tables()) + ["read"]


# ---------------------------------------------------------------- stopped, refused, tried first


def fail_after(function: Callable[..., object], calls: int) -> Callable[..., object]:
    """A function that does its work and then fails, at the n-th call."""
    left = [calls]

    def wrapped(*arguments: object, **named: object) -> object:
        result = function(*arguments, **named)
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return result

    return wrapped


STEPS = [
    (compact, "_write", 2),
    (StoredTable, "publish", 1),
    (upkeep, "expire", 2),
    (upkeep, "garbage", 3),
    (Path, "unlink", 9),
    (upkeep, "remove", 2),
    (upkeep, "tidy_catalog", 1),
]


def test_wherever_it_is_stopped_nothing_is_lost_and_the_next_one_goes_on(
    grown: Lake, monkeypatch: pytest.MonkeyPatch
):
    keep(grown, keep_days=0)
    before = content(grown)
    on_s3 = isinstance(grown.home.root, S3Path)  # where objects go a thousand at once
    for owner, name, calls in (one for one in STEPS if one[0] is not Path or not on_s3):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, fail_after(getattr(owner, name), calls))
            with pytest.raises(KeyboardInterrupt):
                grown.maintain()
        assert content(grown) == before, name
    assert grown.maintain().left == 0
    assert content(grown) == before
    assert on_disk(grown) == referenced(grown)


def test_a_dry_run_changes_no_byte(grown: Lake):
    keep(grown, keep_days=0)
    before = digest(grown.home.root)
    told = grown.maintain(dry_run=True)
    assert digest(grown.home.root) == before
    assert sum(table.expired for table in told.tables) > 0
    assert sum(table.removed for table in told.tables) > 0
    done = grown.maintain()
    assert [(t.compacted, t.into) for t in told.tables] == [
        (t.compacted, t.into) for t in done.tables
    ]
    empty = grown.maintain(dry_run=True)
    assert {(t.compacted, t.expired, t.removed) for t in empty.tables} == {(0, 0, 0)}


def test_a_run_at_work_is_not_disturbed(grown: Lake):
    with (
        stedi.open(grown.home.root) as beside,
        beside.home.lock(),
        pytest.raises(LakeBusyError, match="another run"),
    ):
        grown.maintain()


@pytest.mark.on_disk("modes and pages of files")
def test_a_read_only_lake_is_named(grown: Lake, monkeypatch: pytest.MonkeyPatch):
    opened = os.open

    def refuse(path: object, flags: int, *more: int) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and str(path).startswith(
            str(grown.home.root)
        ):
            raise OSError(30, "Read-only file system", str(path))
        return opened(path, flags, *more)

    before = content(grown)
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StorageError, match="read-only; mount it writable"):
        grown.maintain()
    assert content(grown) == before
    (grown.home.root / "readers").unlink()
    assert content(grown) == before


def test_an_empty_lake_needs_nothing(lake: Lake):
    assert lake.maintain(only_if_due=True) is None
    done = lake.maintain()
    assert {(t.compacted, t.expired, t.removed) for t in done.tables} == {(0, 0, 0)}


# ---------------------------------------------------------------- when it is due


def test_it_is_due_when_the_time_has_come(grown: Lake):
    assert not due(grown.store)
    grown.maintain()
    visit = grown.home.root / "maintained"
    said = json.loads(visit.read_text())
    visit.write_text(json.dumps(said | {"at": "2020-01-01T00:00:00+00:00"}))
    assert due(grown.store)
    assert grown.maintain(only_if_due=True) is not None
    assert grown.maintain(only_if_due=True) is None
    visit.write_text("no JSON")
    assert not due(grown.store)


def test_it_is_due_when_files_or_versions_gather(grown: Lake, monkeypatch: pytest.MonkeyPatch):
    grown.maintain()
    scatter(grown, "accelerometer_landing")
    assert not due(grown.store)
    monkeypatch.setattr("stedi.maintain.visits.GROWTH", 10)
    assert due(grown.store)
    monkeypatch.undo()
    keep(grown, keep_snapshots=1)
    assert grown.maintain(only_if_due=True) is None
    with stedi.open(grown.home.root) as anew:
        assert anew.maintain(only_if_due=True) is not None
    keep(grown, every="never", keep_snapshots=1)
    (grown.home.root / "maintained").unlink()
    with stedi.open(grown.home.root) as anew:
        assert anew.maintain(only_if_due=True) is None


# ---------------------------------------------------------------- nothing of the past


def test_expire_all_leaves_the_current_version_and_nothing_else(grown: Lake):
    table = grown.store.table("accelerometer_landing").iceberg
    assert table is not None
    first = table.snapshots()[0].snapshot_id
    table.manage_snapshots().create_tag(first, "release").commit()
    before = content(grown)
    with grown.home.lock():
        done = expire_all(grown.store)
        again = expire_all(grown.store)
    assert sum(entry.expired for entry in done.tables) > 0
    assert {(entry.expired, entry.removed) for entry in again.tables} == {(0, 0)}
    assert {entry.snapshots for entry in grown.status() if entry.files} == {1}
    assert content(grown) == before
    metadata = {Path(path).parent for path in on_disk(grown) if path.endswith(".metadata.json")}
    files = [path for path in on_disk(grown) if path.endswith(".metadata.json")]
    assert len(files) == len(metadata) == len({table for table, _ in grown.history()})
    logged = {path for path in referenced(grown) if path.endswith(".metadata.json")}
    assert on_disk(grown) == referenced(grown) - (logged - set(files))
    assert not grown.run(landing_of(grown)).changed


@pytest.mark.on_disk("modes and pages of files")
def test_expire_all_leaves_no_old_page_in_the_catalog(grown: Lake):
    catalog = grown.home.catalog
    with closing(sqlite3.connect(catalog)) as connection, connection:
        connection.execute("CREATE TABLE told (text)")
        connection.execute("INSERT INTO told VALUES (?)", ["a secret of Ada's"])
        connection.execute("DROP TABLE told")
    with grown.home.lock():
        expire_all(grown.store)
    for path in grown.home.root.glob("catalog.db*"):
        assert b"secret of Ada" not in path.read_bytes()
    wal = catalog.with_name("catalog.db-wal")
    assert not wal.exists() or wal.stat().st_size == 0


def test_expire_all_waits_for_a_reader_but_not_for_ever(grown: Lake):
    with grown.home.lock(), reading(grown.home):
        done = expire_all(grown.store, ["accelerometer_landing"], wait=0.1)
    assert [entry.table for entry in done.tables] == ["landing.accelerometer_landing"]
    assert done.tables[0].removed > 0
    assert done.left == 0
    assert SERIAL in {row["serialnumber"] for row in rows_of(grown, "customer_landing")}


# ---------------------------------------------------------------- the command


def test_the_command_prints_a_row_a_table_and_says_what_it_left(
    grown: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def command(*options: str) -> tuple[int, str, str]:
        arguments = ["stedi", "maintain", "--lake", str(grown.home.root), *options]
        monkeypatch.setattr("sys.argv", arguments)
        return run(), *capsys.readouterr()

    handler = signal.getsignal(signal.SIGTERM)
    keep(grown, keep_days=0)
    with reading(grown.home):
        code, out, err = command("--format", "json")
    rows = {row["table"]: row for row in json.loads(out)}
    assert code == 0
    assert rows["landing.accelerometer_landing"]["into"] == 1
    assert set(rows) == {table.full_name for table in load_tables().values()}
    assert "for next time: a reader is at work" in err
    assert "removed" in command()[2]
    assert "nothing to do" in command("--dry-run")[2]
    assert command("--if-due")[1:] == ("", "not due yet\n")
    with grown.home.lock():
        code, out, err = command()
    assert (code, out) == (1, "")
    assert "--wait SECONDS" in err
    signal.signal(signal.SIGTERM, handler)
