"""What a person does in a recording: walks, turns, shuffles, three-step bouts, rests.

Walks at home are short and full of these; a simulation without them is too easy to detect
steps in. How often each occurs is our assumption.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stedi.simulate.arrays import Flags, Floats, Ints
from stedi.simulate.gait import Gait, fractional_noise

STRAIGHT, TURN, SHUFFLE, SHORT, IDLE = range(5)
# One column a kind of scene, in the order above.
FREQUENCY = np.array([0.42, 0.22, 0.12, 0.10, 0.14])
FEWEST_STEPS = np.array([6, 3, 4, 3, 0])
MOST_STEPS = np.array([120, 5, 10, 3, 0])
SLOWER = np.array([1.0, 1.12, 1.2, 1.1, 1.0])
AMPLITUDE = np.array([1.0, 0.65, 0.35, 0.75, 0.0])
ROUGHNESS = np.array([1.0, 1.3, 0.9, 1.1, 0.0])
REST_AFTER = np.array([0.35, 0.1, 0.5, 1.0, 1.0])
SETTLE_SECONDS = 0.3


@dataclass(frozen=True)
class Walk:
    """Nodes between which phase, amplitude and roughness run straight.

    `time` in seconds of the recording; `phase` in rad of the stride, a multiple of pi at each
    foot contact; `amplitude` and `roughness` are factors of the person's waveform and
    residual; `contact` holds the seconds of the true steps, all within the recording.
    """

    time: Floats
    phase: Floats
    amplitude: Floats
    roughness: Floats
    contact: Floats


@dataclass(frozen=True)
class _Scenes:
    """One entry a scene: its kind, its steps, and the seconds of rest that follow."""

    kind: Ints
    steps: Ints
    rest: Floats


def draw(gait: Gait, seconds: float, rng: np.random.Generator) -> Walk:
    """A walk that fills a recording of `seconds`; it starts and ends standing still."""
    scenes = _scenes(seconds, rng)
    entries = scenes.steps + 2 * (scenes.rest > 0)
    scene = np.repeat(np.arange(len(entries)), entries)
    place = np.arange(len(scene)) - np.repeat(np.cumsum(entries) - entries, entries)
    step = place < scenes.steps[scene]
    settle = place == scenes.steps[scene]
    length = np.where(settle, SETTLE_SECONDS, scenes.rest[scene])
    length[step] = _step_seconds(gait, scenes.kind[scene[step]], rng)
    return _walk(scenes, scene, step, length, seconds, rng)


def _scenes(seconds: float, rng: np.random.Generator) -> _Scenes:
    count = int(seconds / 5) + 20
    kind = np.searchsorted(np.cumsum(FREQUENCY)[:-1], rng.random(count), side="right")
    wish = np.exp(rng.normal(np.log(24), 0.7, count))
    wish[kind != STRAIGHT] = rng.uniform(3, 11, int((kind != STRAIGHT).sum()))
    steps = np.clip(wish.astype(np.int64), FEWEST_STEPS[kind], MOST_STEPS[kind])
    pause = np.clip(np.exp(rng.normal(np.log(2.5), 0.7, count)), 0.8, 20)
    rests = rng.random(count) < REST_AFTER[kind]
    # Three steps are a bout of their own only between two rests.
    rests[:-1] |= kind[1:] == SHORT
    return _Scenes(kind, steps, np.where(rests, pause, 0.0))


def _step_seconds(gait: Gait, kind: Ints, rng: np.random.Generator) -> Floats:
    """Seconds of each step: both steps of a stride share its deviation."""
    strides = fractional_noise(rng, len(kind) // 2 + 1) * gait.variability
    each = np.repeat(strides, 2)[: len(kind)]
    return np.asarray(SLOWER[kind] * np.exp(each) / gait.step_frequency)


def _walk(
    scenes: _Scenes,
    scene: Ints,
    step: Flags,
    length: Floats,
    seconds: float,
    rng: np.random.Generator,
) -> Walk:
    kind = scenes.kind[scene]
    amplitude = np.where(step, AMPLITUDE[kind] * (1 + 0.1 * rng.standard_normal(len(kind))), 0.0)
    # Some rests are not quiet: the phone is moved by a hand, not by a step.
    fidget = np.where(rng.random(len(scenes.kind)) < 0.2, rng.uniform(0.1, 0.7), 0.0)
    roughness = np.where(step, amplitude * ROUGHNESS[kind] / np.maximum(AMPLITUDE[kind], 0.1),
                         fidget[scene])  # fmt: skip
    start = rng.uniform(0.5, 3.0)
    time = start + np.cumsum(length)
    contact = time[step]
    return Walk(
        time=np.concatenate([[0.0, start], time, [time[-1] + SETTLE_SECONDS]]),
        phase=np.concatenate([[0.0, 0.0], np.cumsum(step) * np.pi, [step.sum() * np.pi]]),
        amplitude=np.concatenate([[0.0, 0.0], np.maximum(amplitude, 0.0), [0.0]]),
        roughness=np.concatenate([[0.0, 0.0], np.maximum(roughness, 0.0), [0.0]]),
        contact=contact[contact < seconds],
    )
