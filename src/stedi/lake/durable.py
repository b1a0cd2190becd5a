"""Make what was written survive a power cut: sync the file, then the folder that names it.

A file's bytes are safe after fsync of the file; its name only after fsync of its folder
(POSIX leaves both to the caller). Iceberg's own writers sync nothing. An object of S3 is safe
once its writing was answered.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from stedi.places import Place, S3Path, place
from stedi.places.s3 import remove


def sync_path(path: str | Place) -> None:
    """Block until the file or folder at `path` is on the disk."""
    if isinstance(place(path), S3Path):
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_files(paths: Iterable[str], root: Place, settled: set[Path]) -> None:
    """Sync files, and every folder below and at `root` that has gained a name on their way.

    `settled` remembers the folders whose own name is on the disk: their parents need no
    second sync for their sake.
    """
    gained: set[Path] = set()
    for path in (found for found in map(place, paths) if isinstance(found, Path)):
        sync_path(path)
        gained.add(path.parent)
        for folder in path.parents:
            below = isinstance(root, Path) and folder != root and folder.is_relative_to(root)
            if below and folder not in settled:
                gained.add(folder.parent)
                settled.add(folder)
    for folder in gained:
        sync_path(folder)


def write_durably(path: Place, text: str, mode: int = 0o644) -> None:
    """Write a small text file so that it is there whole or not at all."""
    if isinstance(path, S3Path):
        path.write_text(text)
        return
    draft = path.with_name(path.name + ".new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_path(path.parent)


def remove_files(paths: Iterable[str | Place]) -> None:
    """Remove files that nothing refers to; one that is gone already is no error."""
    found = [place(path) for path in paths]
    remove(path for path in found if isinstance(path, S3Path))
    for path in found:
        if isinstance(path, Path):
            path.unlink(missing_ok=True)
