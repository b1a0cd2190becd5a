"""Old versions of a table, and the files that nothing names any more.

A version is taken out of the metadata first (`expire`), in one commit; only then are files
removed that the metadata does not name (`garbage`, `remove`). What a kill leaves behind is
garbage for the next time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from pyiceberg.table import Table as IcebergTable
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.refs import MAIN_BRANCH
from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot
from pyiceberg.table.update.snapshot import ExpireSnapshots, ManageSnapshots

from stedi.errors import LakeBusyError, LakeError
from stedi.lake.durable import remove_files, sync_path
from stedi.lake.home import Home
from stedi.lake.model import local
from stedi.lake.policy import UpkeepPolicy
from stedi.lake.stored import StoredTable
from stedi.places import Place, S3Path, files_below, place

METADATA_KEPT = 10
_LOG_LIMIT = "write.metadata.previous-versions-max"
_FREE_SHARE = 0.5
_FREE_PAGES = 64


def expirable(
    stored: StoredTable, policy: UpkeepPolicy, needed: Collection[int], now: datetime
) -> list[int]:
    """Versions that the policy lets go, oldest first.

    Those more than keep_days old or with keep_snapshots newer ones; never the current one, one
    that a branch or tag of another engine names, or one that is `needed`.
    """
    if stored.iceberg is None:
        return []
    kept = set(needed) | {ref.snapshot_id for ref in stored.iceberg.metadata.refs.values()}
    oldest = now - timedelta(days=policy.keep_days)
    versions = stored.snapshots()
    surplus = len(versions) - policy.keep_snapshots
    return [
        version.id
        for number, version in enumerate(versions)
        if (number < surplus or version.at < oldest) and version.id not in kept
    ]


def superseded(stored: StoredTable) -> list[int]:
    """Every version but the current one."""
    return [version.id for version in stored.snapshots() if version.id != stored.source_id]


def expire(stored: StoredTable, versions: Collection[int], log_kept: int = METADATA_KEPT) -> None:
    """Take versions out of the metadata, and all but the last names of older metadata files.

    Branches and tags that name one of `versions` go with it. Iceberg keeps one older name at
    least. Nothing is committed if there is nothing to do.
    """
    table = stored.iceberg
    if table is None or not (versions or len(table.metadata.metadata_log) > max(1, log_kept)):
        return
    stored.store.home.confirm()
    with table.transaction() as transaction:
        transaction.set_properties({_LOG_LIMIT: str(max(1, log_kept))})
        for name, ref in table.metadata.refs.items():
            if name != MAIN_BRANCH and ref.snapshot_id in versions:
                ManageSnapshots(transaction).remove_tag(name).commit()
        if versions:
            ExpireSnapshots(transaction).by_ids(list(versions)).commit()


def garbage(
    stored: StoredTable, gone: Collection[int] = (), log_kept: int = METADATA_KEPT
) -> dict[Place, int]:
    """Files in the table's folder that its metadata does not name, with their bytes.

    `gone` are versions to take as expired already, `log_kept` how many older metadata files
    stay. LakeError if a file that a version needs is
    not there: then nothing about the folder is certain.
    """
    table = stored.iceberg
    present = {file.path: file.size for file in files_below(_folder(stored))}
    if table is None:
        return present
    needed = _needed(table, frozenset(gone))
    if missing := needed - present.keys():
        first = min(map(str, missing))
        raise LakeError(
            f"{stored.contract.full_name}: {first} is missing, a version of the table needs it; "
            "restore it from a backup; until then no file is removed"
        )
    named = needed | set(_older_metadata(table, log_kept, bool(gone)))
    return {path: size for path, size in present.items() if path not in named}


def _folder(stored: StoredTable) -> Place:
    if stored.iceberg is not None:
        return _local(stored.iceberg.metadata.location)
    contract = stored.contract
    return stored.store.home.zone(contract.zone) / contract.name


def _needed(table: IcebergTable, gone: frozenset[int]) -> set[Place]:
    """The current metadata file, and what its versions consist of."""
    metadata = table.metadata
    kept = [version for version in metadata.snapshots if version.snapshot_id not in gone]
    found = {table.metadata_location, *_statistics(metadata, {v.snapshot_id for v in kept})}
    return {_local(path) for path in found | _files(table, kept)}


def _files(table: IcebergTable, versions: Iterable[IcebergSnapshot]) -> set[str]:
    """Manifest lists, manifests, data and delete files of versions; each manifest read once."""
    found = set()
    manifests = {}
    for version in versions:
        found.add(version.manifest_list)
        manifests.update({entry.manifest_path: entry for entry in version.manifests(table.io)})
    for path, manifest in manifests.items():
        found.add(path)
        entries = manifest.fetch_manifest_entry(table.io, discard_deleted=True)
        found.update(entry.data_file.file_path for entry in entries)
    return found


def _statistics(metadata: TableMetadata, kept: Collection[int]) -> list[str]:
    entries = [*metadata.statistics, *metadata.partition_statistics]
    return [entry.statistics_path for entry in entries if entry.snapshot_id in kept]


def _older_metadata(table: IcebergTable, kept: int, coming: bool) -> list[Place]:
    """The last `kept` of the older metadata files; with a commit `coming`, one less."""
    names = [entry.metadata_file for entry in table.metadata.metadata_log]
    last = max(0, kept - (coming or len(names) > kept))
    return [_local(name) for name in names[max(0, len(names) - last) :]]


def _local(location: str) -> Place:
    """A location of the metadata as a place: file:///x, file:/x and /x are the same."""
    path = place(local(location))
    if isinstance(path, Path) and not path.is_absolute():
        raise LakeError(f"{location}: neither a file of this machine nor on S3")
    return path


