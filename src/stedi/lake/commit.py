"""Commits whose cost does not grow with the number of earlier ones.

PyIceberg copies a table's whole metadata, every snapshot of it, whenever a transaction is asked
for it, and lets each overwrite leave manifests behind that are opened by all later ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyiceberg.manifest import ManifestFile
from pyiceberg.table import Transaction
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.update.snapshot import (
    _FastAppendFiles,
    _ManifestMergeManager,
    _OverwriteFiles,
)

MANIFESTS = 8
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
