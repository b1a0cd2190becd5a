"""One run at a time; whoever reads meanwhile sees one version."""

from __future__ import annotations

import pytest

from faults.nursery import Nursery
from faults.rivals import reader_across_a_run, readers_during_a_run, second_run, waiting_run
from faults.shop import Shop


@pytest.mark.parametrize("delivery", [0, 1])
def test_a_second_run_names_the_process_at_work(
    nursery: Nursery, shop: Shop, delivery: int
) -> None:
    assert nursery.call(second_run, shop, delivery) == []


def test_a_second_run_may_wait_for_the_first(nursery: Nursery, shop: Shop) -> None:
    assert nursery.call(waiting_run, shop, 1) == []


@pytest.mark.parametrize("delivery", [1, 2])
def test_a_reader_keeps_the_version_it_began_with(
    nursery: Nursery, shop: Shop, delivery: int
) -> None:
    assert nursery.call(reader_across_a_run, shop, delivery) == []


def test_readers_during_a_run_see_tables_before_or_after(nursery: Nursery, shop: Shop) -> None:
    assert nursery.call(readers_during_a_run, shop, 1) == []
