"""Delivered files without a person's lines; every other byte stays.

A file is replaced as a whole or not at all: the new one is written beside it under a hidden
name, synced, and renamed over it. After a kill at any point, running again completes the work.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar, cast

from stedi.erasure import objects, versions
from stedi.erasure.cut import BLOCK
from stedi.erasure.hits import Hits, Rewritten, hits, rewritten, unchanged, write_kept
from stedi.erasure.needles import Needles
from stedi.erasure.pool import each
from stedi.errors import storage_error
from stedi.lake.durable import sync_path
from stedi.places import Place, S3Path, place

P = TypeVar("P", bound=Place)
_GET_FLAGS = 0x80086601  # FS_IOC_GETFLAGS of Linux
_IMMUTABLE = 0x30  # immutable, or only to be appended to


def rewrite_without(
    path: str | Place, needles: Needles, found: Hits | None = None, block: int = BLOCK
) -> Rewritten | None:
    """Replace a file by itself without the person's lines; None if none are theirs.

    `found` spares reading it again, and is refused if the file has changed since. Mode, owner
    and modification time stay. Errors as for `hits`, and StorageError if the new file cannot be
    written; the old one is then as it was.
    """
    found = found or hits(path, needles, block)
    try:
        if isinstance(found.path, S3Path):
            return objects.rewrite(found, found.path, block) if found.spans else None
        return _rewrite(found, found.path, block)
    except OSError as error:
        raise storage_error(error, str(path)) from error


def _rewrite(found: Hits, path: Path, block: int) -> Rewritten | None:
    draft = draft_of(path)
    draft.unlink(missing_ok=True)
    if not found.spans:
        return None
    unchanged(found)
    try:
        return _replace(found, path, draft, block)
    finally:
        draft.unlink(missing_ok=True)


def unwritable(paths: Iterable[str | Place]) -> dict[Place, str]:
    """The files that cannot be replaced, each with the reason; nothing is changed."""
    files = {path: path.resolve() for path in map(place, paths)}
    parents = list(dict.fromkeys(real.parent for real in files.values()))
    folders = dict(zip(parents, each(_refusal_of_folder, parents), strict=True))
    sound = [real for real in dict.fromkeys(files.values()) if not folders[real.parent]]
    refused = dict(zip(sound, each(_refusal_of, sound), strict=True))
    told = {path: folders[real.parent] or refused[real] for path, real in files.items()}
    return {path: reason for path, reason in told.items() if reason}


def _refusal_of(path: Place) -> str:
    return objects.refusal(path) if isinstance(path, S3Path) else _refusal_of_file(path)


def _refusal_of_folder(folder: Place) -> str:
    """Why no file can be made and removed in a folder; found out by doing it."""
    probe = draft_of(folder / f"probe-{os.getpid()}")
    try:
        probe.write_bytes(b"")
        if isinstance(probe, S3Path):
            versions.erase(probe)
        else:
            probe.unlink()
    except OSError as error:
        return str(storage_error(error, str(folder)))
    return ""


def _refusal_of_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            locked = _immutable(file.fileno())
    except OSError as error:
        return str(storage_error(error, str(path)))
    if locked:
        return f"{path}: the file is marked immutable; clear the mark (chattr -i)"
    if found.st_nlink > 1:
        return f"{path}: the file has another name (a hard link), which would keep its lines"
    if not _may_rename(path, found):
        return f"{path}: the folder lets only the owner of a file replace it (sticky bit)"
    return ""


def _immutable(handle: int) -> bool:
    """Whether the file's flags forbid to replace it; where flags are unknown, no."""
    flags = bytearray(8)
    try:
        fcntl.ioctl(handle, _GET_FLAGS, flags)
    except OSError:
        return False
    return bool(int.from_bytes(flags[:4], sys.byteorder) & _IMMUTABLE)


def _may_rename(path: Path, file: os.stat_result) -> bool:
    folder = path.parent.stat()
    return not folder.st_mode & stat.S_ISVTX or os.geteuid() in (0, file.st_uid, folder.st_uid)


def draft_of(path: P) -> P:
    """Where the new file is written: hidden, so that no run lands it."""
    return cast(P, path.with_name(f".{path.name}.forgetting"))


def _replace(found: Hits, path: Path, draft: Path, block: int) -> Rewritten:
    handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w+b") as file:
        checksum = write_kept(found, file, block)
        stored = file.tell()
        _like(path, draft)
        os.fsync(file.fileno())
    unchanged(found)
    draft.replace(path)
    sync_path(path.parent)
    return rewritten(found, stored, found.modified, checksum)


def _like(path: Path, draft: Path) -> None:
    """Owner, mode, times and extended attributes of the old file for the new one."""
    old = path.stat()
    with contextlib.suppress(PermissionError):
        os.chown(draft, old.st_uid, old.st_gid)
    shutil.copystat(path, draft)
