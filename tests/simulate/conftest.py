from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stedi.simulate import Simulated, simulate


@pytest.fixture
def feeds(tmp_path: Path) -> Callable[..., Simulated]:
    """Simulate into a new folder of the test's own."""

    def make(**choices: Any) -> Simulated:
        count = len(list(tmp_path.iterdir()))
        return simulate(tmp_path / f"feeds-{count}", **choices)

    return make
