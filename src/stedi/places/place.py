"""What is done alike to files of this machine and to objects of S3."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from stedi.errors import UsageError
from stedi.places.s3 import SCHEME, S3Path, remove

Place = Path | S3Path
LOCAL = "file://"
_SCHEME = re.compile(r"\w+:/")


class Listed(NamedTuple):
    """A file below a folder, its bytes, and when it was changed (ns since 1970)."""

    path: Place
    size: int
    modified: int


def place(text: str | Place) -> Place:
    """The place at an address: s3://… or a path of this machine; else UsageError."""
    if isinstance(text, Path | S3Path):
        return text
    if is_remote(text):
        return S3Path.parse(text)
    if _SCHEME.match(text):
        raise UsageError(f"{text}: give a folder of this machine, or an address s3://bucket/folder")
    return Path(text)


def is_remote(text: str) -> bool:
    """Whether an address is none of this machine."""
    return text.startswith(SCHEME)


def address(where: Place) -> str:
    """A place as Iceberg names it: with its scheme."""
    return str(where) if isinstance(where, S3Path) else f"{LOCAL}{where}"


def files_below(folder: Place) -> Iterator[Listed]:
    """Every file below a folder; links are listed and not followed."""
    if isinstance(folder, S3Path):
        for path, stat in folder.below():
            yield Listed(path, stat.st_size, stat.st_mtime_ns)
        return
    for root, _, names in os.walk(folder):
        for found in (Path(root, name) for name in names):
            seen = found.lstat()
            yield Listed(found, seen.st_size, seen.st_mtime_ns)


def remove_tree(folder: Place) -> None:
    """Remove a folder and all below it, as far as that can be done."""
    if isinstance(folder, Path):
        shutil.rmtree(folder, ignore_errors=True)
        return
    with suppress(OSError):  # left for `stedi maintain`
        remove(path for path, _ in folder.below())
