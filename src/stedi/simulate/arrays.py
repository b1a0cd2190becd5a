"""Names of the array types, and random numbers that belong to one thing alone."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Small = NDArray[np.int32]
Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Flags = NDArray[np.bool_]
Bytes = NDArray[np.uint8]


def stream(seed: int, purpose: str, number: int = 0) -> np.random.Generator:
    """Random numbers for one purpose and number, whatever else is drawn before or beside."""
    words = [seed, zlib.crc32(purpose.encode()), number]
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(words)))
