"""A file operation that fails ends the run in a named error; nothing is torn, the next completes.

By default one operation of each kind fails, the kinds in one delivery or another by turns;
STEDI_FAULTS=all fails every operation of every delivery.
"""

from __future__ import annotations

import pytest

from faults.feeds import DELIVERIES
from faults.nursery import EVERY, Nursery
from faults.operations import PYTHON, SYSTEM, failed_operations, one_of_each_kind, operations
from faults.shop import Shop


@pytest.fixture(scope="module", params=[PYTHON, SYSTEM])
def level(request: pytest.FixtureRequest) -> str:
    """What fails: changes that Python code makes to files, or calls of the system."""
    if request.param == SYSTEM:
        request.getfixturevalue("needs_shim")
    return str(request.param)


@pytest.fixture(scope="module")
def chosen(nursery: Nursery, shop: Shop, level: str) -> list[list[int]]:
    """By delivery, the operations that fail."""
    done = [nursery.call(operations, shop, level, delivery) for delivery in range(DELIVERIES)]
    every = [[*range(1, len(operations) + 1)] for operations in done]
    return every if EVERY else one_of_each_kind(done)


@pytest.mark.slow
@pytest.mark.timeout(10_000 if EVERY else 300)
@pytest.mark.parametrize("delivery", range(DELIVERIES))
def test_a_failed_operation_is_named_and_harms_nothing(
    nursery: Nursery, shop: Shop, level: str, delivery: int, chosen: list[list[int]]
) -> None:
    assert chosen[delivery]
    assert nursery.call(failed_operations, shop, level, delivery, chosen[delivery]) == []
