"""The proof that nobody named is left: every file below a folder, decoded and searched.

What a file is, its first bytes say; if they contradict its name, or it cannot be decoded to its
end, that is a finding too.
"""

from __future__ import annotations

import bz2
import lzma
import mmap
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import zstandard

from stedi.erasure.avro import MAGIC as AVRO
from stedi.erasure.avro import search_avro
from stedi.erasure.look import Look, Unreadable, What
from stedi.erasure.needles import Needles
from stedi.erasure.parquet import MAGIC as PARQUET
from stedi.erasure.parquet import search_parquet
from stedi.erasure.pool import each
from stedi.erasure.sqlite import JOURNAL_MAGIC, LOG_MAGICS, search_pages, search_sqlite
from stedi.erasure.sqlite import MAGIC as SQLITE
from stedi.erasure.versions import leftovers
from stedi.erasure.window import Window, opened
from stedi.errors import storage_error
from stedi.places import Place, S3Path, place

_BLOCK = 1 << 20
_DEEPEST = 4
_PACKED: dict[bytes, Callable[[], Any]] = {
    b"\x1f\x8b": lambda: zlib.decompressobj(wbits=31),
    b"\x28\xb5\x2f\xfd": lambda: zstandard.ZstdDecompressor().decompressobj(),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\0": lzma.LZMADecompressor,
}
_BROKEN = (zlib.error, zstandard.ZstdError, lzma.LZMAError, OSError, EOFError, ValueError)
_OPAQUE = {
    b"PK\x03\x04": "a zip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x04\x22\x4d\x18": "LZ4",
    b"PARE": "encrypted Parquet",
    b"ORC": "ORC",
    b"ARROW1\0\0": "an Arrow file",
}
_TOLD = {
    "version": "an older version is kept",
    "mark": "an older version is kept",
    "upload": "an unfinished upload is kept",
}
_NAMED = {".parquet": PARQUET, ".avro": AVRO, ".gz": b"\x1f\x8b", ".zst": b"\x28\xb5\x2f\xfd"}


@dataclass(frozen=True)
class Finding:
    """Something left, or not decodable. `where` is the place in the file.

    Neither says the identifier itself: in a path or place that holds it, its kind stands instead.
    """

    path: str
    where: str
    kind: What


@dataclass(frozen=True)
class Proof:
    """What was searched: files, bytes on the disk, decoded bytes; and what was found."""

    files: int
    bytes_stored: int
    bytes_searched: int
    findings: list[Finding]

    def __add__(self, other: Proof) -> Proof:
        return Proof(
            self.files + other.files,
            self.bytes_stored + other.bytes_stored,
            self.bytes_searched + other.bytes_searched,
            self.findings + other.findings,
        )


def search(
    root: str | Place,
    needles: Needles,
    skip: Callable[[Place], bool] = lambda path: False,
    threads: int | None = None,
) -> Proof:
    """Decode and search every file below a folder, hidden ones too, and the names of all.

    `skip` leaves a file or folder out. Links are findings of kind "link" unless they lead to
    a place below `root`, and are not followed. StorageError if the folder cannot be read.
    """
    top = place(root).resolve()
    sizes: dict[Place, int] = {}
    sizes.update(_objects(top, skip) if isinstance(top, S3Path) else _below(top, skip))
    looks = each(lambda path: _look(path, top, needles), sizes, threads, sizes)
    findings = [
        Finding(needles.masked(str(path)), where, kind)
        for path, look in zip(sizes, looks, strict=True)
        for where, kind in look.found
    ]
    if isinstance(top, S3Path):
        findings += _kept_besides(top, needles, skip)
    return Proof(
        files=sum(isinstance(path, S3Path) or not path.is_dir() for path in sizes),
        bytes_stored=sum(look.stored for look in looks),
        bytes_searched=sum(look.searched for look in looks),
        findings=sorted(findings, key=lambda one: (one.path, one.where, one.kind)),
    )


def _objects(top: S3Path, skip: Callable[[Place], bool]) -> Iterator[tuple[Place, int]]:
    """Every object below an address, and its bytes."""
    try:
        yield from ((path, stat.st_size) for path, stat in top.below() if not skip(path))
    except OSError as error:
        raise storage_error(error, str(top)) from error


def _kept_besides(top: S3Path, needles: Needles, skip: Callable[[Place], bool]) -> list[Finding]:
    """Older versions and unfinished uploads: not searched, so nothing is proved of them."""
    kept = (one for one in leftovers(top) if not skip(one.path))
    return [Finding(needles.masked(str(one.path)), _TOLD[one.kind], "unreadable") for one in kept]


