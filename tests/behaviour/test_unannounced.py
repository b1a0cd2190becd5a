"""Fields that nobody announced: kept at landing, in a type that holds all, never promoted."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sites
from helpers import T0, deliver, record, rows_of
from stedi.api import Lake
from stedi.places import Place

DELIVERIES: dict[str, list[Any]] = {
    "long": [1, 2**53, -7],
    "double": [0.5, 1e20, -0.25],
    "string": ["a", "1.0", [1, 2]],
    "nothing": [None],
}


def deliver_values(landing: Path, name: str) -> None:
    lines = [
        record("accelerometer", timestamp=T0 + at, y=float(len(name)), extra=value)
        for at, value in enumerate(DELIVERIES[name])
    ]
    deliver(landing, "accelerometer", f"{name}.json", lines)


def landed(lake: Lake) -> tuple[str, list[tuple[Any, ...]]]:
    """The type of the column `extra`, and what is in it."""
    table = lake.table("accelerometer_landing").to_arrow()
    rows = [(row["timestamp"], row["y"], row.get("extra")) for row in table.to_pylist()]
    return str(table.schema.field("extra").type), sorted(rows, key=repr)


def prepared(lake: Lake, landing: Path) -> None:
    deliver(landing, "customer", "1.json", [record("customer")])
    deliver(landing, "step_trainer", "1.json", [record("step_trainer", extra="also", other=1)])
    lake.run(landing)


@pytest.fixture(scope="module")
def wanted(engine_name: str, new_site: Callable[[], Place]) -> tuple[str, list[Any]]:
    """All deliveries landed at once."""
    folder = new_site()
    with sites.create(folder / "lake", engine=engine_name) as lake:
        for name in DELIVERIES:
            deliver_values(folder / "landing", name)
        lake.run(folder / "landing")
        return landed(lake)


@pytest.mark.parametrize("order", [*itertools.permutations(DELIVERIES)][::6], ids="-".join)
def test_a_column_widens_to_the_same_table_in_any_order(
    lake: Lake, landing: Path, wanted: tuple[str, list[Any]], order: tuple[str, ...]
):
    for name in order:
        deliver_values(landing, name)
        lake.run(landing)
    assert landed(lake) == wanted
    assert wanted[0] == "string"


STEPS = [(["long"], "int64"), (["long", "double"], "double"), (["long", "string"], "string"),
         (["nothing", "double"], "double")]  # fmt: skip


@pytest.mark.parametrize(("order", "kind"), STEPS)
def test_a_column_is_as_narrow_as_its_values(
    lake: Lake, landing: Path, order: list[str], kind: str
):
    for name in order:
        deliver_values(landing, name)
        lake.run(landing)
    found, rows = landed(lake)
    assert found == kind
    if kind != "string":
        values = [value for name in order for value in DELIVERIES[name]]
        assert sorted(v for *_, v in rows if v is not None) == sorted(
            v for v in values if v is not None
        )


def test_a_field_of_nothing_but_nulls_is_no_column(lake: Lake, landing: Path):
    deliver_values(landing, "nothing")
    lake.run(landing)
    assert "extra" not in lake.table("accelerometer_landing").to_arrow().column_names


def test_trusted_and_curated_never_see_them(lake: Lake, landing: Path):
    prepared(lake, landing)
    for name in ("long", "double", "string"):
        deliver_values(landing, name)
        lake.run(landing)
    assert {"extra", "other"} <= set(rows_of(lake, "step_trainer_landing")[0])
    for table in ("accelerometer_trusted", "step_trainer_trusted", "machine_learning_curated"):
        found = rows_of(lake, table)
        assert found
        assert not {"extra", "other"} & set(found[0])
    assert all(line.balanced for line in lake.account())


def test_the_past_keeps_the_type_it_had(lake: Lake, landing: Path):
    for name in ("long", "string"):
        deliver_values(landing, name)
        lake.run(landing)
    (_, first), *_ = [pair for pair in lake.history("accelerometer_landing") if pair[1].rows]
    then = lake.table("accelerometer_landing", str(first.id)).to_arrow()
    assert str(then.schema.field("extra").type) == "int64"
    assert sorted(then["extra"].to_pylist()) == sorted(DELIVERIES["long"])


@pytest.mark.parametrize(("first", "other"), [(True, "text"), (False, 2.5)])
@pytest.mark.parametrize("turned", [False, True])
def test_a_boolean_stays_true_or_false_as_text(
    lake: Lake, landing: Path, first: bool, other: Any, turned: bool
):
    values = [other, first] if turned else [first, other]
    for at, value in enumerate(values):
        deliver(landing, "accelerometer", f"{at}.json", [record("accelerometer", extra=value)])
        lake.run(landing)
    assert str(first).lower() in {value for *_, value in landed(lake)[1]}


def test_a_negative_zero_is_the_same_text_in_any_order(lake: Lake, landing: Path):
    for at, value in enumerate([-0.0, "text", -0.0]):
        deliver(landing, "accelerometer", f"{at}.json", [record("accelerometer", extra=value)])
        lake.run(landing)
    assert [value for *_, value in landed(lake)[1]] == ["0", "0", "text"]
