"""The truth beside the feeds: expected counts, people, steps, and the rows expected."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stedi.simulate import gait, rows, rules
from stedi.simulate.block import Done, Written
from stedi.simulate.choices import Choices
from stedi.simulate.people import Person
from stedi.simulate.rules import Account

ROWS_PER_GROUP = 1 << 18


class Writer:
    """Parquet files that grow block by block; a context manager, closing them all."""

    def __init__(self, folder: Path, *, keep_rows: bool) -> None:
        self.steps = 0
        self._pending: dict[str, list[pa.Table]] = {}
        self._files = {"steps": _file(folder / "steps.parquet", rows.SCHEMAS["steps"])}
        if keep_rows:
            for policy in rules.POLICIES:
                for table in rules.ACCOUNTS:
                    path = folder / "expected" / policy / f"{table}.parquet"
                    self._files[f"{policy}/{table}"] = _file(path, rows.SCHEMAS[table])

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name, file in self._files.items():
            if kind is None:
                self._flush(name)
            file.close()

    def add(self, done: Done) -> None:
        """Append what a block found; blocks come in their order."""
        self.steps += done.steps.num_rows
        self._append("steps", done.steps)
        for (policy, table), found in done.rows.items():
            self._append(f"{policy}/{table}", found)

    def _append(self, name: str, table: pa.Table) -> None:
        pending = self._pending.setdefault(name, [])
        pending.append(table)
        if sum(part.num_rows for part in pending) >= ROWS_PER_GROUP:
            self._flush(name)

    def _flush(self, name: str) -> None:
        pending = self._pending.pop(name, [])
        if pending:
            self._files[name].write_table(pa.concat_tables(pending).unify_dictionaries())


def _file(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """A Parquet file whose texts are stored once, and read back as plain strings."""
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = [item.name for item in schema if pa.types.is_dictionary(item.type)]
    return pq.ParquetWriter(path, schema, use_dictionary=texts, store_schema=False)


def write_people(choices: Choices, people: list[Person], folder: Path) -> None:
    """`people.parquet`: who consents since when, with which devices, and how each walks."""
    table = pa.Table.from_pylist([_row(choices, person) for person in people], schema=PEOPLE)
    pq.write_table(table, folder / "people.parquet")


def write_customers(people: list[Person], folder: Path) -> None:
    """The rows of customer_trusted and customers_curated, one a person and device."""
    for policy in rules.POLICIES:
        consenting = [person for person in people if person.since is not None]
        curated = [person for person in consenting if person.curated(policy)]
        where = folder / "expected" / policy
        pq.write_table(_devices(consenting), where / "customer_trusted.parquet")
        pq.write_table(_devices(curated), where / "customers_curated.parquet")


def write_expected(
    choices: Choices,
    accounts: dict[tuple[str, str], Account],
    written: dict[str, Written],
    folder: Path,
) -> None:
    """`expected.json`, the last file of a simulation."""
    policies = {
        policy: {table: accounts[policy, table].as_json(table) for table in rules.REASONS}
        for policy in rules.POLICIES
    }
    feeds = {name: _feed(one) for name, one in written.items()}
    content = {"arguments": _arguments(choices), "feeds": feeds, "policies": policies}
    (folder / "expected.json").write_text(json.dumps(content, indent=2) + "\n")


def _feed(written: Written) -> dict[str, Any]:
    planted = dict(sorted(written.planted.items()))
    quarantined = sum(planted.values())
    return {
        "files": written.files,
        "lines": written.lines,
        "landed": written.lines - quarantined,
        "quarantined": quarantined,
        "planted": planted,
    }


def _arguments(choices: Choices) -> dict[str, Any]:
    """What decides the content; not where it is written, nor how fast."""
    names = ("people", "readings", "minutes", "days", "rate", "seed", "dirty",
             "rotated", "irregular", "compress")  # fmt: skip
    return {"start": str(choices.start), **{name: getattr(choices, name) for name in names}}


def _row(choices: Choices, person: Person) -> dict[str, Any]:
    walk = gait.draw(choices.seed, person.number, rotated=choices.rotated)
    return {
        "person": person.address,
        "consents": person.since is not None,
        "since": person.since,
        "devices": list(person.devices),
        "has_phone": person.phone,
        "step_frequency_hz": walk.step_frequency,
        "stride_variability": walk.variability,
        "residual_share": walk.residual_share,
        "quiet_std": walk.quiet,
        "vertical": walk.vertical.tolist(),
        "forward": walk.forward.tolist(),
        "sideways": walk.sideways.tolist(),
        "rotation": np.ravel(walk.rotation).tolist(),
        "rest_distance": walk.rest,
        "near_dip": walk.near,
        "far_dip": walk.far,
    }


def _devices(people: list[Person]) -> pa.Table:
    pairs = [
        {"person": person.address, "serialnumber": serial, "since": person.since}
        for person in people
        for serial in person.devices
    ]
    return pa.Table.from_pylist(pairs, schema=CUSTOMERS)


CUSTOMERS = pa.schema(
    [("person", pa.string()), ("serialnumber", pa.string()), ("since", rows.INSTANT)]
)
PEOPLE = pa.schema(
    [
        ("person", pa.string()),
        ("consents", pa.bool_()),
        ("since", rows.INSTANT),
        ("devices", pa.list_(pa.string())),
        ("has_phone", pa.bool_()),
        *((name, pa.float64()) for name in (
            "step_frequency_hz", "stride_variability", "residual_share", "quiet_std")),
        *((name, pa.list_(pa.float64())) for name in (
            "vertical", "forward", "sideways", "rotation")),
        *((name, pa.float64()) for name in ("rest_distance", "near_dip", "far_dip")),
    ]
)  # fmt: skip
