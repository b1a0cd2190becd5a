"""What a command of the tests is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

STEDI = str(Path(sys.executable).with_name("stedi"))


@dataclass(frozen=True)
class Done:
    """What one command did: exit code, data on stdout, talk on stderr."""

    code: int
    out: str
    err: str


Command = Callable[..., Done]
