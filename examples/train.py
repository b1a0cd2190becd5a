"""Train a model that detects steps, and ask it about people it has never seen.

    python examples/train.py --lake lake
    python examples/train.py --lake lake --truth landing/truth

Reads `machine_learning_curated`, cuts each person's readings into windows of one second, and
trains a classifier to say whether a foot touches the ground in the middle of a window. It hears
of the phone alone: the features are the magnitude of the acceleration, so it does not matter how
the phone lay in the pocket.

Labels: `stedi simulate` writes the true foot contacts to `truth/steps.parquet`, by e-mail
address; `--truth` maps them to subjects with the lake's key, as the lake itself does. Without a
truth, a label is a dip of `distancefromobject`, the foot passing the Step Trainer. That is a
stand-in, not a truth: it finds what the sensor saw.

People walk each in their own way, so a model must be judged on people it was not trained on.
The split is by subject: nobody is in both halves.

Needs scikit-learn: pip install stedi-lakehouse[train]
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupShuffleSplit

import stedi
from stedi.api import Lake
from stedi.people import pseudonym

HERTZ = 20
WINDOW = 21  # instants: one second around the instant in question
NEAR_MS = 100  # a step this close to the middle makes the label true
GAP_MS = 60  # two instants further apart than this belong to two recordings
DIP = 15  # a foot lowers the distance by more than this
DIP_WINDOW = 7  # instants of which a dip is the lowest

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Subject:
    """One person's instants in order: time (epoch ms), |acceleration| (m/s²), distance."""

    name: str
    time: Ints
    magnitude: Floats
    distance: Floats


@dataclass(frozen=True)
class Windows:
    """One row a window: its features, whether it holds a step, whose it is."""

    features: Floats
    step: NDArray[np.bool_]
    subject: NDArray[np.str_]


@dataclass(frozen=True)
class Score:
    """F1 on people held out, and that of calling every window a step."""

    f1: float
    chance: float
    trained_on: frozenset[str]
    tested_on: frozenset[str]
    windows: int


INSTANTS = """
    SELECT
      subject_id,
      epoch_ms(timestamp) AS time,
      avg(sqrt(x * x + y * y + z * z)) AS magnitude,
      avg(distancefromobject) AS distance
    FROM machine_learning_curated
    GROUP BY ALL ORDER BY ALL
"""


def subjects(lake: Lake) -> list[Subject]:
    """The training table by person; the readings of one instant are averaged."""
    table = lake.sql(INSTANTS).to_arrow()
    time, magnitude, distance = (
        table[name].to_numpy() for name in ("time", "magnitude", "distance")
    )
    names, start = np.unique(table["subject_id"].to_numpy(zero_copy_only=False), return_index=True)
    ends = [*start[1:], len(time)]
    return [
        Subject(str(name), time[a:b], magnitude[a:b], distance[a:b])
        for name, a, b in zip(names, start, ends, strict=True)
    ]


def true_steps(truth: Path, lake: Lake) -> dict[str, Ints]:
    """The foot contacts of a simulation (epoch ms, in order) by subject."""
    table = pq.read_table(truth / "steps.parquet")
    person = table["person"].to_numpy(zero_copy_only=False)
    time = table["time"].cast("int64").to_numpy()
    key = lake.home.key()
    return {pseudonym(key, str(name)): np.sort(time[person == name]) for name in np.unique(person)}


def dips(subject: Subject) -> Ints:
    """When the distance is lowest while a foot passes the trainer (epoch ms)."""
    if len(subject.distance) < DIP_WINDOW:
        return np.array([], np.int64)
    around = np.lib.stride_tricks.sliding_window_view(subject.distance, DIP_WINDOW)
    half = DIP_WINDOW // 2
    middle = subject.distance[half:-half]
    deep = middle < np.percentile(subject.distance, 90) - DIP
    first = around.argmin(axis=1) == half
    return subject.time[half:-half][deep & first]


def windows(people: list[Subject], steps: dict[str, Ints]) -> Windows:
    """All windows that lie within one recording."""
    parts = [_windows(person, steps.get(person.name, np.array([], np.int64))) for person in people]
    return Windows(
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.step for part in parts]),
        np.concatenate([part.subject for part in parts]),
    )


def _windows(person: Subject, steps: Ints) -> Windows:
    half = WINDOW // 2
    if len(person.time) < WINDOW:
        empty = np.empty((0, WINDOW + 1))
        return Windows(empty, np.empty(0, np.bool_), np.empty(0, np.str_))
    cut = np.lib.stride_tricks.sliding_window_view(person.magnitude, WINDOW)
    whole = person.time[WINDOW - 1 :] - person.time[: 1 - WINDOW] <= (WINDOW - 1) * GAP_MS
    middle = person.time[half : len(person.time) - half][whole]
    signal = cut[whole]
    features = np.column_stack([signal - signal.mean(axis=1, keepdims=True), signal.std(axis=1)])
    return Windows(features, _near(middle, steps), np.full(len(middle), person.name))


def _near(middle: Ints, steps: Ints) -> NDArray[np.bool_]:
    """Whether a step lies within NEAR_MS of each middle."""
    before = np.searchsorted(steps, middle - NEAR_MS, side="left")
    after = np.searchsorted(steps, middle + NEAR_MS, side="right")
    return np.asarray(after > before)


def train(data: Windows, seed: int = 0) -> Score:
    """Train on most people, score on the others."""
    split = GroupShuffleSplit(n_splits=1, test_size=0.3, random_state=seed)
    seen, unseen = next(split.split(data.features, data.step, data.subject))
    model = HistGradientBoostingClassifier(max_iter=60, random_state=seed)
    model.fit(data.features[seen], data.step[seen])
    truth = data.step[unseen]
    return Score(
        f1=float(f1_score(truth, model.predict(data.features[unseen]))),
        chance=float(f1_score(truth, np.ones_like(truth))),
        trained_on=frozenset(data.subject[seen].tolist()),
        tested_on=frozenset(data.subject[unseen].tolist()),
        windows=len(data.step),
    )


def main(arguments: list[str] | None = None) -> Score:
    """Train and report; the score, for whoever calls it."""
    parser = argparse.ArgumentParser(description="Train a step detector on a lake.")
    parser.add_argument("--lake", default="lake", help="the lake's folder")
    parser.add_argument("--truth", type=Path, help="the truth folder of a simulation")
    chosen = parser.parse_args(arguments)
    with stedi.open(chosen.lake) as lake:
        people = subjects(lake)
        if chosen.truth:
            steps = true_steps(chosen.truth, lake)
        else:
            steps = {person.name: dips(person) for person in people}
    score = train(windows(people, steps))
    sys.stdout.write(
        f"labels: {'the truth' if chosen.truth else 'dips of distancefromobject'}\n"
        f"windows: {score.windows:,}\n"
        f"trained on {len(score.trained_on)} people, tested on {len(score.tested_on)} others\n"
        f"F1 on the others: {score.f1:.3f} (calling every window a step: {score.chance:.3f})\n"
    )
    return score


if __name__ == "__main__":
    main()
