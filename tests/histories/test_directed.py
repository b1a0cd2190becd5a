"""Histories written by hand: how news reaches rows that are long there, one way each.

Only where no part will do is a table made anew as a whole: then the histories prove nothing of
parts.
"""

from __future__ import annotations

import pytest

from histories.directed import DIRECTED, WHOLE
from histories.stage import Stage

ALWAYS = ("a device is claimed by a second person, by mistake",)


@pytest.mark.parametrize("name", DIRECTED)
def test_after_every_run_the_tables_are_those_of_the_rules(stage: Stage, name: str):
    wholes = stage.live(DIRECTED[name], fresh=False)
    assert bool(wholes) == (name in WHOLE), f"made anew as a whole: {wholes}"


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.on_spark if n in ALWAYS else ()) for n in DIRECTED]
)
@pytest.mark.parametrize("second", ["spark"])
def test_engines_take_turns(spark: None, stage: Stage, name: str, second: str):
    wholes = stage.live(DIRECTED[name], fresh=False, engines=(second, "duckdb"))
    assert bool(wholes) == (name in WHOLE), f"made anew as a whole: {wholes}"
