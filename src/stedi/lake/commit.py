"""Commits whose cost does not grow with the number of earlier ones.

PyIceberg copies a table's whole metadata, every snapshot of it, whenever a transaction is asked
for it, and lets each overwrite leave manifests behind that are opened by all later ones. So the
metadata is shown as it is, manifests are merged, and the oldest versions are let go of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyiceberg.manifest import ManifestFile
from pyiceberg.table import Transaction
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.update import RemoveSnapshotsUpdate
from pyiceberg.table.update.snapshot import (
    _FastAppendFiles,
    _ManifestMergeManager,
    _OverwriteFiles,
)

MANIFESTS = 8
FEWEST_VERSIONS = 20  # a run compares with versions from before its own commits
MANIFEST_BYTES = 8 << 20

Producer = _FastAppendFiles | _OverwriteFiles


class Change(Transaction):
    """A transaction that shows the table's own metadata as long as nothing is staged."""

    @property
    def table_metadata(self) -> TableMetadata:
        """The metadata as the transaction would leave it; not to be changed."""
        return super().table_metadata if self._updates else self._table.metadata


def producer(transaction: Transaction, summary: Mapping[str, str], replaces: bool) -> Producer:
    """What makes the next snapshot: an append, or an overwrite that takes files out too."""
    kind, operation = (_Overwrite, Operation.OVERWRITE) if replaces else (_Append, Operation.APPEND)
    return kind(
        operation=operation,
        transaction=transaction,
        io=transaction._table.io,
        snapshot_properties=dict(summary),
    )


def let_go(transaction: Transaction, keep: int) -> None:
    """Take the oldest versions out of the metadata, so that `keep` are left after this commit.

    Their files stay until `stedi maintain`. What a branch or tag names is kept.
    """
    metadata = transaction._table.metadata
    named = {ref.snapshot_id for ref in metadata.refs.values()}
    ages = sorted(metadata.snapshots, key=lambda snapshot: snapshot.sequence_number or 0)
    surplus = ages[: max(0, len(ages) + 1 - keep)]
    if gone := [old.snapshot_id for old in surplus if old.snapshot_id not in named]:
        transaction._stage((RemoveSnapshotsUpdate.model_validate({"snapshot-ids": gone}),))


class _Append(_FastAppendFiles):
    def _process_manifests(self, manifests: list[ManifestFile]) -> list[ManifestFile]:
        return _merged(self, manifests)


class _Overwrite(_OverwriteFiles):
    def _process_manifests(self, manifests: list[ManifestFile]) -> list[ManifestFile]:
        return _merged(self, manifests)


def _merged(snapshot: Producer, manifests: list[ManifestFile]) -> list[ManifestFile]:
    """Few manifests, without entries of files that earlier commits took out."""
    if len(manifests) < MANIFESTS:
        return manifests
    manager: _ManifestMergeManager[Any] = _ManifestMergeManager(
        target_size_bytes=MANIFEST_BYTES,
        min_count_to_merge=MANIFESTS,
        merge_enabled=True,
        snapshot_producer=snapshot,
    )
    return manager.merge_manifests(manifests)
