"""Forgotten people stay out: what they deliver again is counted, and not landed.

Only keyed fingerprints of them are kept (ops.forgotten), so a delivery is compared after it was
read and before any of it is published.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pyarrow.parquet as pq

from stedi.engines.base import Engine, KeptOut, Landed, Params
from stedi.lake.durable import remove_files
from stedi.lake.model import DataFile, Source, Target
from stedi.lake.store import Store


def fingerprints(store: Store) -> list[str]:
    """Everybody and every device that must not come in again."""
    files = store.table("forgotten").source().files
    tables = [pq.read_table(file.path, columns=["fingerprint"]) for file in files]
    return sorted({text for table in tables for text in table["fingerprint"].to_pylist()})


class Keepout:
    """Takes forgotten people out of what one run has staged; costs nothing if there are none."""

    def __init__(self, store: Store, engine: Engine, params: Params) -> None:
        self._store = store
        self._engine = engine
        self._params = params
        self._known = fingerprints(store)

    def apply(self, name: str, landed: Landed, target: Target, quarantine: Target) -> Landed:
        """The same staged files of a landing table without rows and lines of forgotten people."""
        if not self._known:
            return landed
        rows = self._keep_out(name, landed.files, target)
        lines = self._keep_out("quarantine", landed.quarantine_files, quarantine)
        counts = {
            path: replace(
                count,
                quarantined=count.quarantined - lines.counts.get(path, 0),
                forgotten=rows.counts.get(path, 0) + lines.counts.get(path, 0),
            )
            for path, count in landed.counts.items()
        }
        return Landed(
            _exchanged(landed.files, rows),
            _exchanged(landed.quarantine_files, lines),
            landed.rows - sum(rows.counts.values()),
            counts,
        )

    def _keep_out(self, name: str, files: Sequence[str], target: Target) -> KeptOut:
        if not files:
            return KeptOut()
        staged = Source(name, target.fields, [DataFile(path, 0, 0) for path in files])
        table = self._store.table(name).contract
        kept = self._engine.keep_out(table, staged, target, self._known, self._params)
        remove_files(kept.removed)
        return kept


def _exchanged(files: Sequence[str], kept: KeptOut) -> list[str]:
    return [*(path for path in files if path not in set(kept.removed)), *kept.added]


def reason(forgotten: int) -> Mapping[str, int]:
    """Lines kept out as the account tells them."""
    return {"forgotten person": forgotten} if forgotten else {}
