"""Simulated feeds of a few sizes, made once and kept in the work folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Size:
    """Feeds of `readings` over `days`; `minutes` is chosen so that 956 people record them.

    `against` names the contenders that are run beside `stedi run` unless others are asked for.
    """

    name: str
    readings: int
    days: int
    minutes: float
    against: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The size for people."""
        if self.readings < 500_000:
            return f"{self.readings:,} readings"
        return f"{self.readings / 1e6:g} million readings"


ALL = ("duckdb", "polars", "pandas", "pyspark")
SIZES = {
    size.name: size
    for size in (
        Size("sample", 109_953, 2, 0.012543, (*ALL, "pyspark-published")),
        Size("500k", 550_000, 1, 0.1255),
        Size("5m", 5_500_000, 5, 0.251, ALL),
        Size("50m", 50_000_000, 45, 0.2535),
    )
}


def make(size: Size, work: Path) -> Path:
    """The folder of the feeds, simulated unless it is there from an earlier time."""
    folder = work / f"feeds-{size.name}"
    if not _complete(folder, size):
        shutil.rmtree(folder, ignore_errors=True)
        stedi = str(Path(sys.executable).with_name("stedi"))
        subprocess.run([stedi, "simulate", "--out", str(folder), *_options(size)], check=True)
    return folder


def _options(size: Size) -> list[str]:
    return ["--readings", str(size.readings), "--days", str(size.days), "--minutes",
            str(size.minutes)]  # fmt: skip


def _complete(folder: Path, size: Size) -> bool:
    truth = folder / "truth" / "expected.json"
    if not truth.exists():
        return False
    made = json.loads(truth.read_text())["arguments"]
    return all(made[name] == getattr(size, name) for name in ("readings", "days", "minutes"))


def describe(folder: Path) -> dict[str, object]:
    """Lines, files and bytes of the feeds, and what they were made with."""
    truth = json.loads((folder / "truth" / "expected.json").read_text())
    files = [path for feed in truth["feeds"] for path in (folder / feed).iterdir()]
    return {
        "arguments": truth["arguments"],
        "lines": {feed: counts["lines"] for feed, counts in truth["feeds"].items()},
        "files": len(files),
        "bytes": sum(path.stat().st_size for path in files),
    }


def warm(folder: Path) -> None:
    """Read every feed file once, so that the first contender does not pay for the disk."""
    for path in folder.rglob("*.json"):
        with path.open("rb") as file:
            while file.read(1 << 22):
                pass
