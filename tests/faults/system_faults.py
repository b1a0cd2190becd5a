"""Every system call that changes or opens a file of the lake, DuckDB's and SQLite's too."""

from __future__ import annotations

import ctypes
from pathlib import Path

NEVER = 0
STOP = -1


def arm(below: Path, nth: int = NEVER, action: int = 0, log: Path | None = None) -> None:
    """Count calls below a folder from now on; the nth fails with errno `action`."""
    function = ctypes.CDLL(None).faults_arm
    function.argtypes = [ctypes.c_char_p, ctypes.c_long, ctypes.c_int, ctypes.c_char_p]
    function(bytes(below), nth, action, bytes(log) if log else b"")


def disarm() -> None:
    """Let every call pass."""
    arm(Path("/nowhere"))
