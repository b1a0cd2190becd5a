"""Which delivered files are landed: the rows of ops.files, and what makes them count.

A batch is landed when its landing table says so in its snapshot summary (`stedi.batch`). The
rows of ops.files and quarantine are written before that; those of a batch that its landing
table does not have are left over from a killed run, are not read, and are swept by the next.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pyarrow.parquet as pq

from stedi.contract import load_tables
from stedi.feeds.inspect import RawFile
from stedi.lake.model import DataFile, Source, Target
from stedi.lake.store import Store

BATCH = "stedi.batch"
_FOLDER = re.compile(r"/data/([a-z_]+)-(\d+)/")


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
    return replace(source, files=[file for file in source.files if _counts(file, landed)])


def _counts(file: DataFile, landed: Mapping[str, int]) -> bool:
    found = _FOLDER.search(file.path)
    return found is None or int(found[2]) <= landed.get(found[1], 0)


def folder_of(target: Target, feed: str, batch: int) -> Target:
    """The same table, its new files in a folder named after feed and batch."""
    return replace(target, location=f"{target.location}/{feed}-{batch}")


def entries(store: Store) -> dict[str, Entry]:
    """The landed files by path, the latest version of each."""
    source = settled(store.table("files").source(), batches(store))
    latest: dict[str, Entry] = {}
    for file in source.files:
        for row in pq.read_table(file.path, partitioning=None).to_pylist():
            entry = Entry(**row)
            known = latest.get(entry.file)
            if known is None or known.batch < entry.batch:
                latest[entry.file] = entry
    return latest


def sweep(store: Store) -> None:
    """Remove what a killed run left of batches that were never landed."""
    landed = batches(store)
    for name in ("files", "quarantine"):
        table = store.table(name)
        stray = [file.path for file in table.source().files if not _counts(file, landed)]
        if stray:
            table.publish([], table.inherited(), removed=stray)
