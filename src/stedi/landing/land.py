"""Landing what is new, in rounds of bounded size, each round all or nothing per feed.

The order of commits makes a round safe to lose at any point: quarantine and ops.files first,
then the landing table, whose snapshot is what makes the batch count (see `ledger.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field

from stedi.contract import Column, load_tables
from stedi.engines.arrow import write_rows
from stedi.engines.base import Engine, Landed, LandTask, Widen
from stedi.errors import StorageError, storage_error
from stedi.feeds.inspect import Inspected
from stedi.feeds.raw import RawFile, packed
from stedi.lake.store import Store
from stedi.landing import ledger
from stedi.landing.find import Delivery
from stedi.landing.keepout import Keepout
from stedi.landing.progress import Meter, Progress
from stedi.places import place

_PACKED = 8  # a compressed file counts as so many times its size


@dataclass
class FeedCount:
    """What landing did to one feed: files, delivered lines, lines landed, quarantined, kept out."""

    files: int = 0
    lines: int = 0
    landed: int = 0
    quarantined: int = 0
    forgotten: int = 0
    replaced: int = 0
    seconds: float | None = None
    columns: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Part:
    feed: str
    inspected: list[Inspected]
    landed: Landed
    replaced: list[str]


class Landing:
    """Lands one delivery into a lake; `watch` hears how far it is."""

    def __init__(
        self,
        store: Store,
        engine: Engine,
        run: str,
        watch: Callable[[Progress], None] = lambda step: None,
        now_ms: int | None = None,
    ) -> None:
        self._store = store
        self._engine = engine
        self._run = run
        self._meter = Meter(watch)
        self._keepout = Keepout(store, engine)
        self._now_ms = now_ms if now_ms is not None else int(time.time() * 1000)
        self.counts: dict[str, FeedCount] = {}

    def run(self, delivery: Delivery) -> dict[str, FeedCount]:
        """Land every new or changed file; the counts by feed."""
        known = ledger.entries(self._store)
        fresh = {
            feed: [raw for raw in files if not _untouched(raw, known)]
            for feed, files in delivery.feeds.items()
        }
        self._meter.expect(sum(raw.size for files in fresh.values() for raw in files))
        for batch_files in _rounds(fresh, self._engine.round_bytes):
            self._round(batch_files, known)
        return self.counts

    def _round(self, files: dict[str, list[RawFile]], known: dict[str, ledger.Entry]) -> None:
        batch = 1 + max(ledger.batches(self._store).values())
        parts = []
        try:
            for feed, raws in files.items():
                if part := self._prepare(feed, raws, batch, known):
                    parts.append(part)
        except BaseException:
            for part in parts:
                part.landed.discard()
            raise
        if parts:
            self._commit(parts, batch)

    def _prepare(
        self, feed: str, raws: list[RawFile], batch: int, known: dict[str, ledger.Entry]
    ) -> _Part | None:
        started = time.monotonic()
        table = load_tables()[ledger.landing_table(feed)]
        looked = self._engine.inspect(raws, table)
        new = [e for e in looked if not _same_bytes(e, known)]
        if not new:
            return None
        size = sum(entry.file.size for entry in new)
        self._meter.start(len(new), sum(entry.lines for entry in new), size)
        landed = self._land(feed, new, batch)
        _unchanged(new)
        self._count(feed, new, landed, time.monotonic() - started)
        replaced = [entry.file.path for entry in new if entry.file.path in known]
        return _Part(feed, new, landed, replaced)

    def _land(self, feed: str, files: list[Inspected], batch: int) -> Landed:
        table = self._store.table(ledger.landing_table(feed))
        quarantine = self._store.table("quarantine").target()
        while True:
            task = LandTask(
                table=table.contract,
                files=files,
                target=table.target(),
                quarantine=ledger.folder_of(quarantine, feed, batch),
                run=self._run,
                batch=batch,
                now_ms=self._now_ms,
                progress=self._meter.rows,
            )
            try:
                landed = self._engine.land(task)
            except Widen as wider:
                self._widen(feed, wider.types)
            else:
                target = task.target
                return self._keepout.apply(table.contract.name, landed, target, task.quarantine)

    def _widen(self, feed: str, types: dict[str, str]) -> None:
        table = self._store.table(ledger.landing_table(feed))
        stored = {f.name: f.type for f in table.target().fields}
        text = "Unannounced field of the feed."
        table.add_columns([Column(n, kind, text) for n, kind in types.items() if n not in stored])
        changed = {n: kind for n, kind in types.items() if n in stored}
        if changed:
            source = table.source()
            table.retype(changed, lambda target: self._engine.rewrite(source, target))
        self.counts.setdefault(feed, FeedCount()).columns += sorted(types)

    def _count(self, feed: str, files: list[Inspected], landed: Landed, seconds: float) -> None:
        count = self.counts.setdefault(feed, FeedCount())
        lines = sum(entry.lines for entry in landed.counts.values())
        bad = sum(entry.quarantined for entry in landed.counts.values())
        kept_out = sum(entry.forgotten for entry in landed.counts.values())
        if lines != landed.rows + bad + kept_out:
            raise StorageError(
                f"{feed}: {lines} lines delivered but {landed.rows} landed, {bad} "
                f"quarantined and {kept_out} kept out; nothing was published. "
                "Was a file written meanwhile? Run again"
            )
        count.files += len(files)
        count.lines += lines
        count.landed += landed.rows
        count.quarantined += bad
        count.forgotten += kept_out
        count.seconds = (count.seconds or 0.0) + seconds
        self._meter.finish(lines)

    def _commit(self, parts: Sequence[_Part], batch: int) -> None:
        self._commit_quarantine(parts)
        files = self._store.table("files")
        rows = [
            write_rows(
                self._entries(part, batch), ledger.folder_of(files.target(), part.feed, batch)
            )
            for part in parts
        ]
        files.publish(rows, {"stedi.run": self._run})
        for part in parts:
            self._commit_landing(part, batch)
        if any(part.replaced for part in parts):
            ledger.retire(self._store, self._engine)

    def _commit_quarantine(self, parts: Sequence[_Part]) -> None:
        added = [path for part in parts for path in part.landed.quarantine_files]
        if added:
            self._store.table("quarantine").publish(added, {"stedi.run": self._run})

    def _commit_landing(self, part: _Part, batch: int) -> None:
        table = self._store.table(ledger.landing_table(part.feed))
        gone, kept = self._engine.without(
            table.source(), table.target(), "_source_file", part.replaced
        )
        self.counts[part.feed].replaced += len(part.replaced)
        summary = {ledger.BATCH: str(batch), "stedi.run": self._run}
        table.publish([*part.landed.files, *kept], summary, removed=gone)

    def _entries(self, part: _Part, batch: int) -> list[dict[str, object]]:
        return [
            asdict(
                ledger.Entry(
                    feed=part.feed,
                    file=entry.file.path,
                    size=entry.file.size,
                    modified=entry.file.modified,
                    checksum=entry.checksum,
                    lines=part.landed.counts[entry.file.path].lines,
                    quarantined=part.landed.counts[entry.file.path].quarantined,
                    forgotten=part.landed.counts[entry.file.path].forgotten,
                    run=self._run,
                    batch=batch,
                )
            )
            for entry in part.inspected
        ]


def _untouched(raw: RawFile, known: dict[str, ledger.Entry]) -> bool:
    entry = known.get(raw.path)
    return entry is not None and entry.same_stat(raw)


def _same_bytes(inspected: Inspected, known: dict[str, ledger.Entry]) -> bool:
    entry = known.get(inspected.file.path)
    return entry is not None and entry.checksum == inspected.checksum


def _unchanged(files: Sequence[Inspected]) -> None:
    """Refuse a file that was written while it was read: its counts would not be its own."""
    for entry in files:
        try:
            stat = place(entry.file.path).stat()
        except OSError as error:
            raise storage_error(error, entry.file.path) from error
        if (stat.st_size, stat.st_mtime_ns) != (entry.file.size, entry.file.modified):
            raise StorageError(
                f"{entry.file.path}: changed while it was read; run again when it is complete"
            )


def _rounds(fresh: dict[str, list[RawFile]], most: int) -> Iterator[dict[str, list[RawFile]]]:
    """Files in rounds of about `most` bytes, a feed never split within a file."""
    current: dict[str, list[RawFile]] = {}
    held = 0
    for feed, files in fresh.items():
        for raw in files:
            weight = raw.size * (_PACKED if packed(raw.path) else 1)
            if held and held + weight > most:
                yield current
                current, held = {}, 0
            current.setdefault(feed, []).append(raw)
            held += weight
    if current:
        yield current