def remove(stored: StoredTable, files: Mapping[Place, int]) -> None:
    """Remove files, and the folders below data/ that they leave empty, durably."""
    root = _folder(stored)
    remove_files(files)
    if isinstance(root, S3Path):
        return
    touched = {path.parent for path in files if isinstance(path, Path)}
    for folder in sorted(touched, key=lambda path: len(path.parts), reverse=True):
        _remove_empty(folder, root, stored.store.settled)


def _remove_empty(folder: Path, root: Path, settled: set[Path]) -> None:
    """Remove a folder and those above it as long as they are empty; sync the first that stays."""
    while folder.parent not in (root, root.parent) and folder.is_dir():
        if any(folder.iterdir()):
            break
        folder.rmdir()
        settled.discard(folder)
        folder = folder.parent
    if folder.is_dir():
        sync_path(folder)


def tidy_catalog(home: Home) -> None:
    """Fold the catalog's log into it, refresh its statistics, give back free pages if many.

    A catalog outside the lake is looked after where it is; so it is for `scrub_catalog`.
    """
    if not home.catalog_policy.in_lake:
        return
    with closing(_connect(home, 1)) as catalog:
        free, pages = (_pragma(catalog, name) for name in ("freelist_count", "page_count"))
        try:
            if free > max(_FREE_PAGES, pages * _FREE_SHARE):
                catalog.execute("VACUUM")
            catalog.execute("PRAGMA optimize")
        except sqlite3.OperationalError:
            pass  # someone reads the catalog: next time
        _pragma(catalog, "wal_checkpoint(TRUNCATE)")


def scrub_catalog(home: Home, wait: float) -> None:
    """Write the catalog anew so that no free page and no log holds what was in it.

    LakeBusyError if somebody reads it for longer than `wait` seconds.
    """
    if not home.catalog_policy.in_lake:
        return
    with closing(_connect(home, wait)) as catalog:
        catalog.execute("PRAGMA secure_delete = ON")
        catalog.execute("VACUUM")
        if _pragma(catalog, "wal_checkpoint(TRUNCATE)"):
            raise LakeBusyError(
                f"{home.catalog}: another process reads the catalog, its log still holds older "
                "pages; close what reads the lake and run again"
            )


def _connect(home: Home, wait: float) -> sqlite3.Connection:
    return sqlite3.connect(home.catalog, timeout=wait, isolation_level=None)


def _pragma(catalog: sqlite3.Connection, name: str) -> int:
    return int(catalog.execute(f"PRAGMA {name}").fetchone()[0])


def version_at(stored: StoredTable, moment: datetime) -> int | None:
    """The version that was current at a moment; None before the first.

    LakeError if that version is no longer kept.
    """
    if stored.iceberg is None:
        return None
    order = {s.snapshot_id: s.sequence_number or 0 for s in stored.iceberg.metadata.snapshots}
    versions = stored.snapshots()
    past = [version for version in versions if version.at <= moment]
    reached = order[past[-1].id] if past else 0
    later = [order[version.id] for version in versions if order[version.id] > reached]
    if later and min(later) > reached + 1 and not (past and past[-1].at == moment):
        raise LakeError(
            f"{stored.contract.full_name}: its version of {moment:%Y-%m-%d %H:%M:%S} has expired; "
            "`stedi history` lists those still kept, [maintain] in stedi.toml says for how long"
        )
    return past[-1].id if past else None
