"""The same work on many files, on all cores: reading, scanning and hashing run side by side."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from stedi.places import Place, S3Path

T = TypeVar("T")
P = TypeVar("P", bound=Place)
_ASKING = 8  # threads that wait for S3 more than they compute


def each(
    work: Callable[[P], T],
    paths: Iterable[P],
    threads: int | None = None,
    sizes: Mapping[P, int] | None = None,
) -> list[T]:
    """The results in the order of the paths; the largest files are begun first.

    `sizes` (bytes) of those that are known. The first error is raised once the work under way
    has ended; nothing new is begun then.
    """
    files = list(paths)
    order = sorted(range(len(files)), key=lambda at: -_size(files[at], sizes or {}))
    with ThreadPoolExecutor(threads or _threads(files)) as pool:
        begun = {at: pool.submit(work, files[at]) for at in order}
        try:
            return [begun[at].result() for at in range(len(files))]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _threads(files: Sequence[Place]) -> int:
    cores = os.cpu_count() or 1
    return max(cores, _ASKING) if any(isinstance(file, S3Path) for file in files) else cores


def _size(path: P, sizes: Mapping[P, int]) -> int:
    try:
        return path.lstat().st_size if isinstance(path, Path) else sizes.get(path, 0)
    except OSError:  # the work will say what is wrong
        return 0
