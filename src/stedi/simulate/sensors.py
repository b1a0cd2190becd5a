"""What the two devices measure during a walk."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from stedi.simulate.arrays import Floats, Singles, Small, stream
from stedi.simulate.gait import PHASES, Gait
from stedi.simulate.walk import Walk

# Accelerometer readings are whole numbers of 0.0001 m/s², so they have four decimals.
UNITS_PER_METRE = 10_000
LARGEST = 299_999
TAPE = 1 << 18


def sample_times(instants: int, rate: float, each: int, rng: np.random.Generator | None) -> Floats:
    """Seconds at which the phone samples, (instants, each).

    A phone delivers its samples in packets under the time of the first: three an instant,
    evenly; with `rng`, each sample is early or late by a quarter of their distance (an
    assumption), the first never before its instant.
    """
    spacing = 1 / (3 * rate)
    times = np.arange(instants)[:, None] / rate + np.arange(each) * spacing
    if rng is None:
        return np.asarray(times)
    late = np.clip(rng.normal(0, 0.25, times.shape), -1, 1)
    return np.asarray(times + np.abs(late) * spacing)


def accelerations(
    gait: Gait, walk: Walk, times: Floats, rate: float, rng: np.random.Generator
) -> Small:
    """x, y, z at each sample time in units of 0.0001 m/s², (instants, each, 3).

    Gravity, the person's waveform at the stride's phase, what does not repeat from stride to
    stride, and the noise of standing still. The readings of one instant differ by
    construction, so that only a repeated delivery is an exact repeat.
    """
    at = times.ravel()
    wave = gait.waveform[_bin(np.interp(at, walk.time, walk.phase))]
    wave *= np.interp(at, walk.time, walk.amplitude).astype(np.float32)[:, None]
    rough = (gait.residual * np.interp(at, walk.time, walk.roughness)).astype(np.float32)
    wave += rough[:, None] * _stretch(len(at), rate, rng)
    wave += np.float32(gait.quiet) * rng.standard_normal(wave.shape, dtype=np.float32)
    wave += gait.gravity
    units = np.rint(wave * np.float32(UNITS_PER_METRE)).clip(-LARGEST, LARGEST).astype(np.int32)
    return _told_apart(units.reshape(*times.shape, 3))


def distances(gait: Gait, walk: Walk, times: Floats, rng: np.random.Generator) -> Small:
    """The trainer's distance at each time, whole numbers from 200 to 300.

    No model of a sensor before a walking person was found in the literature. Our assumption:
    the distance dips as a foot swings past, halfway between two contacts, deep for the near
    foot and half as deep for the far one, less for smaller steps. The noise has a standard
    deviation of 1.5 at rest and about 8 in motion; published for infrared time-of-flight
    sensors are 1.5 mm head-on and 12 mm in motion at 30 degrees.
    """
    phase = np.interp(times, walk.time, walk.phase)
    effort = np.minimum(np.interp(times, walk.time, walk.amplitude), 1.2)
    depth = np.where(phase % (2 * np.pi) < np.pi, gait.near, gait.far)
    dip = depth * effort * np.sin(phase) ** 4
    noise = (1.5 + 6.5 * effort) * rng.standard_normal(len(times))
    return np.asarray(np.rint(gait.rest - dip + noise).clip(200, 300), dtype=np.int32)


def _bin(phase: Floats) -> Small:
    return (phase * (PHASES / (2 * np.pi))).astype(np.int32) & (PHASES - 1)


def _told_apart(units: Small) -> Small:
    """Give the readings of one instant different remainders of x modulo 4."""
    x = units[..., 0]
    x += np.arange(x.shape[1], dtype=np.int32) - x % 4
    return units


def _stretch(samples: int, rate: float, rng: np.random.Generator) -> Singles:
    """A random piece of the tape, (samples, 3), with random signs."""
    tape = _tape(rate)
    first = int(rng.integers(0, len(tape)))
    signs = rng.choice(np.array([-1, 1], dtype=np.float32), 3)
    piece = tape.take(np.arange(first, first + samples), axis=0, mode="wrap")
    return np.asarray(piece * signs)


@lru_cache(maxsize=2)
def _tape(rate: float) -> Singles:
    """Noise of unit variance in the band of body motion (0.3 to 10 Hz), (262144, 3)."""
    spectrum_hz = np.fft.rfftfreq(TAPE, 1 / (3 * rate))
    shape = np.where((spectrum_hz > 0.3) & (spectrum_hz < 10), 1 / (1 + (spectrum_hz / 3) ** 2), 0)
    if not shape.any():
        shape[1:] = 1.0
    white = stream(0, "tape").standard_normal((3, 2, len(shape)))
    tape = np.fft.irfft((white[:, 0] + 1j * white[:, 1]) * shape, TAPE)
    return np.ascontiguousarray((tape / tape.std(axis=1, keepdims=True)).T, dtype=np.float32)
