"""How each person walks: parameters drawn from ranges measured on real walking.

Published ranges: step frequency 1.4 to 2.3 Hz; stride time varying by about 4 % with a
long-range correlation (DFA exponent about 0.83); standard deviation of the quiet magnitude
0.03 to 0.24 m/s². Amplitudes of the stride's harmonics, in m/s² (lower back, labelled
recordings of straight walking and of walking at home): vertical, harmonics 2/4/6/8,
1.83/0.44/0.45/0.29 straight and 1.07/0.42/0.31/0.10 at home; forward, the same harmonics,
1.32/0.32/0.13/0.19 and 0.83/0.25/0.08/0.07; sideways, harmonics 1/3/5, 0.76/0.50/0.23 and
1.22/0.23/0.19. Vertical phases at contact (cosine) are -0.26/-0.54/-0.96 rad for 2/4/6. What does
not repeat from stride to stride makes 0.54 to 0.72 of the standard deviation straight, about
0.8 at home. The other phases are our assumption, and so is all of the trainer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from stedi.simulate.arrays import Floats, Ints, Singles, stream

EVEN = np.array([2, 4, 6, 8])
ODD = np.array([1, 3, 5])
VERTICAL = np.array([[1.83, 0.44, 0.45, 0.29], [1.07, 0.42, 0.31, 0.10]])
FORWARD = np.array([[1.32, 0.32, 0.13, 0.19], [0.83, 0.25, 0.08, 0.07]])
SIDEWAYS = np.array([[0.76, 0.50, 0.23], [1.22, 0.23, 0.19]])
VERTICAL_PHASES = np.array([-0.26, -0.54, -0.96, -1.3])
RESIDUAL = ((0.54, 0.72), (0.78, 0.82))
GRAVITY = 9.81
PHASES = 1024


@dataclass(frozen=True)
class Gait:
    """One person's walk, phone and trainer. Amplitudes in m/s², distances in the trainer's unit.

    `residual_share` is the share of the standard deviation that does not repeat with the
    stride; `rotation` turns (sideways, up, forward) into the phone's (x, y, z); `rest` is the
    trainer's distance with no foot before it, `near` and `far` how far each foot lowers it.
    """

    step_frequency: float
    variability: float
    vertical: Floats
    forward: Floats
    sideways: Floats
    forward_phases: Floats
    sideways_phases: Floats
    residual_share: float
    quiet: float
    rotation: Floats
    rest: float
    near: float
    far: float

    @cached_property
    def residual(self) -> float:
        """Standard deviation (m/s², each axis) of what does not repeat with the stride."""
        repeating = sum(float((axis**2).sum()) / 2 for axis in self._axes)
        share = self.residual_share**2
        return float(np.sqrt(repeating * share / (1 - share) / 3))

    @property
    def _axes(self) -> tuple[Floats, Floats, Floats]:
        return self.sideways, self.vertical, self.forward

    @cached_property
    def waveform(self) -> Singles:
        """Acceleration over one stride from contact to contact, (1024, 3), in phone axes."""
        phase = np.arange(PHASES) * 2 * np.pi / PHASES
        body = np.stack(
            [
                _wave(phase, ODD, self.sideways, self.sideways_phases),
                _wave(phase, EVEN, self.vertical, VERTICAL_PHASES),
                _wave(phase, EVEN, self.forward, self.forward_phases),
            ]
        )
        return np.ascontiguousarray((self.rotation @ body).T, dtype=np.float32)

    @cached_property
    def gravity(self) -> Singles:
        """What the phone feels at rest, (3,), in phone axes."""
        return np.asarray(self.rotation[:, 1] * GRAVITY, dtype=np.float32)


@lru_cache(maxsize=512)
def draw(seed: int, person: int, *, rotated: bool) -> Gait:
    """The gait of one person, the same in every simulation with this seed."""
    rng = stream(seed, "gait", person)
    home = float(rng.random())
    strength = float(rng.lognormal(0.0, 0.12))
    low, high = (float(np.interp(home, [0, 1], ends)) for ends in zip(*RESIDUAL, strict=True))
    return Gait(
        step_frequency=float(np.clip(rng.normal(1.78, 0.18), 1.42, 2.28)),
        variability=float(np.clip(rng.normal(0.04, 0.005), 0.028, 0.055)),
        vertical=strength * _between(VERTICAL, home),
        forward=strength * _between(FORWARD, home),
        sideways=strength * _between(SIDEWAYS, home),
        forward_phases=rng.uniform(-np.pi, np.pi, len(EVEN)),
        sideways_phases=rng.uniform(-np.pi, np.pi, len(ODD)),
        residual_share=float(rng.uniform(low, high)),
        quiet=float(np.exp(rng.uniform(np.log(0.03), np.log(0.24)))),
        rotation=_rotation(rng) if rotated else np.eye(3),
        rest=float(rng.uniform(284, 297)),
        near=float(rng.uniform(50, 78)),
        far=float(rng.uniform(24, 45)),
    )


def fractional_noise(rng: np.random.Generator, count: int, exponent: float = 0.83) -> Floats:
    """`count` values of unit variance whose detrended fluctuation grows with `exponent`.

    Spectral synthesis: power falls with frequency to the (2 * exponent - 1).
    """
    size = max(16, 1 << (count - 1).bit_length())
    weight = np.arange(1, size // 2 + 1) ** (0.5 - exponent)
    spectrum = np.zeros(size // 2 + 1, dtype=np.complex128)
    spectrum[1:] = weight * (rng.standard_normal((2, size // 2)) * [[1], [1j]]).sum(axis=0)
    scale = size / (2 * np.sqrt((weight**2).sum()))
    return np.asarray(np.fft.irfft(spectrum, size)[:count] * scale)


def _between(ends: Floats, share: float) -> Floats:
    return np.asarray(ends[0] + share * (ends[1] - ends[0]))


def _wave(phase: Floats, harmonics: Ints, amplitudes: Floats, phases: Floats) -> Floats:
    angles = np.outer(harmonics, phase) + phases[:, None]
    return np.asarray(amplitudes @ np.cos(angles))


def _rotation(rng: np.random.Generator) -> Floats:
    """A rotation drawn uniformly: a random unit quaternion as a matrix."""
    q = rng.standard_normal(4)
    w, x, y, z = q / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
