"""A run that reported done survives a power cut at that very moment."""

from __future__ import annotations

import pytest

from faults.nursery import Nursery
from faults.power import cut_when_done
from faults.shop import Shop


@pytest.mark.parametrize("closed", [False, True], ids=["when-done", "when-closed"])
@pytest.mark.parametrize("delivery", [0, 1, 2])
@pytest.mark.usefixtures("needs_shim")
def test_a_reported_run_survives_a_power_cut(
    nursery: Nursery, shop: Shop, delivery: int, closed: bool
) -> None:
    assert nursery.call(cut_when_done, shop, delivery, True, closed) == []


@pytest.mark.usefixtures("needs_shim")
def test_without_syncing_the_same_cut_destroys_the_lake(nursery: Nursery, shop: Shop) -> None:
    assert nursery.call(cut_when_done, shop, 1, False, True) != []
