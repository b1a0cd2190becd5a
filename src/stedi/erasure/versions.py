"""The past that S3 may keep besides the objects that are there.

Where a bucket keeps versions, what is replaced or removed is still there as an older version,
until that is removed too; so are the parts of an upload that never came to its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Literal, NamedTuple

from stedi.erasure.pool import each
from stedi.places import S3Path
from stedi.places.s3 import remove_versions


class Kept(NamedTuple):
    """Something that is kept of an object besides it, and how S3 names it."""

    path: S3Path
    kind: Literal["version", "mark", "upload"]  # a mark stands for an object that was removed
    name: str


def keeps_versions(bucket: str) -> bool:
    """Whether a bucket keeps, or once kept, older versions of its objects."""
    return bool(S3Path(bucket).ask("get_bucket_versioning").get("Status"))


def leftovers(folder: S3Path) -> Iterator[Kept]:
    """What S3 keeps besides the objects below a folder: older versions, unfinished uploads."""
    if keeps_versions(folder.bucket):
        yield from _versions(folder, folder.prefix)
    yield from _uploads(folder, folder.prefix)


def _uploads(folder: S3Path, prefix: str) -> Iterator[Kept]:
    """Uploads that were begun and not brought to their end."""
    for page in folder.pages("list_multipart_uploads", Prefix=prefix):
        for entry in page.get("Uploads", []):
            yield Kept(S3Path.exact(folder.bucket, entry["Key"]), "upload", entry["UploadId"])


def _versions(folder: S3Path, prefix: str) -> Iterator[Kept]:
    """All but what is there now: older ones, and the marks that stand for removed objects."""
    for page in folder.pages("list_object_versions", Prefix=prefix):
        older = [entry for entry in page.get("Versions", []) if not entry["IsLatest"]]
        for entry in older:
            yield Kept(S3Path.exact(folder.bucket, entry["Key"]), "version", entry["VersionId"])
        for entry in page.get("DeleteMarkers", []):
            yield Kept(S3Path.exact(folder.bucket, entry["Key"]), "mark", entry["VersionId"])


def purge(folder: S3Path) -> None:
    """Remove what `leftovers` tells of a folder."""
    _remove(leftovers(folder))


def _remove(kept: Iterable[Kept]) -> None:
    """Versions and marks a thousand a request, uploads one.

    Marks go last: without its mark, an object whose versions are not gone would be there again.
    """
    found = list(kept)
    for kind in ("version", "mark"):
        remove_versions((one.path, one.name) for one in found if one.kind == kind)
    for one in (one for one in found if one.kind == "upload"):
        with suppress(FileNotFoundError):  # ended meanwhile, or the answer to that was lost
            one.path.ask("abort_multipart_upload", Key=one.path.key, UploadId=one.name)


def without_past(paths: Iterable[S3Path]) -> None:
    """Remove older versions of some objects, there or removed, and uploads begun of them."""
    for bucket, named in _by_bucket(paths).items():
        older = each(_versions_of, named) if keeps_versions(bucket) else []
        begun = (one for folder in _beginnings(named) for one in _uploads(folder, folder.key))
        _remove(one for one in chain(*older, begun) if one.path in named)


def _versions_of(path: S3Path) -> list[Kept]:
    return list(_versions(path, path.key))


def _beginnings(named: Iterable[S3Path]) -> Iterator[S3Path]:
    """How the names of objects begin, folder by folder: uploads of none else are looked for."""
    folders: dict[S3Path, list[S3Path]] = {}
    for path in named:
        folders.setdefault(path.parent, []).append(path)
    for folder, some in folders.items():
        yield some[0] if len(some) == 1 else S3Path.exact(folder.bucket, folder.prefix)


def may_be_seen(paths: Iterable[S3Path]) -> None:
    """PermissionError where nobody could tell what is kept besides these objects."""
    for bucket, named in _by_bucket(paths).items():
        if keeps_versions(bucket):
            some = next(iter(named))
            next(_versions(some, some.key), None)
        next(_uploads(S3Path(bucket), ""), None)


def _by_bucket(paths: Iterable[S3Path]) -> dict[str, set[S3Path]]:
    found: dict[str, set[S3Path]] = {}
    for path in paths:
        found.setdefault(path.bucket, set()).add(path)
    return found


def erase(path: S3Path) -> None:
    """Remove an object and every version of it, the last one last."""
    without_past([path])
    with suppress(FileNotFoundError):  # done before, and only the answer was lost
        version = path.head().get("VersionId")
        path.ask("delete_object", Key=path.key, **({"VersionId": version} if version else {}))
