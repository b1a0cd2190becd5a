"""The app in `deploy`: one process in its own environment proves it all."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from stedi.contract.table import FOLDER

_HERE = Path(__file__).parent
_PLACES = (_HERE.parents[1], _HERE)
sys.path += [str(place) for place in _PLACES if str(place) not in sys.path]


@pytest.fixture(scope="session")
def one_more(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source of a lake with one more curated table, `daily_curated`."""
    source = tmp_path_factory.mktemp("grown") / "src"
    shutil.copytree(FOLDER.parent, source / "stedi", ignore=shutil.ignore_patterns("__pycache__"))
    folder = source / "stedi" / "zones" / "curated" / "daily_curated"
    folder.mkdir()
    contract = {
        "description": "Readings by day.",
        "grain": "one day",
        "person": {"by": "email", "column": "user"},
        "candidates": "accelerometer_trusted",
        "job": "count_days",
        "columns": [
            {"name": "user", "type": "string", "pii": "direct", "description": "Who."},
            {"name": "x", "type": "double", "pii": "none", "description": "Acceleration."},
        ],
    }
    (folder / "table.yaml").write_text(yaml.safe_dump(contract))
    query = "SELECT `user`, x, CAST(NULL AS string) AS excluded FROM accelerometer_trusted\n"
    (folder / "query.sql").write_text(query)
    script = source / "stedi" / "glue" / "count_days.py"
    script.write_text('from stedi.glue import main\n\nmain("count_days")\n')
    return source


@pytest.fixture(scope="session")
def proof(one_more: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What every tool has found in the templates and in the planted mistakes."""
    from proving import HERE, ROOT, inside

    scratch = tmp_path_factory.mktemp("proof")
    inside(ROOT / "src", HERE / "inside" / "prove.py", scratch, one_more)
    found: dict[str, Any] = json.loads((scratch / "proof.json").read_text())
    return found
