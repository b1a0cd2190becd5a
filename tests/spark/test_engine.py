"""What is the Spark engine's alone: workers, queries in Spark SQL, its errors, what it leaves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import sparks
import stedi
from helpers import LANDING, T0, Row, deliver, record, rows_of, tables_of
from stedi.api import Lake
from stedi.engines.spark import spread, start
from stedi.engines.spark.engine import SparkEngine
from stedi.errors import CheckFailed, QueryError, StorageError
from stedi.lake.keys import hmac_pads

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.on_spark, pytest.mark.usefixtures("spark")]
DAY = 86_400_000
KEY = ("STEDI_PSEUDONYM_KEY", "the same key for both of the lakes")


@pytest.fixture
def lakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Lake]]:
    """Two empty lakes with the same key, one for each engine."""
    monkeypatch.setenv(*KEY)
    with (
        stedi.create(tmp_path / "one") as one,
        stedi.create(tmp_path / "other", engine="spark") as other,
    ):
        yield {"duckdb": one, "spark": other}


@pytest.fixture
def begun(tmp_path: Path, landing: Path) -> Iterator[Lake]:
    """A lake with the first delivery, of the embedded engine until now, and of Spark from now."""
    first_delivery(landing)
    with stedi.create(tmp_path / "begun") as lake:
        lake.run(landing)
    with stedi.open(tmp_path / "begun", engine="spark") as lake:
        yield lake


@dataclass(frozen=True)
class Grown:
    """An older lake that Spark brought up to date after a second delivery."""

    lake: Lake
    landing: Path
    before: dict[str, list[Row]]
    snapshot: int
    events: str  # what the event log has gained


@pytest.fixture(scope="module")
def grown(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grown]:
    """Both deliveries, the first one landed by the embedded engine; plans are told in full.

    The landing tables called the delivered file _file, as Iceberg calls its own.
    """
    landing = tmp_path_factory.mktemp("grown")
    first_delivery(landing)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(*KEY)
        with stedi.create(landing / "lake") as lake:
            lake.run(landing)
            for name in LANDING:
                with lake.store.table(name)._require().update_schema() as update:
                    update.rename_column("_source_file", "_file")
        second_delivery(landing)
        with stedi.open(landing / "lake", engine="spark") as lake:
            before, told = tables_of(lake), len(sparks.events(spark))
            snapshot = lake.history("accelerometer_trusted")[-1][1].id
            with pytest.MonkeyPatch.context() as plans:
                plans.setitem(start.EVERY, "spark.sql.maxPlanStringLength", str(1 << 24))
                lake.run(landing)
            yield Grown(lake, landing, before, snapshot, sparks.events(spark)[told:])


def person(name: str, **changes: object) -> dict[str, object]:
    """A consenting customer with a device of their own."""
    return record("customer", email=f"{name}@test.com", serialNumber=f"serial-{name}", **changes)


def readings(name: str, *times: int, **changes: object) -> list[dict[str, object]]:
    return [record("accelerometer", user=f"{name}@test.com", timestamp=t, **changes) for t in times]


def steps(name: str, *times: int) -> list[dict[str, object]]:
    return [
        record("step_trainer", sensorReadingTime=t, serialNumber=f"serial-{name}") for t in times
    ]


def first_delivery(landing: Path) -> None:
    deliver(landing, "customer", "1.json", [person("ada"), person("ben"), b"{not json"])
    for name in ("ada", "ben"):
        deliver(landing, "accelerometer", f"{name}.json", readings(name, T0, T0, T0 + DAY))
        deliver(landing, "step_trainer", f"{name}.json", steps(name, T0, T0 + DAY))


def second_delivery(landing: Path) -> None:
    """One withdraws, one is new; a late reading, unannounced fields, lines that are not JSON."""
    gone = person("ben", lastUpdateDate=T0 + DAY)
    gone.pop("shareWithResearchAsOfDate")
    deliver(landing, "customer", "2.json", [gone, person("cleo", Nick="c")])
    deliver(landing, "accelerometer", "late.json", readings("ada", T0 + 5, Mood="fine"))
    deliver(landing, "accelerometer", "cleo.json", readings("cleo", T0 + 5, x=2.5, Mood=7))
    deliver(landing, "step_trainer", "late.json", [*steps("ada", T0 + 5), b'{"sensorReadingTime":'])


def test_workers_land_what_one_machine_lands(
    lakes: dict[str, Lake], landing: Path, monkeypatch: pytest.MonkeyPatch
):
    """Columns widened by two workers at once, quarantine, a file that changed, forgotten people."""
    monkeypatch.setattr(spread, "LITTLE", 0)
    first_delivery(landing)
    for lake in lakes.values():
        lake.run(landing)
    for lake in lakes.values():
        lake.forget(["ben@test.com"])
    second_delivery(landing)
    deliver(landing, "accelerometer", "ada.json", readings("ada", T0 + 9))
    for lake in lakes.values():
        lake.run(landing)
    one, other = lakes["duckdb"], lakes["spark"]
    for table in LANDING:
        assert rows_of(one, table) == rows_of(other, table)
    bad = rows_of(other, "quarantine", None, "run", "batch")
    assert bad == rows_of(one, "quarantine", None, "run", "batch")
    assert len(bad) == 2
    assert one.account() == other.account()
    assert tables_of(one) == tables_of(other)


def test_engines_take_turns_on_one_lake(tmp_path: Path, lakes: dict[str, Lake], landing: Path):
    """Landed by one, refreshed by the other, read by both, back and forth."""
    first_delivery(landing)
    lakes["duckdb"].run(landing)
    (tmp_path / "turns").mkdir()
    with stedi.create(tmp_path / "turns" / "lake") as lake:
        lake.job("landing", landing)
    where = tmp_path / "turns" / "lake"
    with stedi.open(where, engine="spark") as lake:
        assert [r.account.engine for r in lake.run().refreshed] == ["spark"] * 5
    second_delivery(landing)
    with stedi.open(where) as embedded, stedi.open(where, engine="spark") as spark:
        embedded.run(landing)
        lakes["duckdb"].run(landing)
        assert tables_of(spark) == tables_of(embedded) == tables_of(lakes["duckdb"])
        assert rows_of(spark, "accelerometer_landing") == rows_of(embedded, "accelerometer_landing")
        assert not spark.run(landing).changed


def test_a_version_of_before_is_read(grown: Grown):
    assert tables_of(grown.lake) != grown.before
    found = rows_of(grown.lake, "accelerometer_trusted", str(grown.snapshot))
    assert found == grown.before["accelerometer_trusted"]


def test_the_event_log_holds_no_address(grown: Grown):
    """What they may read who see the Spark UI of a run."""
    assert "machine_learning_curated" in grown.events
    assert "(redacted)" in grown.events
    assert re.findall(r".{,40}@test[.]com.{,40}", grown.events) == []


def test_the_event_log_holds_no_pad_of_the_key(grown: Grown):
    """The key can be had from a pad."""
    told = grown.events.lower()
    pads = hmac_pads(grown.lake.home.key())
    assert [name for name, pad in pads.items() if pad.lower() in told] == []


def test_what_is_not_published_leaves_nothing(
    begun: Lake, landing: Path, monkeypatch: pytest.MonkeyPatch
):
    lake = begun
    before, files = tables_of(lake), sorted(lake.home.warehouse.rglob("*.parquet"))
    found = lake.check()[0]
    assert found.passed

    def fails(self: SparkEngine, *_: object) -> None:
        raise CheckFailed("a planted failure")

    second_delivery(landing)
    monkeypatch.setattr(SparkEngine, "check", fails)
    with pytest.raises(CheckFailed, match="planted"):
        lake.run(landing)
    assert tables_of(lake) == before
    new = [f for f in lake.home.warehouse.rglob("*.parquet") if f not in files]
    assert all("landing" in f.parts or "ops" in f.parts for f in new)
    assert not list(lake.home.root.rglob("*.crc"))
    assert not list((lake.home.scratch / "staging").glob("*"))


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELEC 1", "(?i)syntax|parse|invalid"),
        ("DROP TABLE accelerometer_trusted", "only SELECT is possible here"),
        ("SELECT 1; SELECT 2", "give one statement, found 2"),
        ("SELECT nothing FROM customer_trusted", "nothing"),
        ("SELECT * FROM strangers", "strangers"),
        ("SELECT * FROM parquet.`/etc`", "(?i)parquet"),
        ("SELECT CAST('x' AS INT)", "CAST_INVALID_INPUT"),
        ("", "give one statement, found 0"),
    ],
)
def test_a_query_that_is_wrong_is_told_in_a_line(lakes: dict[str, Lake], sql: str, says: str):
    with pytest.raises(QueryError, match=says) as told:
        lakes["spark"].sql(sql).to_arrow()
    assert "\tat " not in str(told.value)


def test_queries_are_spark_sql_over_tables_by_name_or_zone(grown: Grown):
    both = "SELECT count(*) AS n FROM trusted.accelerometer_trusted AS t JOIN customer_trusted"
    found = grown.lake.sql(f"{both} ON lower(trim(email)) = lower(trim(`user`))").to_arrow()
    assert found.to_pylist() == [{"n": 4}]


def test_a_file_that_is_gone_is_named(begun: Lake):
    for file in begun.store.table("accelerometer_landing").source().files:
        Path(file.path).unlink()
    with pytest.raises(StorageError, match=r"accelerometer_trusted.*Spark failed"):
        begun.run(full=True)


def test_any_text_is_a_literal(lakes: dict[str, Lake]):
    engine = lakes["spark"].engine
    assert isinstance(engine, SparkEngine)
    texts = ["it's", "back\\slash", "\\'", "''", '"', "\\n", "%_", "é😀", ":consent", "$consent"]
    with engine._sql("literals") as session:
        for text in texts:
            assert session.rows(f"SELECT {session.literal(text)}") == [(text,)]


def test_files_carry_field_ids_and_lie_by_day(grown: Grown):
    import pyarrow.parquet as pq

    source = grown.lake.store.table("accelerometer_trusted").source()
    assert source.rows == 4
    by_spark = [f for f in source.files if "parquet-mr" in pq.read_metadata(f.path).created_by]
    assert len({file.first for file in by_spark}) == 2
    for file in by_spark:
        assert file.first == file.last is not None
        schema = pq.read_schema(file.path)
        ids = {n: int(schema.field(n).metadata[b"PARQUET:field_id"]) for n in schema.names}
        assert ids == {field.name: field.id for field in source.fields}


def test_the_schema_of_older_lakes_is_brought_up(grown: Grown, tmp_path: Path):
    with stedi.create(tmp_path / "new") as new:
        new.run(grown.landing)
        assert tables_of(grown.lake) == tables_of(new)
    files = {Path(row["_source_file"]).name for row in rows_of(grown.lake, "customer_landing")}
    assert files == {"1.json", "2.json"}
