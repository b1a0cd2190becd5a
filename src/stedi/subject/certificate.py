"""The end of a forgetting: fingerprints that keep people out, the proof, the certificate."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

from stedi.engines.arrow import write_rows
from stedi.erasure.journal import Journal, Removed, where
from stedi.erasure.needles import Kind, Needle, Needles
from stedi.erasure.search import Proof, search
from stedi.lake.home import Home
from stedi.lake.model import DataFile
from stedi.lake.parquet import rows
from stedi.lake.store import Store
from stedi.landing.keepout import KEY_CHECK, check_of, key_of
from stedi.people import fingerprint, pseudonym


def keep_out(store: Store, journal: Journal) -> None:
    """Publish the keyed fingerprints of people and devices, once per forgetting."""
    table = store.table("forgotten")
    table.ensure()
    if not _holds(table.source().files, journal.erasure):
        key = key_of(store)
        prints = [
            {
                "fingerprint": fingerprint(key, kind, value),
                "kind": kind,
                "erasure": journal.erasure,
                "forgotten": datetime.now(UTC),
            }
            for kind, values in (("person", journal.people), ("device", journal.devices))
            for value in values
            if value.strip()
        ]
        summary = {"stedi.run": journal.erasure, KEY_CHECK: check_of(key)}
        table.publish([write_rows(prints, table.target())], summary)


def _holds(files: Sequence[DataFile], erasure: str) -> bool:
    return any(row["erasure"] == erasure for row in rows(files, ["erasure"]))


def prove(home: Home, journal: Journal) -> Proof:
    """Decode and search every file of the lake but its lock and the journal, which goes last."""
    wanted = [Needle(cast(Kind, kind), value) for kind, value in journal.identifiers]
    wanted += [Needle("serial", pseudonym(home.key(), person)) for person in journal.people]
    skipped = {where(home), home.root / "lock"}
    leases = home.readers
    found = [
        search(
            folder,
            Needles(wanted),
            skip=lambda path: path in skipped or path.parent == leases,
        )
        for folder in home.folders
    ]
    return sum(found[1:], found[0])


def publish(store: Store, journal: Journal, proof: Proof) -> None:
    """Write the certificate to ops.erasures: what was removed where, and the search."""
    table = store.table("erasures")
    table.ensure()
    if _holds(table.source().files, journal.erasure):
        return
    told = [_row(journal, "removed", *place) for place in sorted(journal.removed.items())]
    searched = _row(journal, "searched", "the lake", Removed(proof.files, 0, proof.bytes_searched))
    key = key_of(store)
    prints = [fingerprint(key, "person", person) for person in journal.people]
    told.append(searched | {"found": len(proof.findings), "fingerprints": json.dumps(prints)})
    table.publish([write_rows(told, table.target())], {"stedi.run": journal.erasure})


def _row(journal: Journal, step: str, place: str, counts: Removed) -> dict[str, object]:
    return {
        "erasure": journal.erasure,
        "finished": datetime.now(UTC),
        "people": len(journal.people),
        "step": step,
        "place": place,
        "files": counts.files,
        "rows": counts.rows,
        "bytes": counts.bytes,
    }
