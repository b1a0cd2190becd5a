"""Forgotten people stay out: what they deliver again is counted, and not landed.

Only keyed fingerprints of them are kept (ops.forgotten), so a delivery is compared after it was
read and before any of it is published. Their key is <lake>/forgotten.key; the table's snapshots
carry a keyed hash of a constant, by which another key is found out.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace

from stedi.engines.base import Engine, KeepOutTask, KeptOut, Landed
from stedi.errors import LakeError
from stedi.lake.durable import remove_files
from stedi.lake.keys import hmac_pads
from stedi.lake.model import DataFile, Source, Target
from stedi.lake.parquet import rows
from stedi.lake.store import Store

KEY_CHECK = "stedi.key"


def fingerprints(store: Store) -> list[str]:
    """Everybody and every device that must not come in again."""
    files = store.table("forgotten").source().files
    return sorted({row["fingerprint"] for row in rows(files, ["fingerprint"])})


def key_of(store: Store) -> bytes:
    """The key of the fingerprints, made now if there are none yet.

    LakeError if it is gone, or another than the fingerprints were made with.
    """
    known = store.table("forgotten").summary.get(KEY_CHECK)
    key = store.home.forgotten_key(make=known is None)
    if known not in (None, check_of(key)):
        raise LakeError(
            f"{store.home.root / 'forgotten.key'}: not the key with which people were forgotten; "
            "restore it from a backup, nothing is landed until then"
        )
    return key


def check_of(key: bytes) -> str:
    """What tells a key of fingerprints from another; the key cannot be had from it."""
    return hmac.new(key, b"the key of the forgotten", hashlib.sha256).hexdigest()


class Keepout:
    """Takes forgotten people out of what one run has staged; costs nothing if there are none."""

    def __init__(self, store: Store, engine: Engine) -> None:
        self._store = store
        self._engine = engine
        self._known = fingerprints(store)
        self._params = hmac_pads(key_of(store)) if self._known else {}

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
        task = KeepOutTask(table, staged, target, self._known, self._params)
        kept = self._engine.keep_out(task)
        remove_files(kept.removed)
        return kept


def _exchanged(files: Sequence[str], kept: KeptOut) -> list[str]:
    return [*(path for path in files if path not in set(kept.removed)), *kept.added]


def reason(forgotten: int) -> Mapping[str, int]:
    """Lines kept out as the account tells them."""
    return {"forgotten person": forgotten} if forgotten else {}
