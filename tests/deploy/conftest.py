"""The app in `deploy`: one process in its own environment proves it all."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

_HERE = Path(__file__).parent
_PLACES = (_HERE.parents[1], _HERE)
sys.path += [str(place) for place in _PLACES if str(place) not in sys.path]


@pytest.fixture(scope="session")
def proof(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What every tool has found in the templates and in the planted mistakes."""
    from proving import HERE, ROOT, inside

    scratch = tmp_path_factory.mktemp("proof")
    inside(ROOT / "src", HERE / "inside" / "prove.py", scratch)
    found: dict[str, Any] = json.loads((scratch / "proof.json").read_text())
    return found
