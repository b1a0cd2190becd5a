"""A delivered file that vanishes, changes or cannot be read is named; the next run lands it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from faults.deliveries import (
    VICTIM,
    cannot_be_opened,
    disturbed,
    grows_once_inspected,
    killed_between_its_commits,
    vanishes_once_found,
    vanishes_once_inspected,
)
from faults.nursery import Nursery
from faults.shop import Shop


@pytest.mark.parametrize("delivery", [0, 2])
@pytest.mark.parametrize(
    ("how", "words"),
    [
        (vanishes_once_found, "vanished"),
        (vanishes_once_inspected, "vanished"),
        (grows_once_inspected, "changed while it was read"),
        (cannot_be_opened, "permission denied"),
    ],
)
def test_a_disturbed_delivery_is_named_and_lands_next_time(
    nursery: Nursery, shop: Shop, delivery: int, how: Callable[[Path], None], words: str
) -> None:
    message, wrong = nursery.call(disturbed, shop, delivery, how)

    assert message.startswith("StorageError: ")
    assert VICTIM in message
    assert words in message
    assert wrong == []


@pytest.mark.parametrize(
    "delivery",
    [
        0,
        1,
        2,
    ],
)
def test_quarantine_and_landing_tables_change_together(
    nursery: Nursery, shop: Shop, delivery: int
) -> None:
    assert nursery.call(killed_between_its_commits, shop, delivery) == []
