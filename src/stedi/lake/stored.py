"""One Iceberg table of a lake: its versions, its files, the next commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.manifest import DataFile as IcebergFile
from pyiceberg.manifest import ManifestContent
from pyiceberg.table import CreateTableTransaction, Transaction
from pyiceberg.table import Table as IcebergTable
from pyiceberg.table.metadata import TableMetadata

from stedi.contract import Column, Table
from stedi.errors import LakeError
from stedi.lake import layout
from stedi.lake import schema as schemas
from stedi.lake.catalog import identifier, location, owned
from stedi.lake.commit import FEWEST_VERSIONS, Change, let_go, producer
from stedi.lake.durable import sync_files
from stedi.lake.files import data_file, describe
from stedi.lake.model import VERSION, Field, Snapshot, Source, Target, local
from stedi.lake.naming import lake_errors

if TYPE_CHECKING:
    from stedi.lake.store import Store


class StoredTable:
    """One Iceberg table of the lake, seen through its contract."""

    def __init__(self, store: Store, contract: Table) -> None:
        self.store = store
        self.contract = contract
        self._loaded: IcebergTable | None = None
        self._draft: CreateTableTransaction | None = None
        self._drafted: TableMetadata | None = None
        self._listed: dict[int | None, list[IcebergFile]] = {}
        self._planned: dict[tuple[int | None, int], Source] = {}

    @property
    def iceberg(self) -> IcebergTable | None:
        """The table as the catalog has it, or None if it was never made."""
        if self._loaded is None and self._draft is None:
            with lake_errors(self.store.home.root):
                self._loaded = self._load()
        return self._loaded

    def _load(self) -> IcebergTable | None:
        try:
            return owned(self.store.home, self.store.catalog.load_table(self._identifier))
        except NoSuchTableError:
            return None
        except FileNotFoundError as error:
            raise LakeError(
                f"{self.contract.full_name}: its metadata is missing ({error}); if the lake "
                "was moved, move it back to where it was made"
            ) from error

    @property
    def _identifier(self) -> tuple[str, str]:
        return identifier(self.store.home, self.contract)

    def _require(self) -> IcebergTable:
        table = self.iceberg
        if table is None:
            raise LakeError(f"{self.contract.full_name} is not there yet; run `stedi run` first")
        return table

    def ensure(self) -> None:
        """Make the table (with its first version), or bring its columns up to its contract."""
        if self.iceberg is None and self._draft is None:
            self._draft = self.store.catalog.create_table_transaction(
                self._identifier,
                schemas.iceberg_schema(self.contract),
                location=location(self.store.home, self.contract),
                partition_spec=layout.partition_spec(self.contract, self._buckets),
                properties=schemas.properties(self.contract),
            )
            self._drafted = self._draft.table_metadata
        self._rename_columns()
        known = {field.name for field in self._metadata.schema().fields}
        self.add_columns([c for c in self.contract.columns if c.name not in known])
        if self._draft is None and layout.buckets_of(self._metadata) != self._buckets:
            layout.rebucket(self._require(), self.contract.owner.column, self._buckets)

    def _rename_columns(self) -> None:
        """Give columns the names they have now; they keep their field ids, files stay."""
        known = {field.name for field in self._metadata.schema().fields}
        old = {c.was: c.name for c in self.contract.columns if c.was in known}
        if old and self._draft is None:
            with self._require().update_schema() as update:
                for was, now in old.items():
                    update.rename_column(was, now)

    @property
    def _buckets(self) -> int:
        return self.store.home.layout.buckets if self.contract.day_column else 0

    @property
    def _metadata(self) -> TableMetadata:
        """Of the table, or of the draft that becomes it with its first version."""
        return self._drafted if self._drafted else self._require().metadata

    def _create(self) -> None:
        if self._draft is not None:
            self._draft.commit_transaction()
            self._draft = self._drafted = None

    def add_columns(self, columns: Sequence[Column]) -> None:
        """Add nullable columns; old files are not rewritten."""
        if columns:
            self._create()
            with self._require().update_schema() as update:
                for column in columns:
                    kind = schemas.TYPES[column.type]
                    update.add_column((column.name,), kind, column.description)

    def target(self) -> Target:
        """Where and how an engine writes new files of this table."""
        fields = schemas.fields(self._metadata.schema())
        return self._target(fields)

    def _target(self, fields: list[Field]) -> Target:
        buckets = layout.buckets_of(self._metadata)
        column = self.contract.owner.column if buckets else ""
        days = self.contract.day_column
        return Target(self.contract.name, self._location(), fields, days, column, buckets)

    def source(self, snapshot: int | None = None) -> Source:
        """The table's rows: the current version, or that of `snapshot`."""
        table = self.iceberg
        if table is None:
            return Source(self.contract.name, schemas.contract_fields(self.contract), [])
        chosen = snapshot or self.source_id
        schema = table.schema()
        if snapshot is not None:
            schema = table.scan(snapshot_id=snapshot).projection()
        key = (chosen, schema.schema_id)
        if key not in self._planned:
            self._planned[key] = self._plan(chosen, schemas.fields(schema))
        return self._planned[key]

    def _plan(self, chosen: int | None, fields: list[Field]) -> Source:
        time_id = next((f.id for f in fields if f.name == self.contract.time), None)
        bucket = layout.telling_bucket(self._metadata)
        files = [data_file(file, time_id, bucket(file)) for file in self._files(chosen)]
        return Source(self.contract.name, fields, files, chosen)

    @property
    def version(self) -> str:
        """What the rows are known by: the snapshot that last changed them; empty before it.

        Commits that move rows to other files, or only say something of the table, keep it.
        """
        return self.summary.get(VERSION, str(self.source_id or ""))

    def at(self, version: str) -> Source | None:
        """The rows of a version; None if no snapshot that holds them is kept."""
        if not version:
            return replace(self.source(), files=[], snapshot=None)
        if version == self.version:
            return self.source()
        kept = (s for s in reversed(self.snapshots()) if s.version == version)
        found = next(kept, None)
        return self.source(found.id) if found else None

    def _files(self, snapshot: int | None) -> list[IcebergFile]:
        if snapshot not in self._listed:
            self._listed[snapshot] = self._list(snapshot)
        return self._listed[snapshot]

    def _list(self, snapshot: int | None) -> list[IcebergFile]:
        table = self._require()
        found = table.metadata.snapshot_by_id(snapshot) if snapshot is not None else None
        manifests = found.manifests(table.io) if found else []
        if any(manifest.content is ManifestContent.DELETES for manifest in manifests):
            raise LakeError(
                f"{self.contract.full_name}: another engine left delete files; compact the table "
                "there, with copy-on-write, and run again"
            )
        return [
            entry.data_file
            for manifest in manifests
            for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True)
        ]

    def publish(
        self, added: Sequence[str], summary: Mapping[str, str], removed: Sequence[str] | None = ()
    ) -> Snapshot:
        """Commit one new version in one step: `added` files in, `removed` out (None: all).

        The files are synced first. `summary` is kept with the snapshot, so what it says and
        what the table holds cannot come apart.
        """
        self.store.home.confirm()
        sync_files(added, self.store.home.root, self.store.settled)
        if self._draft is not None:
            self._stage(self._draft, added, summary, ())
            self._create()
        else:
            with Change(self._require()) as transaction:
                self._stage(transaction, added, summary, removed)
                keep = self.store.home.maintain.keep_snapshots
                let_go(transaction, max(keep, FEWEST_VERSIONS))
        return self.snapshots()[-1]

    def _stage(
        self,
        transaction: Transaction,
        added: Sequence[str],
        summary: Mapping[str, str],
        removed: Sequence[str] | None,
    ) -> None:
        old = self._files(self.source_id) if removed != () else []
        gone = None if removed is None else set(removed)
        leaving = [file for file in old if gone is None or local(file.file_path) in gone]
        if gone and len(leaving) != len(gone):
            raise LakeError(
                f"{self.contract.full_name}: files to be replaced are not in the current version; "
                "was it changed meanwhile? Nothing was published: run again"
            )
        io, metadata = transaction._table.io, transaction.table_metadata
        with producer(transaction, summary, bool(leaving)) as snapshot:
            for file in leaving:
                snapshot.delete_data_file(file)
            for path in added:
                snapshot.append_data_file(describe(io, metadata, path))

    def retype(self, types: Mapping[str, str], write: Callable[[Target], Sequence[str]]) -> None:
        """Give columns another type in one commit; `write` makes the rewritten files.

        Iceberg cannot promote a number to text, so the column is replaced by one of the same
        name: older snapshots keep reading theirs.
        """
        table = self._require()
        self.store.home.confirm()
        with table.transaction() as transaction:
            with transaction.update_schema(allow_incompatible_changes=True) as update:
                for name in types:
                    update.delete_column((name,))
            with transaction.update_schema() as update:
                for name, kind in types.items():
                    update.add_column((name,), schemas.TYPES[kind])
            fields = schemas.fields(transaction.table_metadata.schema())
            added = write(self._target(fields))
            sync_files(added, self.store.home.root, self.store.settled)
            self._stage(transaction, added, self.inherited(), None)

    def inherited(self) -> dict[str, str]:
        """The product's own entries of the current summary, for a commit that keeps the rows."""
        kept = {key: value for key, value in self.summary.items() if key.startswith("stedi.")}
        return kept | {VERSION: self.version}

    def _location(self) -> str:
        return local(self._metadata.location) + "/data"

    def snapshots(self) -> list[Snapshot]:
        """All versions of the table still kept, oldest first."""
        table = self.iceberg
        kept = table.metadata.snapshots if table is not None else []
        return [_snapshot(entry) for entry in sorted(kept, key=lambda s: s.sequence_number or 0)]

    @property
    def summary(self) -> Mapping[str, str]:
        """What the current snapshot says of itself; empty before the first."""
        table = self.iceberg
        current = table.current_snapshot() if table is not None else None
        return (
            {}
            if current is None or current.summary is None
            else current.summary.additional_properties
        )

    @property
    def source_id(self) -> int | None:
        """The current snapshot's id, the version that a bookmark remembers."""
        table = self.iceberg
        current = table.current_snapshot() if table is not None else None
        return current.snapshot_id if current else None


def _snapshot(entry: Any) -> Snapshot:
    properties = dict(entry.summary.additional_properties) if entry.summary else {}
    return Snapshot(
        id=entry.snapshot_id,
        at=datetime.fromtimestamp(entry.timestamp_ms / 1000, UTC),
        operation=entry.summary.operation.value if entry.summary else "",
        rows=int(properties.get("total-records", 0)),
        summary=properties,
    )
