"""What the product refuses to do, and what it says then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import sites
import stedi
from helpers import deliver, record, rows_of
from stedi.api import Lake
from stedi.errors import (
    LakeBusyError,
    LakeError,
    LakeVersionError,
    QueryError,
    StediError,
    UsageError,
)
from stedi.places import Place

FORBIDDEN = [
    "INSERT INTO customer_trusted SELECT * FROM customer_trusted",
    "UPDATE customer_trusted SET email = 'x'",
    "DELETE FROM customer_trusted",
    "DROP TABLE customer_trusted",
    "DROP VIEW customer_trusted",
    "CREATE TABLE t AS SELECT 1",
    "CREATE VIEW v AS SELECT 1",
    "ALTER TABLE customer_trusted ADD COLUMN n INTEGER",
    "TRUNCATE customer_trusted",
    "COPY (SELECT 1) TO 'out.csv'",
    "COPY customer_trusted TO 'out.parquet'",
    "COPY customer_trusted FROM 'in.csv'",
    "EXPORT DATABASE 'out'",
    "IMPORT DATABASE 'out'",
    "ATTACH 'other.db'",
    "DETACH memory",
    "USE other",
    "PRAGMA database_list",
    "PRAGMA threads=1",
    "SET memory_limit = '1GB'",
    "RESET memory_limit",
    "INSTALL httpfs",
    "LOAD httpfs",
    "CALL pragma_version()",
    "VACUUM",
    "CHECKPOINT",
    "BEGIN",
    "EXPLAIN ANALYZE INSERT INTO customer_trusted SELECT 1",
    "PREPARE p AS SELECT 1",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP VIEW customer_trusted",
    "WITH c AS (SELECT 1) INSERT INTO customer_trusted SELECT * FROM c",
]
WRONG = [
    "",
    ";",
    "-- nothing",
    "SELEC 1",
    "SELECT",
    "SELECT * FROM nowhere",
    "SELECT nothing FROM customer_trusted",
    "SELECT 1/",
    "SELECT 'open",
    "SELECT CAST('x' AS INTEGER)",
    "SELECT $1",
]


@pytest.fixture(scope="module")
def full(engine_name: str, new_site: Callable[[], Place]):
    """A lake with one row in each table, not to be changed."""
    folder = new_site()
    for feed in ("customer", "accelerometer", "step_trainer"):
        deliver(folder / "landing", feed, "1.json", [record(feed)])
    with sites.create(folder / "lake", engine=engine_name) as lake:
        lake.run(folder / "landing")
        yield lake


@pytest.mark.parametrize("sql", FORBIDDEN)
def test_sql_is_read_only(full: Lake, sql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(QueryError):
        list(full.sql(sql))
    assert list(tmp_path.iterdir()) == []
    assert len(rows_of(full, "customer_trusted")) == 1


@pytest.mark.parametrize("sql", WRONG)
def test_wrong_sql_is_a_query_error(full: Lake, sql: str):
    with pytest.raises(QueryError):
        list(full.sql(sql))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) AS n FROM customer_trusted",
        "select count(*) as n from TRUSTED.Customer_Trusted;",
        'SELECT count(*) AS n FROM "trusted"."customer_trusted"',
        "WITH c AS (SELECT * FROM customer_trusted) SELECT count(*) AS n FROM c",
        "FROM customer_trusted SELECT count(*) AS n",
        "SELECT count(*) AS n FROM customer_trusted -- ; DROP TABLE customer_trusted",
    ],
)
def test_one_select_is_answered(full: Lake, sql: str):
    assert list(full.sql(sql)) == [{"n": 1}]


def test_a_folder_that_is_no_lake_is_not_opened(tmp_path: Path):
    with pytest.raises(LakeError, match="there is no lake"):
        stedi.open(tmp_path / "nowhere")
    with pytest.raises(LakeError, match="there is no lake"):
        stedi.open(tmp_path)


def test_a_lake_is_not_made_where_something_else_is(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty and not a lake"):
        stedi.create(tmp_path)
    with pytest.raises(UsageError, match="not empty and not a lake"):
        stedi.create(tmp_path / "thesis.txt")


POLICIES = {
    "another format": ("format = 1", "format = 2", LakeVersionError, "format 2"),
    "no format": (
        "format = 1",
        "",
        LakeVersionError,
        "no format is told; begin it with `format = 1`",
    ),
    "another policy": ('"since"', '"never"', LakeError, "consent is 'never'"),
    "no TOML": ("format = 1", "format: 1", LakeError, "not valid TOML"),
}


@pytest.mark.parametrize(("old", "new", "error", "says"), POLICIES.values(), ids=POLICIES)
def test_a_policy_that_cannot_be_read(
    lake: Lake, old: str, new: str, error: type[StediError], says: str
):
    policy = lake.home.root / "stedi.toml"
    policy.write_text(policy.read_text().replace(old, new))
    with pytest.raises(error, match=says):
        stedi.open(lake.home.root)


@pytest.mark.parametrize(("make", "says"), [
    ({"consent": "never"}, "consent is 'never'"),
    ({"engine": "sqlite"}, "engine is 'sqlite'"),
])  # fmt: skip
def test_a_lake_of_unknown_kind_is_not_made(tmp_path: Path, make: dict, says: str):
    with pytest.raises(UsageError, match=says):
        stedi.create(tmp_path / "lake", **make)


def test_a_key_too_short_is_refused(lake: Lake, landing: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STEDI_PSEUDONYM_KEY", "short")
    with pytest.raises(UsageError, match="use 16 or more"):
        lake.run(landing)


@pytest.mark.on_disk("keys in files")
def test_a_lost_key_is_not_replaced_by_another(lake: Lake, landing: Path):
    (lake.home.root / "pseudonym.key").unlink()
    with pytest.raises(LakeError, match="every subject_id would change"):
        lake.run(landing)


def test_a_lake_in_use_is_busy(lake: Lake, landing: Path):
    with lake.home.lock(), pytest.raises(LakeBusyError, match="another run"):
        lake.run(landing)


@pytest.mark.on_s3
def test_a_missing_landing_folder_is_refused(lake: Lake, site: Place):
    with pytest.raises(UsageError, match="no such folder"):
        lake.run(site / "nowhere")
    (site / "file").write_bytes(b"")
    with pytest.raises(UsageError, match="not a folder"):
        lake.run(site / "file")


@pytest.mark.on_s3
def test_a_landing_folder_without_feeds_is_refused(lake: Lake, site: Place):
    (site / "empty" / "elsewhere").mkdir(parents=True)
    (site / "empty" / "elsewhere" / "1.json").write_bytes(b"")
    with pytest.raises(UsageError, match="no folder named accelerometer, customer, step_trainer"):
        lake.run(site / "empty")


@pytest.mark.on_s3
def test_empty_feed_folders_are_no_error(lake: Lake, landing: Path):
    assert lake.run(landing).landed == {}
    assert rows_of(lake, "machine_learning_curated") == []


def test_a_file_of_another_kind_is_left_alone_and_named(lake: Lake, landing: Path):
    (landing / "customer" / "notes.txt").write_text("no feed")
    assert [Path(path).name for path in lake.run(landing).ignored] == ["notes.txt"]


@pytest.mark.parametrize("name", ["", "nowhere", "curated.customer_trusted", "trusted."])
def test_an_unknown_table_is_a_usage_error_that_lists_the_tables(full: Lake, name: str):
    with pytest.raises(UsageError, match="there are landing"):
        full.table(name)


def test_a_table_never_published_says_so(lake: Lake):
    with pytest.raises(UsageError, match="still empty; run `stedi run"):
        lake.table("machine_learning_curated")


@pytest.mark.parametrize("as_of", ["yesterday", "12345", "2026-13-01", ""])
def test_a_moment_that_is_none_is_a_usage_error(full: Lake, as_of: str):
    with pytest.raises(UsageError):
        full.table("customer_trusted", as_of)


@pytest.mark.parametrize("name", ["out.json", "out", "nowhere/out.csv"])
def test_rows_are_written_to_known_kinds_of_files_in_known_folders(
    full: Lake, tmp_path: Path, name: str
):
    with pytest.raises(UsageError):
        full.table("customer_trusted").write(tmp_path / name)


@pytest.mark.parametrize("name", ["out.csv", "out.parquet", "it's.CSV"])
def test_rows_are_written(full: Lake, tmp_path: Path, name: str):
    assert full.table("customer_trusted").write(tmp_path / name) == 1
    assert (tmp_path / name).stat().st_size
