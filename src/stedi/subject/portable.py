"""The portable copy: one JSON object with everything held about a person, written as it is read.

    format        1; changes when a key does
    made          when the copy was made
    person        the e-mail address as people are matched
    subject_id    the person's pseudonym in curated.machine_learning_curated
    emails        the address as delivered
    names, phones what the person's records state: value, since, last (lastupdatedate)
    devices       value (the serial number), since, last; shared: others claim it too
    consent       research (since when, null: none), policy (since or any: which readings of
                  people who consent are used), history: what each record states, in order:
                  at (lastupdatedate), research, public, friends, file
    looked_in     the tables that were searched
    tables        one for each: table, description, for_research, rows, first, last (event times),
                  since (landed or published), kept_versions (snapshots that hold rows of the
                  person), oldest_version, columns (name: meaning)
    not_used      what became of the rows at each table: table, rows_in, rows_out, reasons.
                  Readings of shared devices are counted here, too
    shared_device_readings  readings by table of devices that others claim too; attributed to
                  nobody and not in this copy
    delivered_files  file, rows, quarantined (lines not landed), landed (when), exists
    retention     how long what is kept, in words
    rows          by table, every row in full, columns as in docs/tables.md

Times are ISO 8601 in UTC, dates ISO 8601, numbers as stored. The text of a quarantined line that
tells of somebody else, too, is withheld.
"""

from __future__ import annotations

import json
import math
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from stedi.contract import Table
from stedi.errors import UsageError, storage_error
from stedi.subject.held import Held
from stedi.subject.show import RETENTION, Holding
from stedi.subject.who import Stated

_STEERING = re.compile(r"[\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def portable(holding: Holding) -> Iterator[str]:
    """The copy as pieces of text, for one writer after the other; nothing is held in memory."""
    mark = "{"
    for key, value in _head(holding).items():
        yield f'{mark}\n "{key}": {_json(value)}'
        mark = ","
    yield ',\n "rows": {'
    mark = ""
    for entry in holding.tables:
        yield f'{mark}\n  "{entry.table.full_name}": '
        yield from _array(holding.rows(entry.table) if entry.rows else iter(()))
        mark = ","
    yield "\n }\n}\n"


def writable_path(path: Path) -> Path:
    """The path of a copy to write; UsageError for another name or a folder that is not there."""
    if path.suffix.lower() != ".json":
        raise UsageError(f"{path}: the file's name must end in .json")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{path.absolute().parent}: no such folder")
    if path.is_dir():
        raise UsageError(f"{path}: a folder; give a file")
    return path


def write_portable(holding: Holding, path: Path) -> None:
    """Write the copy to a .json file that only its owner may read, whole or not at all.

    UsageError for a path that cannot be, StorageError if it cannot be written.
    """
    part = writable_path(path).with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        _write(part, portable(holding))
        part.replace(path)
    except OSError as error:
        raise storage_error(error, str(path)) from error
    finally:
        part.unlink(missing_ok=True)


def _write(path: Path, pieces: Iterable[str]) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.writelines(pieces)
        file.flush()
        os.fsync(handle)


def _array(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    mark = "["
    for row in rows:
        yield f"{mark}\n   {_json(row)}"
        mark = ","
    yield "[]" if mark == "[" else "\n  ]"


def _head(holding: Holding) -> dict[str, Any]:
    person = holding.person
    return {
        "format": 1,
        "made": datetime.now(UTC),
        "person": person.address,
        "subject_id": person.subject_id,
        "emails": list(person.emails),
        "names": [_stated(one) for one in person.names],
        "phones": [_stated(one) for one in person.phones],
        "devices": [_stated(one) | {"shared": not one.unique} for one in person.devices],
        "consent": vars(holding.consent) | {"history": list(map(vars, holding.consent.history))},
        "looked_in": [entry.table.full_name for entry in holding.tables],
        "tables": [_table(entry) for entry in holding.tables],
        "not_used": [_trail(trail) for trail in holding.trails],
        "shared_device_readings": dict(holding.shared),
        "delivered_files": [vars(file) for file in holding.delivered],
        "retention": list(RETENTION),
    }


def _stated(one: Stated) -> dict[str, Any]:
    return {"value": one.value, "since": one.since, "last": one.last}


def _trail(trail: Any) -> dict[str, Any]:
    return {
        "table": trail.table,
        "rows_in": trail.rows_in,
        "rows_out": trail.rows_out,
        "reasons": dict(trail.excluded),
    }


def _table(entry: Held) -> dict[str, Any]:
    return {
        "table": entry.table.full_name,
        "description": entry.table.description,
        "for_research": entry.research,
        "rows": entry.rows,
        "first": entry.first,
        "last": entry.last,
        "since": entry.since,
        "kept_versions": entry.versions,
        "oldest_version": entry.oldest,
        "columns": _meanings(entry.table),
    }


def _meanings(table: Table) -> dict[str, str]:
    return {c.name: c.description + (f" Unit: {c.unit}." if c.unit else "") for c in table.columns}


def _json(value: Any) -> str:
    try:
        text = _ENCODER.encode(value)
    except ValueError:  # JSON has no word for infinity and for what is no number
        text = _ENCODER.encode({k: None if _odd(v) else v for k, v in value.items()})
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _odd(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


_ENCODER = json.JSONEncoder(default=_plain, ensure_ascii=False, allow_nan=False)
