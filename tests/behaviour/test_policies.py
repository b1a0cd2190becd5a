"""Contracts that change, checks that fail: what is published, and what stays."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import sites
from helpers import PROMOTED, T0, deliver, record, rows_of, snapshots_of
from stedi.api import Lake
from stedi.contract import table as contracts
from stedi.errors import CheckFailed

Edit = Callable[[str, str, str], None]


@pytest.fixture
def edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Edit a copy of the contracts: a table's folder, a text in table.yaml, what replaces it."""
    zones = tmp_path / "zones"
    shutil.copytree(contracts.FOLDER, zones)
    real = contracts.load_tables
    monkeypatch.setattr(contracts.load_tables.__wrapped__, "__defaults__", (zones,))

    def change(table: str, old: str, new: str) -> None:
        path = zones / table / "table.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        real.cache_clear()

    real.cache_clear()
    yield change
    monkeypatch.undo()
    real.cache_clear()


def reopened(lake: Lake) -> Lake:
    import stedi

    return stedi.open(lake.home.root)


@pytest.fixture
def landed(landing: Path) -> Path:
    """A landing folder with one reading of each kind."""
    for feed in ("customer", "accelerometer", "step_trainer"):
        deliver(landing, feed, "1.json", [record(feed)])
    return landing


CHECKS = "checks:\n"
PLANTED = """checks:
  - name: nobody is here
    kind: none
    sql: SELECT email, serialnumber FROM customers_curated
"""


@pytest.mark.on_s3
def test_a_failing_check_publishes_nothing_and_leaves_the_previous_version(
    lake: Lake, landed: Path, edit: Edit
):
    lake.run(landed)
    before, rows = snapshots_of(lake), rows_of(lake, "customers_curated")
    edit("curated/customers_curated", CHECKS, PLANTED)
    deliver(landed, "customer", "2.json", [record("customer", phone="2", lastUpdateDate=T0)])
    deliver(landed, "accelerometer", "2.json", [record("accelerometer", x=7)])
    with reopened(lake) as broken:
        with pytest.raises(CheckFailed, match=r"customers_curated.*'nobody is here' found 1 rows"):
            broken.run(landed)
        after = snapshots_of(broken)
        assert rows_of(broken, "customers_curated") == rows
        held = {table for table in PROMOTED if before[table] == after[table]}
        assert held == {"customers_curated", "step_trainer_trusted", "machine_learning_curated"}
        files = {
            path
            for path in sites.files(broken.home.zone("curated") / "customers_curated" / "data")
            if path.endswith(".parquet")
        }
        assert files == {
            file.path for file in broken.store.table("customers_curated").source().files
        }


def test_a_mended_check_publishes_at_the_next_run(lake: Lake, landed: Path, edit: Edit):
    edit("curated/customers_curated", CHECKS, PLANTED)
    with pytest.raises(CheckFailed):
        lake.run(landed)
    edit("curated/customers_curated", PLANTED, CHECKS)
    with reopened(lake) as mended:
        mended.run(landed)
        assert len(rows_of(mended, "machine_learning_curated")) == 1
        assert all(line.balanced for line in mended.account())
        assert len(rows_of(mended, "accelerometer_landing")) == 1


def test_a_warning_publishes_and_is_told(lake: Lake, landed: Path, edit: Edit):
    edit("curated/customers_curated", CHECKS, f"{PLANTED}    severity: warn\n")
    refreshed = {entry.account.table: entry for entry in lake.run(landed).refreshed}
    (warning,) = refreshed["curated.customers_curated"].warnings
    assert (warning.check.name, warning.broken) == ("nobody is here", 1)
    assert len(rows_of(lake, "customers_curated")) == 1


def test_a_column_added_to_a_contract_appears_without_rewriting_old_files(
    lake: Lake, landed: Path, edit: Edit
):
    lake.run(landed)
    old = {file.path for file in lake.store.table("accelerometer_landing").source().files}
    edit(
        "landing/accelerometer_landing",
        "  - {name: _source_file",
        "  - {name: steps, field: Steps, type: int, description: Steps so far.}\n"
        "  - {name: _source_file",
    )
    deliver(landed, "accelerometer", "2.json", [record("accelerometer", x=5, Steps=7)])
    with reopened(lake) as grown:
        grown.run(landed)
        assert {(row["x"], row["steps"]) for row in rows_of(grown, "accelerometer_landing")} == {
            (1.0, None),
            (5.0, 7),
        }
        assert old < {
            file.path for file in grown.store.table("accelerometer_landing").source().files
        }
        assert len(rows_of(grown, "machine_learning_curated")) == 2
        assert not grown.run(landed).changed