def _below(folder: Path, skip: Callable[[Place], bool]) -> Iterator[tuple[Place, int]]:
    """Everything below a folder: files, links, and folders for the sake of their names.

    Their sizes the work asks for itself.
    """
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise storage_error(error, str(folder)) from error
    for entry in entries:
        path = Path(entry.path)
        if skip(path):
            continue
        yield path, 0
        if entry.is_dir(follow_symlinks=False):
            yield from _below(path, skip)


def _look(path: Place, top: Place, needles: Needles) -> Look:
    look = Look(needles)
    name = path.name if isinstance(path, Path) else str(path).removeprefix(f"{top}/")
    look.text(os.fsencode(name), "file name")
    try:
        if isinstance(path, S3Path):
            _file(path, look)
        elif path.is_symlink():
            _link(path, top, look)
        elif path.is_file():
            _file(path, look)
        elif os.path.lexists(path) and not path.is_dir():
            look.note("no regular file", "unreadable")
    except Unreadable as error:
        look.note(str(error), "unreadable")
    except FileNotFoundError:
        pass  # a reader's, gone since it was listed: the log of the catalog goes with the last one
    except OSError as error:
        look.note(error.strerror or type(error).__name__, "unreadable")
    return look


def _link(path: Path, top: Place, look: Look) -> None:
    look.text(os.fsencode(path.readlink()), "target of the link")
    if not path.resolve().is_relative_to(str(top)):
        look.note("leads out of the folder", "link")


def _file(path: Place, look: Look) -> None:
    with opened(path) as file:
        look.stored = file.size if isinstance(file, Window) else os.fstat(file.fileno()).st_size
        head = file.read(16)
        expected = _NAMED.get(path.suffix.lower())
        if head and expected and not head.startswith(expected):
            look.note(f"the file does not begin like {path.suffix.lower()}", "unreadable")
        file.seek(0)
        if head.startswith(PARQUET):
            search_parquet(file if isinstance(file, Window) else _mapped(file), look)
        elif head.startswith(SQLITE):
            search_sqlite(file.read(), _log_of(path), look)
        elif head.startswith(LOG_MAGICS) and _is_database(path):
            pass  # searched with its database, whose rows explain what stands in it
        else:
            _content(iter(lambda: file.read(_BLOCK), b""), look, "text", 0)


def _mapped(file: BinaryIO) -> mmap.mmap:
    """The bytes of an open file, in memory only as far as they are looked at."""
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _log_of(path: Place) -> bytes:
    log = path.with_name(path.name + "-wal")
    return log.read_bytes() if log.is_file() else b""


def _is_database(log: Place) -> bool:
    database = log.with_name(log.name.removesuffix("-wal"))
    if database == log or not database.is_file():
        return False
    with database.open("rb") as file:
        return file.read(len(SQLITE)) == SQLITE


def _content(blocks: Iterator[bytes], look: Look, where: str, depth: int) -> None:
    """Search a stream of bytes as what its beginning says it is."""
    head = next(blocks, b"")
    blocks = chain([head], blocks)
    if name := next((n for magic, n in _OPAQUE.items() if head.startswith(magic)), ""):
        look.note(f"{where}: {name} is not decoded", "unreadable")
    if fresh := next((f for magic, f in _PACKED.items() if head.startswith(magic)), None):
        if depth == _DEEPEST:
            raise Unreadable(f"packed more than {_DEEPEST} times")
        _content(_unpacked(blocks, fresh), look, f"{where}, unpacked", depth + 1)
    elif head.startswith(PARQUET):
        search_parquet(b"".join(blocks), look)
    elif head.startswith(AVRO):
        search_avro(b"".join(blocks), look)
    elif head.startswith(SQLITE):
        search_sqlite(b"".join(blocks), b"", look)
    elif head.startswith((*LOG_MAGICS, JOURNAL_MAGIC)):
        search_pages(b"".join(blocks), "pages of a log", look, (), 0)
    else:
        look.stream(blocks, where)


def _unpacked(blocks: Iterator[bytes], fresh: Callable[[], Any]) -> Iterator[bytes]:
    """The bytes of one or more compressed streams, one after the other."""
    stream, started = fresh(), False
    for block in blocks:
        for at in range(0, len(block), 1 << 14):
            rest = block[at : at + (1 << 14)]
            while rest:
                started, data = True, _step(stream, rest)
                if data:
                    yield data
                rest = stream.unused_data if stream.eof else b""
                if stream.eof:
                    stream, started = fresh(), False
    if started:
        raise Unreadable("the compressed data ends too early")


def _step(stream: Any, data: bytes) -> bytes:
    try:
        return bytes(stream.decompress(data))
    except _BROKEN as error:
        raise Unreadable(f"the compressed data is damaged ({type(error).__name__})") from error
