"""Which delivered files are landed: the rows of ops.files, and what makes them count.

A batch is landed when its landing table says so in its snapshot summary (`stedi.batch`). The
rows of ops.files and quarantine are written before that; those of a batch that its landing
table does not have are left over from a killed run, are not read, and are swept by the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from stedi.contract import load_tables
from stedi.engines.base import Engine
from stedi.feeds.raw import RawFile
from stedi.lake.model import DataFile, Source, Target
from stedi.lake.parquet import read
from stedi.lake.store import Store

BATCH = "stedi.batch"
_FOLDER = re.compile(r"/data/([a-z_]+)-(\d+)/(?:[0-9a-f]{32}/)?[^/]+$")


@dataclass(frozen=True)
class Entry:
    """One landed version of one delivered file."""

    feed: str
    file: str
    size: int
    modified: int
    checksum: str
    lines: int
    quarantined: int
    run: str
    batch: int
    forgotten: int = 0

    @property
    def landed(self) -> int:
        """Lines that became rows of the landing table."""
        return self.lines - self.quarantined - self.forgotten

    def same_stat(self, raw: RawFile) -> bool:
        """Whether the file looks untouched since it was landed."""
        return (self.size, self.modified) == (raw.size, raw.modified)


def landing_table(feed: str) -> str:
    """The landing table of a feed."""
    return next(table.name for table in load_tables().values() if table.feed == feed)


def batches(store: Store) -> dict[str, int]:
    """The last landed batch of every feed."""
    return {
        table.feed: int(store.table(table.name).summary.get(BATCH, 0))
        for table in load_tables().values()
        if table.feed
    }


def settled(source: Source, landed: Mapping[str, int]) -> Source:
    """The rows of ops.files or quarantine that count."""
    return source.of([file for file in source.files if _counts(file, landed)])


def _counts(file: DataFile, landed: Mapping[str, int]) -> bool:
    found = _FOLDER.search(file.path)
    return found is None or int(found[2]) <= landed.get(found[1], 0)


def folder_of(target: Target, feed: str, batch: int) -> Target:
    """The same table, its new files in a folder named after feed and batch."""
    return replace(target, location=f"{target.location}/{feed}-{batch}")


def entries(store: Store) -> dict[str, Entry]:
    """The landed files by path, the latest version of each."""
    latest: dict[str, Entry] = {}
    for entry in _all(store):
        known = latest.get(entry.file)
        if known is None or known.batch < entry.batch:
            latest[entry.file] = entry
    return latest


def _all(store: Store) -> Iterator[Entry]:
    source = settled(store.table("files").source(), batches(store))
    return (entry for file in source.files for entry in _read(file.path))


@lru_cache(maxsize=64)
def _read(path: str) -> tuple[Entry, ...]:
    """The rows of one data file, which never changes: a run asks for them several times."""
    rows = read(path).to_pylist()
    return tuple(Entry(**{k: v for k, v in row.items() if v is not None}) for row in rows)


def replaced(store: Store) -> dict[str, int]:
    """Files of which an older version's rows are still about, with their current batch."""
    versions: dict[str, list[int]] = {}
    for entry in _all(store):
        versions.setdefault(entry.file, []).append(entry.batch)
    return {file: max(found) for file, found in versions.items() if len(found) > 1}


def retire(store: Store, engine: Engine) -> None:
    """Drop the quarantined lines, then the ledger rows, of versions that a later one replaced.

    Comes after the landing tables' commits; what a kill leaves to do is found again, since the
    ledger rows go last.
    """
    current = replaced(store)
    for name in ("quarantine", "files") if current else ():
        table = store.table(name)
        for batch in set(current.values()):
            files = [file for file, last in current.items() if last == batch]
            older = [f for f in table.source().files if _batch(f) != batch]
            source = table.source().of(older)
            gone, kept = engine.without(source, table.target(), "file", files)
            if gone:
                table.publish(kept, table.inherited(), removed=gone)


def _batch(file: DataFile) -> int | None:
    found = _FOLDER.search(file.path)
    return int(found[2]) if found else None


def sweep(store: Store) -> None:
    """Remove what a killed run left of batches that were never landed."""
    landed = batches(store)
    for name in ("files", "quarantine"):
        table = store.table(name)
        stray = [file.path for file in table.source().files if not _counts(file, landed)]
        if stray:
            table.publish([], table.inherited(), removed=stray)
