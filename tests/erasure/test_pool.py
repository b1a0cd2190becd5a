"""The same work on many files."""

from __future__ import annotations

import pytest

from stedi.erasure.pool import each
from stedi.places import S3Path

PATHS = [S3Path("bucket", name) for name in "abc"]


def test_the_first_error_is_raised_and_nothing_more_is_begun() -> None:
    begun: list[S3Path] = []

    def work(path: S3Path) -> None:
        begun.append(path)
        raise OSError(path.name)

    with pytest.raises(OSError, match="a"):
        each(work, PATHS, 1)
    assert begun == PATHS[: len(begun)]


def test_the_largest_objects_are_begun_first_and_told_in_order() -> None:
    begun: list[S3Path] = []

    def work(path: S3Path) -> str:
        begun.append(path)
        return path.name

    assert each(work, PATHS, 1, {PATHS[0]: 1, PATHS[2]: 9}) == ["a", "b", "c"]
    assert [path.name for path in begun] == ["c", "a", "b"]
