"""Delivered files without a person's lines; every other byte stays.

A file is replaced as a whole or not at all: the new one is written beside it under a hidden
name, synced, and renamed over it. After a kill at any point, running again completes the work.
"""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import hashlib
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import zstandard

from stedi.erasure.cut import BLOCK, Lines, Span, pieces, theirs, without
from stedi.erasure.needles import Needles
from stedi.errors import StorageError, storage_error
from stedi.feeds.raw import Damaged, blocks
from stedi.lake.durable import sync_path

_GET_FLAGS = 0x80086601  # FS_IOC_GETFLAGS of Linux
_IMMUTABLE = 0x30  # immutable, or only to be appended to


@dataclass(frozen=True)
class Hits:
    """A person's lines in one file; bytes and places are those of the decompressed text.

    `lines` are all that are not blank, `removed` those of the person. `size` (stored bytes)
    and `modified` (ns since 1970) tell whether the file changed since.
    """

    path: Path
    lines: int
    removed: int
    bytes: int
    removed_bytes: int
    size: int
    modified: int
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Rewritten:
    """What became of one file.

    Lines are counted without blank ones, bytes decompressed; `size`, `modified` and `sha256`
    are those of the new file as stored.
    """

    path: Path
    lines_before: int
    lines_removed: int
    lines_left: int
    bytes_before: int
    bytes_removed: int
    bytes_after: int
    size: int
    modified: int
    sha256: str


def hits(
    path: str | Path,
    needles: Needles,
    block: int = BLOCK,
    mine: Callable[[bytes], bool] = lambda line: True,
) -> Hits:
    """Read a file and find the person's lines, changing nothing.

    `mine` has the last word on a line in which a needle stands: others may mention a person.
    StorageError if it cannot be read, is damaged, or changes meanwhile. The longest line has
    to fit in memory.
    """
    real = Path(path).resolve()
    try:
        before = real.stat()
        found = _hits(real, needles, block, before, mine)
        _unchanged(found)
        return found
    except Damaged as error:
        raise StorageError(
            f"{path}: {error}, so its lines cannot be searched; deliver it again whole, "
            "or delete it, and run again"
        ) from error
    except OSError as error:
        raise storage_error(error, str(path)) from error


def _hits(
    path: Path,
    needles: Needles,
    block: int,
    seen: os.stat_result,
    mine: Callable[[bytes], bool],
) -> Hits:
    spans: list[Span] = []
    lines = size = 0
    for piece in pieces(_read(path, block), block):
        found = Lines(piece)
        spans += [
            (piece.at + start, piece.at + end)
            for start, end in theirs(found, needles)
            if mine(piece.data[start:end])
        ]
        lines += found.filled()
        size += len(piece.data)
    gone = sum(end - start for start, end in spans)
    stored, modified = seen.st_size, seen.st_mtime_ns
    return Hits(path, lines, len(spans), size, gone, stored, modified, tuple(spans))


def _read(path: Path, block: int) -> Iterator[bytes]:
    if path.name.lower().endswith((".gz", ".zst")):
        yield from blocks(str(path))
        return
    with path.open("rb", buffering=0) as file:
        while data := file.read(block):
            yield data


def _unchanged(found: Hits) -> None:
    now = found.path.stat()
    if (now.st_size, now.st_mtime_ns) != (found.size, found.modified):
        raise StorageError(
            f"{found.path}: the file changed while it was read; run again once it is complete"
        )


def rewrite_without(
    path: str | Path, needles: Needles, found: Hits | None = None, block: int = BLOCK
) -> Rewritten | None:
    """Replace a file by itself without the person's lines; None if none are theirs.

    `found` spares reading it again, and is refused if the file has changed since. Mode, owner
    and modification time stay. Errors as for `hits`, and StorageError if the new file cannot be
    written; the old one is then as it was.
    """
    found = found or hits(path, needles, block)
    draft = draft_of(found.path)
    try:
        draft.unlink(missing_ok=True)
        if not found.spans:
            return None
        _unchanged(found)
        try:
            return _replace(found, draft, block)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(error, str(path)) from error


def unwritable(paths: Iterable[str | Path]) -> dict[Path, str]:
    """The files that cannot be replaced, each with the reason; nothing is changed."""
    folders: dict[Path, str] = {}
    refused: dict[Path, str] = {}
    for path in map(Path, paths):
        real = path.resolve()
        if real.parent not in folders:
            folders[real.parent] = _refusal_of_folder(real.parent)
        if reason := folders[real.parent] or _refusal_of_file(real):
            refused[path] = reason
    return refused


def _refusal_of_folder(folder: Path) -> str:
    """Why no file can be made and removed in a folder; found out by doing it."""
    probe = draft_of(folder / f"probe-{os.getpid()}")
    try:
        probe.touch()
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


def draft_of(path: Path) -> Path:
    """Where the new file is written: hidden, so that no run lands it."""
    return path.with_name(f".{path.name}.forgetting")


def _replace(found: Hits, draft: Path, block: int) -> Rewritten:
    handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w+b") as file:
        kept = _copy(found, file, block)
        if kept != found.bytes - found.removed_bytes:
            raise StorageError(f"{found.path}: {kept} bytes were kept instead of {_left(found)}")
        file.flush()
        _like(found.path, draft)
        os.fsync(file.fileno())
        file.seek(0)
        checksum = hashlib.file_digest(cast(Any, file), "sha256").hexdigest()
        stored = file.tell()
    _unchanged(found)
    draft.replace(found.path)
    sync_path(found.path.parent)
    return _rewritten(found, stored, checksum)


def _left(found: Hits) -> int:
    return found.bytes - found.removed_bytes


def _copy(found: Hits, file: IO[bytes], block: int) -> int:
    """Write what is not the person's, packed as the file was; returns its bytes unpacked."""
    rest, kept = iter(found.spans), 0
    span = next(rest, None)
    with _packing(file, found.path.name, _left(found)) as out:
        for piece in pieces(_read(found.path, block), block):
            inside: list[Span] = []
            while span and span[0] < piece.at + len(piece.data):
                inside.append((span[0] - piece.at, span[1] - piece.at))
                span = next(rest, None)
            data = without(piece.data, inside) if inside else piece.data
            out.write(data)
            kept += len(data)
    return kept


@contextlib.contextmanager
def _packing(file: IO[bytes], name: str, size: int) -> Iterator[IO[bytes]]:
    if name.lower().endswith(".gz"):
        with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed:
            yield cast(IO[bytes], packed)
    elif name.lower().endswith(".zst"):
        writer = zstandard.ZstdCompressor().stream_writer(file, size=size, closefd=False)
        with writer:
            yield cast(IO[bytes], writer)
    else:
        yield file


def _like(path: Path, draft: Path) -> None:
    """Owner, mode, times and extended attributes of the old file for the new one."""
    old = path.stat()
    with contextlib.suppress(PermissionError):
        os.chown(draft, old.st_uid, old.st_gid)
    shutil.copystat(path, draft)


def _rewritten(found: Hits, stored: int, checksum: str) -> Rewritten:
    return Rewritten(
        path=found.path,
        lines_before=found.lines,
        lines_removed=found.removed,
        lines_left=found.lines - found.removed,
        bytes_before=found.bytes,
        bytes_removed=found.removed_bytes,
        bytes_after=_left(found),
        size=stored,
        modified=found.modified,
        sha256=checksum,
    )
