"""A full disk and a read-only one are named, harm no table, and are over once mended.

By default the deliveries take turns at the shares of room; STEDI_FAULTS=all gives each all.
"""

from __future__ import annotations

import pytest

from faults.disk import (
    read_only_lake,
    reading_on_a_full_disk,
    refusal,
    run_after_read_only,
    runs_on_a_full_disk,
)
from faults.nursery import EVERY, Nursery
from faults.shop import Shop

# Of the room that an undisturbed run takes.
SHARES = (0.0, 0.12, 0.35, 0.6, 0.85, 0.97)


@pytest.fixture(autouse=True)
def _may_mount(tmp_path_factory: pytest.TempPathFactory) -> None:
    if why := refusal(tmp_path_factory.mktemp("mount")):
        pytest.skip(why)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("delivery", [0, 1])
def test_a_full_disk_is_named_and_harms_nothing(
    nursery: Nursery, shop: Shop, delivery: int
) -> None:
    shares = SHARES if EVERY else SHARES[delivery::2]
    assert nursery.call(runs_on_a_full_disk, shop, delivery, shares) == []


def test_a_lake_on_a_full_disk_still_reads(nursery: Nursery, shop: Shop) -> None:
    assert nursery.call(reading_on_a_full_disk, shop, 1) == []


@pytest.mark.parametrize("crashed", [False, True], ids=["closed", "crashed"])
def test_a_read_only_lake_still_reads(nursery: Nursery, shop: Shop, crashed: bool) -> None:
    assert nursery.call(read_only_lake, shop, 1, crashed) == []


def test_a_run_on_a_read_only_lake_is_refused_and_harms_nothing(
    nursery: Nursery, shop: Shop
) -> None:
    assert nursery.call(run_after_read_only, shop, 1) == []
