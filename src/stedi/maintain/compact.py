"""Small files of a table written together into few: the same rows, fewer places to look.

Files of one day (and one bucket) of a table that is partitioned go together, those of another
table in the order of their event times, so that the bounds of each file stay narrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING
from uuid import uuid4

from stedi.contract import load_tables
from stedi.engines.arrow import arrow_schema
from stedi.engines.base import Engine
from stedi.errors import StorageError
from stedi.lake.durable import remove_files
from stedi.lake.model import DataFile, Query, Source, Target
from stedi.lake.parquet import writer
from stedi.lake.store import Store
from stedi.lake.stored import StoredTable
from stedi.landing import ledger

if TYPE_CHECKING:
    import pyarrow as pa

SMALL = 8 << 20
LARGEST = 128 << 20
WORTH = 8  # small files that must lie together before writing them again pays
_GROUP_ROWS = 250_000
_LEDGER = ("files", "quarantine")


def groups(store: Store, name: str) -> list[list[DataFile]]:
    """The files of a table that are to become one each.

    Rows of ops.files and quarantine count by the folder of their file: files of batches that
    were never landed are in no group.
    """
    table = store.table(name)
    if int(table.summary.get("total-data-files", WORTH)) < WORTH:
        return []
    source = table.source()
    if name in _LEDGER:
        source = ledger.settled(source, ledger.batches(store))
    small = sorted((file for file in source.files if file.bytes < SMALL), key=_when)
    if not small:
        return []
    piles = _by_day(small, table.target()) if table.contract.day_column else [small]
    return [group for pile in piles for group in _filled(pile) if len(group) >= WORTH]


def _when(file: DataFile) -> tuple[date, date, str]:
    return (file.first or date.min, file.last or date.max, file.path)


def _by_day(files: Sequence[DataFile], target: Target) -> list[list[DataFile]]:
    known = [f for f in files if f.first == f.last and (f.bucket is not None or not target.buckets)]
    piles: dict[tuple[date, int], list[DataFile]] = {}
    for file in known:
        if file.first:
            piles.setdefault((file.first, file.bucket or 0), []).append(file)
    return list(piles.values())


def _filled(files: Sequence[DataFile]) -> Iterator[list[DataFile]]:
    """Files in their order, as many together as make one of the largest size."""
    group: list[DataFile] = []
    for file in files:
        if group and sum(f.bytes for f in group) + file.bytes > LARGEST:
            yield group
            group = []
        group.append(file)
    if group:
        yield group


def compact(table: StoredTable, engine: Engine, together: Sequence[list[DataFile]]) -> None:
    """Put each group of files into one, all in one commit that says what the last one said.

    The new files lie in the table's plain folder, whose rows always count. They are not removed
    if the commit fails: it may have come through all the same, and if not they are garbage for
    the next time. StorageError if a group does not come out with as many rows as it went in.
    """
    source, target = table.source(), table.target()
    written: list[str] = []
    try:
        for group in together:
            written.append(_new_path(target))
            _rewrite(engine, source.of(group), written[-1])
    except BaseException:
        remove_files(written)
        raise
    old = [file.path for group in together for file in group]
    table.publish(written, table.inherited(), removed=old)


def _new_path(target: Target) -> str:
    return f"{target.location}/{uuid4().hex}.parquet"


def _rewrite(engine: Engine, source: Source, path: str) -> None:
    query = Query(f'SELECT * FROM "{source.name}"{_order(source.name)}', {source.name: source})
    rows = _write(engine.query(query), arrow_schema(source.fields), path)
    if rows != source.rows:
        raise StorageError(
            f"{source.name}: {source.rows} rows became {rows} when {len(source.files)} files were "
            "put together; nothing was published. Check the disk and run again"
        )


def _order(name: str) -> str:
    """A person's readings lie together: fewer bytes, and less work to take them out."""
    table = load_tables()[name]
    return f' ORDER BY "{table.owner.column}", "{table.time}"' if table.time else ""


def _write(batches: pa.RecordBatchReader, schema: pa.Schema, path: str) -> int:
    """Write batches as one file, a bounded number of rows at a time; how many there were."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    rows = 0
    with writer(path, schema) as file:
        for batch in batches:
            held.append(batch)
            rows += batch.num_rows
            if sum(b.num_rows for b in held) >= _GROUP_ROWS:
                file.write_table(pa.Table.from_batches(held).cast(schema))
                held = []
        if held:
            file.write_table(pa.Table.from_batches(held).cast(schema))
    return rows
