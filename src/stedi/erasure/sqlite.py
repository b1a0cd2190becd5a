"""A SQLite database, its freed pages and its write-ahead log.

Live rows are read as values, from a copy in memory that holds what the log adds. The pages of
the file and of the log are searched as stored too, since deleted rows stay in them. There, values
stand side by side with nothing between them. See "Database File Format" on sqlite.org.
"""

from __future__ import annotations

import re
import sqlite3
import struct
from collections.abc import Iterable, Iterator
from contextlib import closing

from stedi.erasure.look import Look, Unreadable

MAGIC = b"SQLite format 3\0"
LOG_MAGICS = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
JOURNAL_MAGIC = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
_LOG_HEADER, _FRAME_HEADER = 32, 24
_NEXT_PAGE = 4
_BEFORE = re.compile(rb"[\w.%+'\x80-\xff@-]*\Z")
_AFTER = re.compile(rb"[\w.%+'\x80-\xff@-]*")
_NEAR = 64
_ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be")


def search_sqlite(data: bytes, log: bytes, look: Look) -> None:
    """Search a database and its log. Unreadable if its tables cannot be read."""
    words: set[bytes] = set()
    try:
        with closing(_opened(_with_log(data, log))) as database:
            for where, cell in _cells(database):
                look.text(cell, where)
                words.update(_near_misses(cell, look))
    except (sqlite3.Error, ValueError, struct.error) as error:
        raise Unreadable(f"SQLite cannot be decoded ({type(error).__name__})") from error
    finally:
        search_pages(data, "pages of the database", look, words, _page_size(data))
        search_pages(log, "pages of the write-ahead log", look, words, 0)


def search_pages(
    data: bytes, where: str, look: Look, explained: Iterable[bytes], page: int
) -> None:
    """Search pages as stored; with a page size also across the pages of a long value."""
    look.loose(data, where, explained)
    if page:
        starts = range(0, len(data), page)
        joined = b"".join([data[at + _NEXT_PAGE : at + page] for at in starts])
        look.loose(joined, f"{where}, put together", explained)


def _near_misses(cell: bytes, look: Look) -> set[bytes]:
    """Longer words of live rows of which an identifier is a part: they are somebody else's."""
    loose = {(one.start, one.end) for one in look.needles.plain(cell, loose=True)}
    exact = {(one.start, one.end) for one in look.needles.plain(cell)} if loose else set()
    words = {
        _word(cell.lower(), start, end).decode(errors="replace") for start, end in loose - exact
    }
    return {word.encode(encoding) for word in words for encoding in _ENCODINGS}


def _word(text: bytes, start: int, end: int) -> bytes:
    before = _BEFORE.search(text[max(0, start - _NEAR) : start])
    after = _AFTER.match(text[end : end + _NEAR])
    return (before[0] if before else b"") + text[start:end] + (after[0] if after else b"")


def _page_size(data: bytes) -> int:
    size = int.from_bytes(data[16:18], "big")
    return 65536 if size == 1 else size


def _opened(image: bytes) -> sqlite3.Connection:
    database = sqlite3.connect(":memory:")
    database.text_factory = bytes
    database.deserialize(image)
    return database


def _with_log(data: bytes, log: bytes) -> bytes:
    """The database as it is once the committed frames of its log are written back."""
    image = bytearray(data)
    for page, body, size in _committed(log):
        image[:] = image.ljust(size * len(body), b"\0")
        image[(page - 1) * len(body) : page * len(body)] = body
    image[18:20] = b"\1\1"  # no longer a database with a log: it has no file of its own
    return bytes(image)


def _committed(log: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Page number, content and database size (pages) of each frame before the last commit."""
    if log[:4] not in LOG_MAGICS:
        return
    page_size = int.from_bytes(log[8:12], "big")
    salt, waiting = log[16:24], list[tuple[int, bytes]]()
    step = _FRAME_HEADER + page_size
    for at in range(_LOG_HEADER, len(log) - step + 1, step):
        page, size = struct.unpack_from(">II", log, at)
        if log[at + 8 : at + 16] != salt:
            return
        waiting.append((page, log[at + _FRAME_HEADER : at + step]))
        if size:
            yield from ((number, body, size) for number, body in waiting)
            waiting = []


def _cells(database: sqlite3.Connection) -> Iterator[tuple[str, bytes]]:
    """Every text, blob and number of every table, with its place."""
    for name, sql in database.execute("SELECT name, coalesce(sql, '') FROM sqlite_master"):
        yield "schema", b"%b\n%b" % (name, sql)
    tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        quoted = table.decode().replace('"', '""')
        for row in database.execute(f'SELECT * FROM "{quoted}"'):
            cells = (value if isinstance(value, bytes) else str(value).encode() for value in row)
            yield f"table {table.decode()}", b"\n".join(cells)
