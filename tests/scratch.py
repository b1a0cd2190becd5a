"""Where tests write: in memory where there is room for it, since runs sync every file.

That what is synced would survive is proved of the calls (faults/power.py), not of a disk.
TMPDIR or --basetemp name another place, and nothing there is removed.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")
ROOM = 4 << 30  # all tests leave half a gigabyte behind


def in_memory(config: pytest.Config) -> None:
    """Let this process and all that it starts write to memory; removed when it ends."""
    if "TMPDIR" in os.environ or config.option.basetemp or not _fits():
        return
    _clear()
    folder = MEMORY / f"stedi-tests-{os.getpid()}"
    folder.mkdir(mode=0o700)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def _fits() -> bool:
    """Whether there is such a place, with room, and from which libraries may be loaded."""
    if not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK):
        return False
    loads = not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC
    return loads and shutil.disk_usage(MEMORY).free >= ROOM


def _clear() -> None:
    """Remove what processes left that were killed."""
    for folder in MEMORY.glob("stedi-tests-*"):
        if not Path("/proc", folder.name.rpartition("-")[2]).exists():
            shutil.rmtree(folder, ignore_errors=True)
