from __future__ import annotations

import pytest

from histories.stage import Stage


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Where histories are lived through; their common beginnings are made once."""
    made = Stage(tmp_path_factory.mktemp("histories"))
    made.prepare()
    return made
