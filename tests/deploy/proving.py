"""Python where CDK is: `deploy` has an environment of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def deploy_python() -> Path:
    """The interpreter that has CDK; skips without, fails where everything has to be there."""
    venv = Path(os.environ.get("STEDI_DEPLOY_VENV", ROOT / ".venv-deploy"))
    python = venv / "bin" / "python"
    if not python.exists():
        told = f"no CDK: {python} is not there (make deploy-env)"
        pytest.fail(told) if os.environ.get("CI") else pytest.skip(told)
    return python


def inside(source: Path, *arguments: str | Path) -> None:
    """Run Python where CDK is, over that source of the product; AssertionError if it fails."""
    places = [source, ROOT, HERE, HERE / "inside"]
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("STEDI_", "AWS_"))
    }
    environment["PYTHONPATH"] = os.pathsep.join(map(str, places))
    command = [deploy_python(), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    said = done.stderr  # Node may go on talking after the traceback
    told = said[said.find("Traceback") :][:3000] if "Traceback" in said else said[-3000:]
    assert done.returncode == 0, f"ended with {done.returncode}: {told}"
