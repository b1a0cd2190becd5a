"""Delivered files on S3 without a person's lines.

An object is replaced under the condition that it is still the one that was searched.
"""

from __future__ import annotations

import tempfile
from typing import IO, Any, cast
from urllib.parse import urlencode

from stedi.erasure.hits import Hits, Rewritten, rewritten, write_kept
from stedi.errors import StorageError
from stedi.places import Place, S3Path
from stedi.places.s3 import stat_in

REWRITTEN = "stedi-rewritten"  # beside an object: the time (ns) of the one it was made from
_ARCHIVED = ("GLACIER", "DEEP_ARCHIVE")
_LARGEST = 5 << 30  # bytes that S3 takes in one piece
_SPOOL = 64 << 20  # bytes held in memory
_KEPT = (
    *("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType"),
    *("BucketKeyEnabled", "SSEKMSKeyId", "ServerSideEncryption", "StorageClass"),
)


def rewrite(found: Hits, path: S3Path, block: int) -> Rewritten:
    """Put an object without the person's lines in its place; what stands beside it stays.

    StorageError if it has changed since it was searched.
    """
    with tempfile.SpooledTemporaryFile(_SPOOL) as file:
        checksum = write_kept(found, cast(IO[bytes], file), block)
        stored = file.tell()
        file.seek(0)
        _put(found, path, file)
    return rewritten(found, stored, path.stat().st_mtime_ns, checksum)


def _put(found: Hits, path: S3Path, file: Any) -> None:
    head = path.head()
    stat = stat_in(head)
    kept = {name: head[name] for name in _KEPT if name in head}
    if head.get("TagCount"):
        tags = path.ask("get_object_tagging", Key=path.key)["TagSet"]
        kept["Tagging"] = urlencode({tag["Key"]: tag["Value"] for tag in tags})
    beside = {**head["Metadata"], REWRITTEN: str(found.modified)}
    try:
        if (stat.st_size, stat.st_mtime_ns) != (found.size, found.modified):
            raise FileExistsError
        path.write_bytes(file, IfMatch=stat.etag, Metadata=beside, **kept)
    except FileExistsError as error:
        if _made_from(path.head()) == beside[REWRITTEN]:
            return  # done, and only the answer was lost
        raise StorageError(
            f"{path}: the file changed while it was read; run again once it is complete"
        ) from error


def refusal(path: S3Path) -> str:
    """Why an object cannot be replaced without a trace; empty if it can."""
    head = path.head()
    if head["ContentLength"] > _LARGEST:
        return f"{path}: larger than the 5 GiB that S3 takes in one piece; deliver it in parts"
    if head.get("ArchiveStatus") or head.get("StorageClass") in _ARCHIVED:
        return f"{path}: the object is archived; copy it to another storage class"
    if head.get("ObjectLockMode") or head.get("ObjectLockLegalHoldStatus") == "ON":
        return f"{path}: the object is locked, its older version could not be removed"
    return ""


def _made_from(head: Any) -> str | None:
    """The time (ns) of the object that one was made from, if `rewrite` made it."""
    told: str | None = head["Metadata"].get(REWRITTEN)
    return told


def of_this(path: Place, modified: int) -> bool:
    """Whether a file is the one of that time (ns), or what `rewrite` made of it."""
    if not isinstance(path, S3Path):
        return path.exists() and path.stat().st_mtime_ns == modified
    try:
        head = path.head()
    except FileNotFoundError:
        return False
    return modified == stat_in(head).st_mtime_ns or _made_from(head) == str(modified)
