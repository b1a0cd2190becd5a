"""The same work on many files, on all cores: reading, scanning and hashing run side by side."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from stedi.places import Place

T = TypeVar("T")
P = TypeVar("P", bound=Place)


def each(work: Callable[[P], T], paths: Iterable[P], threads: int | None = None) -> list[T]:
    """The results in the order of the paths; the largest files are begun first.

    The first error is raised once the work under way has ended; nothing new is begun then.
    """
    files = list(paths)
    order = sorted(range(len(files)), key=lambda at: -_size(files[at]))
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        begun = {at: pool.submit(work, files[at]) for at in order}
        try:
            return [begun[at].result() for at in range(len(files))]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _size(path: Place) -> int:
    try:
        return path.lstat().st_size if isinstance(path, Path) else 0
    except OSError:  # the work will say what is wrong
        return 0
