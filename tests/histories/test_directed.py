"""Histories written by hand: how news reaches rows that are long there, one way each.

Only where no part will do is a table made anew as a whole: then the histories prove nothing of
parts.
"""

from __future__ import annotations

import pytest

from histories.directed import DIRECTED, WHOLE
from histories.stage import Stage


@pytest.mark.parametrize("name", DIRECTED)
def test_after_every_run_the_tables_are_those_of_the_rules(stage: Stage, name: str):
    wholes = stage.live(DIRECTED[name], fresh=False)
    assert bool(wholes) == (name in WHOLE), f"made anew as a whole: {wholes}"
