"""The ledger is put together and put right, whatever a killed run left in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers import T0, deliver, record, rows_of
from stedi.api import Lake
from stedi.contract import find_table
from stedi.engines import arrow
from stedi.lake.store import Store
from stedi.lake.stored import StoredTable
from stedi.landing import ledger

FEEDS = ("customer", "accelerometer", "step_trainer")


class Killed(BaseException):
    pass


def feeds(landing: Path, number: int) -> None:
    deliver(landing, "customer", f"c{number}.json", [record("customer", phone=str(number))])
    later = T0 + number * 1000
    deliver(landing, "accelerometer", f"a{number}.json", [record("accelerometer", timestamp=later)])
    step = record("step_trainer", sensorReadingTime=later)
    deliver(landing, "step_trainer", f"s{number}.json", [step])


@pytest.fixture(autouse=True)
def _fold_early(monkeypatch: pytest.MonkeyPatch) -> None:
    fold = arrow.fold
    monkeypatch.setattr("stedi.run.fold", lambda table: fold(table, most=1))


def rows_landed(lake: Lake) -> list[int]:
    return [len(rows_of(lake, ledger.landing_table(feed))) for feed in FEEDS]


@pytest.mark.parametrize("feed", FEEDS)
def test_a_file_that_never_landed_is_not_taken_for_landed(
    lake: Lake, landing: Path, monkeypatch: pytest.MonkeyPatch, feed: str
):
    feeds(landing, 0)
    lake.run(landing)
    feeds(landing, 1)
    real = StoredTable.publish

    def publish(table: StoredTable, *args: object, **kwargs: object) -> object:
        if table.contract.name == ledger.landing_table(feed):
            raise Killed
        return real(table, *args, **kwargs)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(StoredTable, "publish", publish)
        with pytest.raises(Killed):
            lake.run(landing)
    lake.run()
    lake.run(landing)
    assert rows_landed(lake) == [2, 2, 2]
    assert all(line.balanced for line in lake.account())


def test_a_replaced_file_does_not_land_again(
    lake: Lake, landing: Path, monkeypatch: pytest.MonkeyPatch
):
    feeds(landing, 0)
    lake.run(landing)
    twice = [record("accelerometer", timestamp=T0 + at) for at in (0, 77)]
    deliver(landing, "accelerometer", "a0.json", twice)

    def killed(store: Store, _: object) -> None:
        if ledger.replaced(store):
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("stedi.landing.land.ledger.retire", killed)
        with pytest.raises(Killed):
            lake.run(landing)
    lake.run()
    assert not lake.run(landing).landed
    assert rows_landed(lake) == [1, 2, 1]
    assert len(rows_of(lake, "files")) == 3


def test_a_policy_edited_while_a_run_works_is_applied_by_the_next(
    lake: Lake, landing: Path, monkeypatch: pytest.MonkeyPatch
):
    feeds(landing, 0)
    toml = lake.home.root / "stedi.toml"

    def edit(*_: object) -> None:
        toml.write_text(toml.read_text().replace('"since"', '"any"'))

    from stedi.outcome import Watch

    lake.run(landing, Watch(refreshed=edit))
    assert lake.run(landing).changed


def test_a_changed_query_is_noticed_by_a_run_with_nothing_to_land(
    lake: Lake, landing: Path, monkeypatch: pytest.MonkeyPatch
):
    feeds(landing, 0)
    lake.run(landing)
    table = find_table("customer_trusted")
    object.__setattr__(table, "query", table.query + "\n-- the same")
    try:
        assert lake.run(landing).changed
    finally:
        object.__setattr__(table, "query", table.query.removesuffix("\n-- the same"))
