"""The past that S3 may keep besides the objects that are there.

Where a bucket keeps versions, what is replaced or removed is still there as an older version,
until that is removed too; so are the parts of an upload that never came to its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from stedi.places import S3Path


def keeps_versions(bucket: str) -> bool:
    """Whether a bucket keeps, or once kept, older versions of its objects."""
    return bool(S3Path(bucket).ask("get_bucket_versioning").get("Status"))


def leftovers(folder: S3Path) -> Iterator[tuple[S3Path, dict[str, str]]]:
    """What S3 keeps besides the objects below a folder: older versions, unfinished uploads.

    Each with how boto3 names it.
    """
    if keeps_versions(folder.bucket):
        yield from _versions(folder, folder.prefix)
    yield from _uploads(folder, folder.prefix)


def _uploads(folder: S3Path, prefix: str) -> Iterator[tuple[S3Path, dict[str, str]]]:
    """Uploads that were begun and not brought to their end."""
    for page in folder.pages("list_multipart_uploads", Prefix=prefix):
        for entry in page.get("Uploads", []):
            yield S3Path.exact(folder.bucket, entry["Key"]), {"UploadId": entry["UploadId"]}


def _versions(folder: S3Path, prefix: str) -> Iterator[tuple[S3Path, dict[str, str]]]:
    """All but what is there now: older ones, and the marks that stand for removed objects."""
    for page in folder.pages("list_object_versions", Prefix=prefix):
        older = [entry for entry in page.get("Versions", []) if not entry["IsLatest"]]
        for entry in (*older, *page.get("DeleteMarkers", [])):
            yield S3Path.exact(folder.bucket, entry["Key"]), {"VersionId": entry["VersionId"]}


def purge(folder: S3Path) -> None:
    """Remove what `leftovers` tells of a folder."""
    for path, names in list(leftovers(folder)):
        _remove(path, names)


def _remove(path: S3Path, names: dict[str, str]) -> None:
    call = "abort_multipart_upload" if "UploadId" in names else "delete_object"
    path.ask(call, False, Key=path.key, **names)


def without_past(paths: Iterable[S3Path]) -> None:
    """Remove older versions of some objects, there or removed, and uploads begun of them."""
    for bucket, named in _by_bucket(paths).items():
        keeps = keeps_versions(bucket)
        older = (one for path in named for one in _versions(path, path.key) if keeps)
        for found, names in [*older, *_uploads(S3Path(bucket), "")]:
            if found in named:
                _remove(found, names)


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
    head = path.head()
    path.ask(
        "delete_object",
        Key=path.key,
        **({"VersionId": head["VersionId"]} if "VersionId" in head else {}),
    )
