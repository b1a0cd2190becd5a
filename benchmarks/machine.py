"""The machine and the versions that figures were taken with."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("stedi-lakehouse", "duckdb", "pyarrow", "pyiceberg", "polars", "pandas", "pyspark")


def describe() -> dict[str, object]:
    """Cores, memory, processor, system and versions; nothing that names the machine."""
    return {
        "day": datetime.now(UTC).date().isoformat(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "python": platform.python_version(),
        "java": _java(),
        "commit": _commit(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def _version(package: str) -> str:
    """Nothing for a package that is not installed: not every benchmark needs all."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", _text("/proc/cpuinfo"), re.MULTILINE)
    return found[1] if found else platform.processor()


def _text(path: str) -> str:
    return Path(path).read_text() if Path(path).exists() else ""


def _java() -> str:
    try:
        said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "none"
    found = re.search(r'version "([^"]+)"', said.stderr)
    return found[1] if found else "none"


def _commit() -> str:
    """The commit measured; `+` if src differed from it."""
    here = Path(__file__).parent
    head = _git(here, "rev-parse", "--short", "HEAD")
    return head + ("+" if _git(here.parent, "status", "--porcelain", "src") else "")


def _git(folder: Path, *command: str) -> str:
    try:
        said = subprocess.run(
            ["git", *command], cwd=folder, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return said.stdout.strip()
