"""The examples run, and do what they say."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

import stedi
from stedi.simulate import Simulated, simulate

EXAMPLES = Path(__file__).parents[2] / "examples"
# F1 above that of calling every window a step; measured over three simulations and three splits
# each: at least 0.30 with the truth, at least 0.13 with dips.
MARGINS = {"truth": 0.2, "dips": 0.08}


@pytest.fixture(scope="module")
def feeds(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return simulate(tmp_path_factory.mktemp("examples") / "landing", people=12, days=1, minutes=1)


@pytest.fixture(scope="module")
def lake(feeds: Simulated) -> Path:
    root = feeds.out.with_name("lake")
    with stedi.create(root) as made:
        made.run(feeds.out)
    return root


@pytest.fixture(scope="module")
def train() -> ModuleType:
    pytest.importorskip("sklearn")
    spec = importlib.util.spec_from_file_location("train_example", EXAMPLES / "train.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("labels", MARGINS)
def test_steps_of_people_never_seen(
    labels: str,
    train: ModuleType,
    lake: Path,
    feeds: Simulated,
    capsys: pytest.CaptureFixture[str],
) -> None:
    truth = ["--truth", str(feeds.truth)] if labels == "truth" else []
    score = train.main(["--lake", str(lake), *truth])

    assert score.trained_on
    assert score.tested_on
    assert not score.trained_on & score.tested_on
    assert score.f1 > score.chance + MARGINS[labels]
    assert f"F1 on the others: {score.f1:.3f}" in capsys.readouterr().out


def test_labels_of_the_truth_are_those_of_the_lake(
    train: ModuleType, lake: Path, feeds: Simulated
) -> None:
    with stedi.open(lake) as opened:
        people = train.subjects(opened)
        steps = train.true_steps(feeds.truth, opened)

    assert people
    assert {person.name for person in people} <= set(steps)
