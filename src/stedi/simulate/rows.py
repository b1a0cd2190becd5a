"""The very rows expected in the tables of readings, as Arrow tables."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from stedi.simulate import rules
from stedi.simulate.arrays import Floats, Small
from stedi.simulate.deliveries import RESPELT, UNKNOWN
from stedi.simulate.recording import Recording
from stedi.simulate.sensors import UNITS_PER_METRE

INSTANT = pa.timestamp("ms", tz="UTC")


class Texts(NamedTuple):
    """A column of texts: for each row the place of its text among `texts`."""

    code: Small
    texts: list[str]


Columns = tuple[Any, ...]


def tables(made: list[Recording], policy: str) -> dict[str, pa.Table]:
    """Rows of accelerometer_trusted, step_trainer_trusted and machine_learning_curated."""
    makers = {
        "accelerometer_trusted": _accelerometer_trusted,
        "step_trainer_trusted": _step_trainer_trusted,
        "machine_learning_curated": _machine_learning_curated,
    }
    covered = [one for one in made if rules.eligible(one, policy).any()]
    return {
        name: _table(name, [maker(one, policy) for one in covered])
        for name, maker in makers.items()
    }


def steps(made: list[Recording]) -> pa.Table:
    """Every true foot contact: person and time."""
    return _table("steps", [(_one(one.person.address, len(one.steps)), one.steps) for one in made])


def _accelerometer_trusted(made: Recording, policy: str) -> Columns:
    units, instant = made.readings
    way = made.deliveries.phone_way[instant]
    covered = rules.eligible(made, policy)[instant]
    usual, respelt = covered & (way != UNKNOWN), covered & (way == RESPELT)
    chosen = np.concatenate([np.flatnonzero(usual), np.flatnonzero(respelt)])
    users = _two(made.names.user, int(usual.sum()), made.names.respelt, int(respelt.sum()))
    return users, made.time[instant[chosen]], *_axes(units[chosen])


def _step_trainer_trusted(made: Recording, policy: str) -> Columns:
    usable = rules.eligible(made, policy) & made.person.curated(policy)
    first, second = (usable & flags for flags in rules.trusted_readings(made))
    main, other = (made.person.devices[place] for place in (made.names.main, made.names.other))
    return (
        np.concatenate([made.time[first], made.time[second]]),
        _two(main, int(first.sum()), other, int(second.sum())),
        np.concatenate([made.distance[first], made.second[second]]),
    )


def _machine_learning_curated(made: Recording, policy: str) -> Columns:
    units, instant = made.readings
    known = made.deliveries.phone_way != UNKNOWN
    main, second = rules.trusted_readings(made)
    paired = (main | second) & ~(main & second & (made.distance != made.second))
    chosen = (rules.eligible(made, policy) & known & paired)[instant]
    at = instant[chosen]
    distance = np.where(main, made.distance, made.second)
    person = _one(made.person.address, len(at))
    return person, made.time[at], *_axes(units[chosen]), distance[at]


def _one(text: str, count: int) -> Texts:
    return Texts(np.zeros(count, dtype=np.int32), [text])


def _two(text: str, count: int, other: str, others: int) -> Texts:
    return Texts(np.repeat(np.array([0, 1], dtype=np.int32), [count, others]), [text, other])


def _axes(units: Small) -> Floats:
    """x, y and z in m/s², one row each."""
    return np.ascontiguousarray(units.T) / UNITS_PER_METRE


def _table(name: str, parts: list[Columns]) -> pa.Table:
    """One Arrow table of the columns of many recordings."""
    schema = SCHEMAS[name]
    if not parts:
        return schema.empty_table()
    columns = [
        _column(kind, list(column))
        for kind, column in zip(schema.types, zip(*parts, strict=True), strict=True)
    ]
    return pa.table(columns, schema=schema)


def _column(kind: pa.DataType, parts: list[Any]) -> pa.Array:
    if pa.types.is_dictionary(kind):
        return _texts(parts)
    values = pa.array(np.concatenate(parts))
    return values.cast(kind) if pa.types.is_timestamp(kind) else values


def _texts(parts: list[Texts]) -> pa.Array:
    texts = list(dict.fromkeys(text for part in parts for text in part.texts))
    place = {text: at for at, text in enumerate(texts)}
    codes = [
        np.array([place[text] for text in part.texts], dtype=np.int32)[part.code] for part in parts
    ]
    return pa.DictionaryArray.from_arrays(pa.array(np.concatenate(codes)), pa.array(texts))


_TEXT = pa.dictionary(pa.int32(), pa.string())
_XYZ = [(axis, pa.float64()) for axis in "xyz"]
SCHEMAS = {
    "accelerometer_trusted": pa.schema([("user", _TEXT), ("timestamp", INSTANT), *_XYZ]),
    "step_trainer_trusted": pa.schema(
        [
            ("sensorreadingtime", INSTANT),
            ("serialnumber", _TEXT),
            ("distancefromobject", pa.int32()),
        ]
    ),
    "machine_learning_curated": pa.schema(
        [("person", _TEXT), ("timestamp", INSTANT), *_XYZ, ("distancefromobject", pa.int32())]
    ),
    "steps": pa.schema([("person", _TEXT), ("time", INSTANT)]),
}
