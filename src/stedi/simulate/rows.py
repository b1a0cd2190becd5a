"""The very rows expected in the tables of readings, as Arrow tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from stedi.simulate import rules
from stedi.simulate.arrays import Ints, Small
from stedi.simulate.deliveries import RESPELT, UNKNOWN
from stedi.simulate.recording import Recording
from stedi.simulate.sensors import UNITS_PER_METRE

INSTANT = pa.timestamp("ms", tz="UTC")
Columns = dict[str, Any]


def tables(made: list[Recording], policy: str) -> dict[str, pa.Table]:
    """Rows of accelerometer_trusted, step_trainer_trusted and machine_learning_curated."""
    makers = {
        "accelerometer_trusted": _accelerometer_trusted,
        "step_trainer_trusted": _step_trainer_trusted,
        "machine_learning_curated": _machine_learning_curated,
    }
    return {
        name: pa.concat_tables([SCHEMAS[name].empty_table(), *(maker(one, policy) for one in made)])
        for name, maker in makers.items()
    }


def _accelerometer_trusted(made: Recording, policy: str) -> pa.Table:
    units, instant = made.readings
    way = made.deliveries.phone_way[instant]
    covered = rules.eligible(made, policy)[instant]
    usual, respelt = covered & (way != UNKNOWN), covered & (way == RESPELT)
    chosen = np.concatenate([np.flatnonzero(usual), np.flatnonzero(respelt)])
    code = np.repeat(np.array([0, 1], dtype=np.int32), [usual.sum(), respelt.sum()])
    return _table(
        "accelerometer_trusted",
        user=_texts(code, [made.names.user, made.names.respelt]),
        timestamp=_instants(made.time[instant[chosen]]),
        **_axes(units[chosen]),
    )


def _step_trainer_trusted(made: Recording, policy: str) -> pa.Table:
    usable = rules.eligible(made, policy) & made.person.curated(policy)
    first, second = (usable & flags for flags in rules.trusted_readings(made))
    code = np.repeat(np.array([0, 1], dtype=np.int32), [first.sum(), second.sum()])
    devices = made.person.devices
    return _table(
        "step_trainer_trusted",
        sensorreadingtime=_instants(np.concatenate([made.time[first], made.time[second]])),
        serialnumber=_texts(code, [devices[made.names.main], devices[made.names.other]]),
        distancefromobject=np.concatenate([made.distance[first], made.second[second]]),
    )


def _machine_learning_curated(made: Recording, policy: str) -> pa.Table:
    units, instant = made.readings
    known = made.deliveries.phone_way != UNKNOWN
    main, second = rules.trusted_readings(made)
    paired = (main | second) & ~(main & second & (made.distance != made.second))
    chosen = (rules.eligible(made, policy) & known & paired)[instant]
    distance = np.where(main, made.distance, made.second)
    return _table(
        "machine_learning_curated",
        person=_texts(np.zeros(chosen.sum(), dtype=np.int32), [made.person.address]),
        timestamp=_instants(made.time[instant[chosen]]),
        **_axes(units[chosen]),
        distancefromobject=distance[instant[chosen]],
    )


def steps(made: list[Recording]) -> pa.Table:
    """Every true foot contact: person and time."""
    parts = [
        _table(
            "steps",
            person=_texts(np.zeros(len(one.steps), dtype=np.int32), [one.person.address]),
            time=_instants(one.steps),
        )
        for one in made
    ]
    return pa.concat_tables([SCHEMAS["steps"].empty_table(), *parts])


def _table(name: str, **columns: Any) -> pa.Table:
    return pa.table(columns, schema=SCHEMAS[name])


def _texts(code: Small, texts: list[str]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(code), pa.array(texts, pa.string()))


def _instants(time: Ints) -> pa.Array:
    return pa.array(time, pa.int64()).cast(INSTANT)


def _axes(units: Small) -> Columns:
    metres = units / UNITS_PER_METRE
    return {axis: np.ascontiguousarray(metres[:, at]) for at, axis in enumerate("xyz")}


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
