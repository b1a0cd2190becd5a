"""Readings as JSON lines, written by table look-up: about four million lines a second."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stedi.simulate.arrays import Bytes, Ints, Small
from stedi.simulate.sensors import LARGEST, UNITS_PER_METRE


def accelerometer(user: str, time: Ints, units: Small) -> Bytes:
    """Lines of one user: time in epoch ms (n,), acceleration in 0.0001 m/s² (n, 3)."""
    numbers = _accelerations()[units + LARGEST]
    return _joined(
        [
            f'{{"user":{json.dumps(user)},"timestamp":',
            *_milliseconds(time),
            ',"x":',
            numbers[:, 0],
            ',"y":',
            numbers[:, 1],
            ',"z":',
            numbers[:, 2],
            "}\n",
        ],
        len(time),
    )


def step_trainer(serial: str, time: Ints, distance: Small) -> Bytes:
    """Lines of one device: time in epoch ms and distance, each (n,)."""
    return _joined(
        [
            '{"sensorReadingTime":',
            *_milliseconds(time),
            f',"serialNumber":{json.dumps(serial)},"distanceFromObject":',
            _whole(1000)[distance],
            "}\n",
        ],
        len(time),
    )


def _joined(parts: list[str | NDArray[np.bytes_]], count: int) -> Bytes:
    """Rows of fixed-width cells, one column a part, without the zero bytes that fill them."""
    columns = [part.encode() if isinstance(part, str) else part for part in parts]
    rows: Any = np.empty(
        count, dtype=[(f"f{at}", _type(column)) for at, column in enumerate(columns)]
    )
    for at, column in enumerate(columns):
        rows[f"f{at}"] = column
    raw: Bytes = rows.view(np.uint8)
    return np.asarray(raw[raw != 0])


def _type(column: bytes | NDArray[np.bytes_]) -> np.dtype[np.bytes_]:
    return np.dtype(f"S{len(column)}") if isinstance(column, bytes) else column.dtype


def _milliseconds(time: Ints) -> list[str | NDArray[np.bytes_]]:
    """The decimal digits of 12- and 13-digit numbers, in three columns."""
    high = time // 10**8
    leading = np.array([b"%d" % number for number in range(int(high[0]), int(high.max()) + 1)])
    return [leading[high - high[0]], _padded()[time // 10**4 % 10**4], _padded()[time % 10**4]]


@cache
def _padded() -> NDArray[np.bytes_]:
    return np.array([b"%04d" % number for number in range(10**4)])


@cache
def _whole(below: int) -> NDArray[np.bytes_]:
    return np.array([b"%d" % number for number in range(below)])


@cache
def _accelerations() -> NDArray[np.bytes_]:
    """The text of every acceleration a phone reports, from -29.9999 to 29.9999."""
    units = np.arange(-LARGEST, LARGEST + 1)
    whole, rest = np.divmod(np.abs(units), UNITS_PER_METRE)
    cells: Any = np.empty(len(units), dtype="S1,S2,S1,S4")
    cells["f0"] = np.where(units < 0, b"-", b"")
    cells["f1"], cells["f2"], cells["f3"] = _whole(1000)[whole], b".", _padded()[rest]
    return np.asarray(cells.view("S8"))
