"""Objects of S3 behind the names that pathlib has for files.

An object is there whole or not at all, so nothing here needs a draft or a sync. A name that ends
in no slash may stand for an object, for the folder of those whose names go on after a slash, or
for both.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import total_ordering
from io import BufferedReader
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast

from stedi.errors import UsageError
from stedi.places.aws import answered, aws_errors, client

SCHEME = "s3://"
_MOST_AT_ONCE = 1000  # that one request removes
_NANOS = 1_000_000_000


@dataclass(frozen=True)
class Stat:
    """An object's bytes and time, by the names of os.stat; `etag` tells its content.

    S3 tells whole seconds. The digits below them come from the etag, so that another content
    written within the same second is told from the first.
    """

    st_size: int
    st_mtime_ns: int
    etag: str


def stat_of(size: int, modified: datetime, etag: str) -> Stat:
    """What S3 says of an object, as a Stat."""
    return Stat(size, int(modified.timestamp()) * _NANOS + zlib.crc32(etag.encode()) % _NANOS, etag)


def stat_in(head: Any) -> Stat:
    """The same of an answer to HEAD."""
    return stat_of(head["ContentLength"], head["LastModified"], head["ETag"])


@total_ordering
class S3Path:
    """s3://bucket/key, with those methods of pathlib.Path that make sense for objects.

    Raises what pathlib would: FileNotFoundError, PermissionError, FileExistsError, and
    ConnectionError where the storage cannot be reached or fails again and again.
    """

    __slots__ = ("bucket", "key")

    def __init__(self, bucket: str, key: str = "") -> None:
        self.bucket = bucket
        self.key = key.strip("/")

    @classmethod
    def parse(cls, text: str) -> S3Path:
        """The place at an address; UsageError if it names no bucket."""
        bucket, _, key = text.removeprefix(SCHEME).partition("/")
        if not text.startswith(SCHEME) or not bucket:
            raise UsageError(f"{text}: not an address such as s3://bucket/folder")
        if any(part in ("", ".", "..") for part in key.strip("/").split("/") if key.strip("/")):
            raise UsageError(f"{text}: write the address without empty parts, . and ..")
        return cls(bucket, key)

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}" if self.key else f"{SCHEME}{self.bucket}"

    def __repr__(self) -> str:
        return f"S3Path('{self}')"

    def __fspath__(self) -> str:
        raise TypeError(f"{self} is not a file of this machine")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, S3Path) and str(self) == str(other)

    def __lt__(self, other: S3Path) -> bool:
        return str(self) < str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __truediv__(self, name: str) -> S3Path:
        return S3Path(self.bucket, f"{self.key}/{name}")

    @property
    def prefix(self) -> str:
        """What the keys of all objects below begin with."""
        return f"{self.key}/" if self.key else ""

    @property
    def _pure(self) -> PurePosixPath:
        return PurePosixPath(self.key)

    @property
    def name(self) -> str:
        """What comes after the last slash."""
        return self._pure.name

    @property
    def suffix(self) -> str:
        """The name's ending, with its dot."""
        return self._pure.suffix

    @property
    def parts(self) -> tuple[str, ...]:
        """The bucket, then the parts of the key."""
        return (self.bucket, *self._pure.parts)

    @property
    def parent(self) -> S3Path:
        """The folder; that of a bucket is the bucket."""
        return S3Path(self.bucket, self.key.rpartition("/")[0])

    @property
    def parents(self) -> Sequence[S3Path]:
        """All folders above, the nearest first, the bucket last."""
        return [S3Path(self.bucket, str(up).removeprefix(".")) for up in self._pure.parents]

    def with_name(self, name: str) -> S3Path:
        """Another in the same folder."""
        return self.parent / name

    def is_relative_to(self, other: object) -> bool:
        """Whether it is `other`, or lies below it."""
        return isinstance(other, S3Path) and (self == other or str(self).startswith(f"{other}/"))

    def resolve(self) -> S3Path:
        """Itself: there are no links."""
        return self

    def stat(self) -> Stat:
        """Size, time and etag of the object."""
        return stat_in(self.head())

    def head(self) -> Any:
        """All that S3 tells of the object but its bytes, as boto3 names it."""
        return self.ask("head_object", Key=self.key)

    def ask(self, call: str, hurried: bool = False, **arguments: Any) -> Any:
        """A call of boto3's S3 client about this bucket; OSError if it fails.

        `hurried` gives up within some seconds.
        """
        with aws_errors(str(self)):
            return getattr(client("s3", hurried=hurried), call)(Bucket=self.bucket, **arguments)

    def pages(self, call: str, **arguments: Any) -> Iterator[Any]:
        """The pages that a listing call of boto3 goes through."""
        with aws_errors(str(self)):
            yield from client("s3").get_paginator(call).paginate(Bucket=self.bucket, **arguments)

    def is_file(self) -> bool:
        """Whether there is an object of this very name."""
        try:
            return bool(self.key) and bool(self.head())
        except FileNotFoundError:
            return False

    def is_dir(self) -> bool:
        """Whether there are objects below."""
        return any(True for _ in self.below(1))

    def exists(self) -> bool:
        """Whether there is an object of this name, or some below."""
        return self.is_file() or self.is_dir()

    def below(self, at_once: int = _MOST_AT_ONCE) -> Iterator[tuple[S3Path, Stat]]:
        """Every object below, in order of their names, listed `at_once` a request."""
        size = {"PageSize": at_once}
        for page in self.pages("list_objects_v2", Prefix=self.prefix, PaginationConfig=size):
            for entry in page.get("Contents", []):
                stat = stat_of(entry["Size"], entry["LastModified"], entry["ETag"])
                yield S3Path.exact(self.bucket, entry["Key"]), stat

    @classmethod
    def exact(cls, bucket: str, key: str) -> S3Path:
        """An object by its very key, whatever slashes it begins or ends with."""
        made = cls(bucket)
        made.key = key
        return made

    def open(self, mode: str = "rb", buffering: int = -1) -> BinaryIO:
        """The object to read from, anywhere in it; FileNotFoundError if it is not there."""
        from stedi.places.bulk import AHEAD, S3Reader

        if mode != "rb":
            raise ValueError(f"{self}: objects are opened to be read, not {mode!r}")
        reader = S3Reader(self)
        return cast(BinaryIO, reader if buffering == 0 else BufferedReader(reader, AHEAD))

    def create(self) -> BinaryIO:
        """A new object to write to, there once it is closed, and not if an error comes before."""
        from stedi.places.bulk import S3Writer

        return cast(BinaryIO, S3Writer(self))

    def read_bytes(self) -> bytes:
        """The whole object."""
        with self.open(buffering=0) as file:
            return file.read()

    def glance(self) -> tuple[str, bytes]:
        """Etag and bytes of a small object; gives up within some seconds."""
        answer = self.ask("get_object", hurried=True, Key=self.key)
        with aws_errors(str(self)):
            return str(answer["ETag"]), answer["Body"].read()

    def read_text(self, encoding: str = "utf-8") -> str:
        """The whole object as text."""
        return self.read_bytes().decode(encoding)

    def write_bytes(self, data: bytes | BinaryIO, **conditions: Any) -> str:
        """Put the object, there whole or not at all; its etag.

        FileExistsError if a condition (IfNoneMatch="*", IfMatch=etag) does not hold.
        """
        return str(self.ask("put_object", Key=self.key, Body=data, **conditions)["ETag"])

    def write_text(self, text: str, encoding: str = "utf-8") -> str:
        """Put the object with this text; its etag."""
        return self.write_bytes(text.encode(encoding))

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove the object."""
        if not missing_ok:
            self.head()
        self.ask("delete_object", Key=self.key)

    def mkdir(self, parents: bool = False, exist_ok: bool = False) -> None:
        """Nothing: a folder is there once something lies in it."""


def remove(paths: Iterable[S3Path]) -> None:
    """Remove objects, a thousand a request; one that is gone already is no error."""
    remove_versions((path, "") for path in paths)


def remove_versions(named: Iterable[tuple[S3Path, str]]) -> None:
    """The same of single versions of objects, by their ids; without one, of what is there now.

    OSError for the first that could not be removed, once all of its request were tried.
    """
    by_bucket: dict[str, list[dict[str, str]]] = {}
    for path, version in named:
        one = {"Key": path.key} | ({"VersionId": version} if version else {})
        by_bucket.setdefault(path.bucket, []).append(one)
    for bucket, found in by_bucket.items():
        for start in range(0, len(found), _MOST_AT_ONCE):
            _remove(S3Path(bucket), found[start : start + _MOST_AT_ONCE])


def _remove(bucket: S3Path, objects: list[dict[str, str]]) -> None:
    wanted = {"Objects": objects, "Quiet": True}
    for fault in bucket.ask("delete_objects", Delete=wanted).get("Errors", []):
        error = answered({"Error": fault}, f"{bucket}/{fault.get('Key')}")
        if not isinstance(error, FileNotFoundError):
            raise error
