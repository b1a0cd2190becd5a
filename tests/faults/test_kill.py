"""A run killed at any moment leaves every table as before or as after, and the next completes.

By default 30 runs are killed; STEDI_FAULTS=all kills 201.
"""

from __future__ import annotations

import pytest

from faults.kill import killed_runs
from faults.nursery import EVERY, Nursery
from faults.shop import Shop

KILLS_A_TEST = 67 if EVERY else 10


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("delivery", [0, 1, 2])
def test_killed_runs_lose_nothing_and_tear_nothing(
    nursery: Nursery, shop: Shop, delivery: int
) -> None:
    assert nursery.call(killed_runs, shop, delivery, delivery, KILLS_A_TEST) == []
