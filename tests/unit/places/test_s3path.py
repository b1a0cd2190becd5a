"""S3Path beside pathlib: the same answers wherever both have one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from stedi.errors import UsageError
from stedi.places import S3Path, files_below, is_remote, place

KEYS = ["a", "a/b", "a/b/c.json.gz", "ä ö/=+%20&'\".x", "a/.hidden", "a/b.", "a/*?[x]", "a/day=1/x"]
SAME: dict[str, Callable[[Any], Any]] = {
    "name": lambda path: path.name,
    "suffix": lambda path: path.suffix,
    "parent": lambda path: str(path.parent),
    "parents": lambda path: [str(up) for up in path.parents],
    "parts": lambda path: path.parts,
    "with_name": lambda path: str(path.with_name("other")),
    "below": lambda path: str(path / "one" / "two.json"),
    "is below its folder": lambda path: path.is_relative_to(path.parent),
    "is below itself": lambda path: path.is_relative_to(path),
    "is below what begins alike": lambda path: path.is_relative_to(path.with_name("b")),
}


@pytest.mark.parametrize(
    "text", ["s3://", "s3:///key", "/disk", "bucket/key", "s3:bucket", "S3://bucket/key", ""]
)
def test_what_names_no_bucket_is_no_address(text: str) -> None:
    with pytest.raises(UsageError, match="not an address such as s3://bucket/folder"):
        S3Path.parse(text)


@pytest.mark.parametrize("key", ["a//b", "..", "a/../b", "./a", "a/.", "a/b/.."])
def test_parts_that_a_disk_would_resolve_are_refused(key: str) -> None:
    with pytest.raises(UsageError, match=r"without empty parts, \. and \.\."):
        S3Path.parse(f"s3://bucket/{key}")


def test_an_object_is_no_file_of_this_machine() -> None:
    path = S3Path.parse("s3://bucket/a")
    for use in (os.fspath, open, Path):
        with pytest.raises(TypeError, match="not a file of this machine"):
            use(path)
    with pytest.raises(ValueError, match="opened to be read"):
        path.open("wb")


@pytest.mark.parametrize("question", SAME)
@pytest.mark.parametrize("key", KEYS)
def test_pathlib_says_the_same(key: str, question: str) -> None:
    ours = SAME[question](S3Path.parse(f"s3://bucket/{key}"))
    theirs = SAME[question](PurePosixPath(f"bucket/{key}"))

    def without(found: object) -> object:
        if isinstance(found, list):
            return [without(one) for one in found]
        return found.removeprefix("s3://") if isinstance(found, str) else found

    if question == "parents":  # a relative path's last one is the folder one stands in
        theirs = theirs[:-1]
    assert without(ours) == theirs


def test_above_a_bucket_is_the_bucket() -> None:
    bucket = S3Path.parse("s3://bucket")
    assert (bucket.parent, bucket.name, bucket.key, list(bucket.parents)) == (bucket, "", "", [])
    assert str(bucket / "a") == "s3://bucket/a"
    assert S3Path.parse("s3://bucket/") == bucket
    assert not S3Path.parse("s3://bucket-2/a").is_relative_to(bucket)


def test_a_slash_at_the_end_makes_no_other_place() -> None:
    one, other = S3Path.parse("s3://bucket/a/b/"), S3Path.parse("s3://bucket/a/b")
    assert one == other
    assert len({one, other}) == 1
    assert str(one) == "s3://bucket/a/b"


def test_an_exact_key_keeps_its_slashes() -> None:
    folder, plain = S3Path.exact("bucket", "/a//b/"), S3Path("bucket", "a/b")
    assert str(folder) == "s3://bucket//a//b/"
    assert folder != plain


def test_paths_sort_as_listings_do() -> None:
    texts = ["s3://bucket/a", "s3://bucket/a-1", "s3://bucket/a/b", "s3://bucket/b"]
    assert sorted(map(S3Path.parse, reversed(texts))) == [S3Path.parse(text) for text in texts]


def test_a_path_of_either_kind_is_told_by_its_text(tmp_path: Path) -> None:
    assert place(str(tmp_path)) == place(tmp_path) == tmp_path
    assert place("s3://bucket/a") == place(S3Path("bucket", "a")) == S3Path("bucket", "a")
    assert is_remote("s3://bucket")
    assert not is_remote("/s3://bucket")


def test_a_disk_lists_every_file_and_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "a" / ".hidden").mkdir(parents=True)
    (tmp_path / "a" / ".hidden" / "x").write_bytes(b"123")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    found = {file.path.name: file.size for file in files_below(tmp_path) if file.path.name == "x"}
    assert found == {"x": 3}
    assert [file.path.name for file in files_below(tmp_path / "a")] == ["x"]
    assert list(files_below(tmp_path / "nowhere")) == []
