"""A person's lines in delivered files: found, and what is left without them."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any, BinaryIO, cast

import zstandard

from stedi.erasure.cut import BLOCK, Lines, Span, pieces, theirs, without
from stedi.erasure.needles import Needles
from stedi.erasure.window import Window, opened
from stedi.errors import StorageError, storage_error
from stedi.feeds.raw import Damaged, blocks, packed
from stedi.places import Place, S3Path, place
from stedi.places.bulk import S3Reader
from stedi.places.s3 import stat_of


@dataclass(frozen=True)
class Hits:
    """A person's lines in one file; bytes and places are those of the decompressed text.

    `lines` are all that are not blank, `removed` those of the person. `size` (stored bytes)
    and `modified` (ns since 1970) tell whether the file changed since.
    """

    path: Place
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

    path: Place
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
    path: str | Place,
    needles: Needles,
    block: int = BLOCK,
    mine: Callable[[bytes], bool] = lambda line: True,
) -> Hits:
    """Read a file and find the person's lines, changing nothing.

    `mine` has the last word on a line in which a needle stands: others may mention a person.
    StorageError if it cannot be read, is damaged, or changes meanwhile. The longest line has
    to fit in memory.
    """
    real = place(path).resolve()
    try:
        if isinstance(real, S3Path) and not packed(real.name):
            return _in_object(real, needles, block, mine)
        stat = real.stat()
        before = stat.st_size, stat.st_mtime_ns
        found = _hits(real, _read(real, block), needles, block, before, mine)
        unchanged(found)
        return found
    except Damaged as error:
        raise StorageError(
            f"{path}: {error}, so its lines cannot be searched; deliver it again whole, "
            "or delete it, and run again"
        ) from error
    except OSError as error:
        raise storage_error(error, str(path)) from error


def _in_object(path: S3Path, needles: Needles, block: int, mine: Callable[[bytes], bool]) -> Hits:
    """The same in an object: its answers tell which it is, and are all of that one."""
    with S3Reader(path) as reader:
        stat = stat_of(reader.size, reader.modified, reader.etag)
        seen = stat.st_size, stat.st_mtime_ns
        return _hits(path, _blocks(Window(reader), block), needles, block, seen, mine)


def _hits(
    path: Place,
    text: Iterable[bytes],
    needles: Needles,
    block: int,
    seen: tuple[int, int],
    mine: Callable[[bytes], bool],
) -> Hits:
    spans: list[Span] = []
    lines = size = 0
    for piece in pieces(text, block):
        found = Lines(piece)
        spans += [
            (piece.at + start, piece.at + end)
            for start, end in theirs(found, needles)
            if mine(piece.data[start:end])
        ]
        lines += found.filled()
        size += len(piece.data)
    gone = sum(end - start for start, end in spans)
    return Hits(path, lines, len(spans), size, gone, *seen, tuple(spans))


def _read(path: Place, block: int) -> Iterator[bytes]:
    if packed(path.name):
        yield from blocks(str(path))
        return
    with opened(path) as file:
        yield from _blocks(file, block)


def _blocks(file: BinaryIO | Window, block: int) -> Iterator[bytes]:
    while data := file.read(block):
        yield data


def unchanged(found: Hits) -> None:
    """StorageError if the file is another than it was when it was searched."""
    now = found.path.stat()
    if (now.st_size, now.st_mtime_ns) != (found.size, found.modified):
        raise StorageError(
            f"{found.path}: the file changed while it was read; run again once it is complete"
        )


def write_kept(found: Hits, file: IO[bytes], block: int) -> str:
    """Write what is left to an open file, packed as it was; the checksum (SHA-256) of that.

    StorageError if it does not come out with the bytes that it must have.
    """
    kept = _copy(found, file, block)
    if kept != _left(found):
        raise StorageError(f"{found.path}: {kept} bytes were kept instead of {_left(found)}")
    file.flush()
    file.seek(0)
    return hashlib.file_digest(cast(Any, file), "sha256").hexdigest()


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


def rewritten(found: Hits, stored: int, modified: int, checksum: str) -> Rewritten:
    """What became of a file, by what is stored now."""
    return Rewritten(
        path=found.path,
        lines_before=found.lines,
        lines_removed=found.removed,
        lines_left=found.lines - found.removed,
        bytes_before=found.bytes,
        bytes_removed=found.removed_bytes,
        bytes_after=_left(found),
        size=stored,
        modified=modified,
        sha256=checksum,
    )
