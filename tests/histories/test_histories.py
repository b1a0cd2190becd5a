"""Random histories end where one fresh full run over the same files does.

STEDI_HISTORIES=N lives through N histories, others every time; without it a few, the same ones.
A failure prints its history as code: keep it as a directed one.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings

from histories.choices import plots
from histories.stage import live
from histories.steps import Plot

HUNT = int(os.environ.get("STEDI_HISTORIES", "0"))


@pytest.mark.slow
@pytest.mark.timeout(max(900, 60 * HUNT))
@settings(
    max_examples=HUNT or 4,
    derandomize=not HUNT,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(plot=plots())
def test_a_random_history_ends_like_one_full_run(plot: Plot):
    live(plot)
