"""A file operation that fails ends the run in a named error; nothing is torn, the next completes.

By default one operation of each kind fails; STEDI_FAULTS=all fails every one.
"""

from __future__ import annotations

import pytest

from faults.nursery import EVERY, Nursery
from faults.operations import PYTHON, SYSTEM, failed_operations, one_of_each_kind, operations
from faults.shop import Shop


@pytest.mark.slow
@pytest.mark.timeout(10_000 if EVERY else 300)
@pytest.mark.parametrize("delivery", [0, 1, 2])
@pytest.mark.parametrize("level", [PYTHON, SYSTEM])
def test_a_failed_operation_is_named_and_harms_nothing(
    nursery: Nursery, shop: Shop, level: str, delivery: int, request: pytest.FixtureRequest
) -> None:
    if level == SYSTEM:
        request.getfixturevalue("needs_shim")
    done = nursery.call(operations, shop, level, delivery)
    chosen = range(1, len(done) + 1) if EVERY else one_of_each_kind(done)

    assert nursery.call(failed_operations, shop, level, delivery, chosen) == []
