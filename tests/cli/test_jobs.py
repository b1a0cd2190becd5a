"""`stedi job` from outside: its list, its lines, its exit codes."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from cli.commands import Command
from helpers import deliver, record
from stedi.jobs import jobs
from stedi.simulate import Simulated

NAMES = [job.name for job in jobs()]


def test_the_list(command: Command, tmp_path: Path) -> None:
    bare, asked = command("job"), command("job", "machine_learning_curated", "--list")
    rows = json.loads(command("job", "--format", "json").out)

    assert (bare.code, bare.err) == (0, "")
    assert bare == asked
    assert [row["job"] for row in rows] == NAMES
    steps = next(row for row in rows if row["job"] == "step_trainer_trusted")
    assert steps["also"] == "step_trainer_landing_to_trusted"
    assert steps["reads"].endswith("curated.customers_curated, landing.step_trainer_landing")
    assert steps["writes"] == "trusted.step_trainer_trusted"
    assert not list(tmp_path.iterdir())


def test_job_after_job_makes_a_lake(command: Command, feeds: Simulated) -> None:
    for name in NAMES:
        landing = ("--landing", feeds.out) if name == "landing" else ()
        done = command("job", name, *landing)
        assert (done.code, done.out) == (0, ""), done.err
        assert "note: " not in done.err
        assert re.search(r"done in [\d.]+ s; lake: ", done.err)
        last = done
    assert re.search(r"curated\.machine_learning_curated: [\d,]+ of [\d,]+ rows; left", last.err)

    again = command("job", "step_trainer_landing_to_trusted")
    assert (again.code, again.out) == (0, "")
    assert again.err.startswith("nothing new, nothing changed in ")
    assert command("run").err.startswith("nothing new, nothing changed in ")


def test_a_note_says_what_to_run_first(command: Command, tmp_path: Path) -> None:
    for feed in ("customer", "accelerometer", "step_trainer"):
        deliver(tmp_path / "in", feed, "1.json", [record(feed)])
    command("job", "landing", "--landing", "in")
    done = command("job", "customer_trusted_to_curated")

    assert (done.code, done.out) == (0, "")
    assert done.err.splitlines()[:2] == [
        "note: customer_trusted is older than what it is made from; "
        "run job customer_landing_to_trusted first",
        "note: accelerometer_trusted is older than what it is made from; "
        "run job accelerometer_landing_to_trusted first",
    ]


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("job nope", 2, "there is no job 'nope'; there are landing, customer_landing_to_trusted"),
        ("job landing", 2, "give --landing DIR"),
        ("job landing --landing nowhere", 2, "nowhere: no such folder"),
        ("job landing --landing . --full", 2, "leave out --full"),
        ("job machine_learning_curated --landing .", 2, "stedi job landing --landing ."),
        ("job machine_learning_curated --engine flink", 2, "'duckdb', 'spark'"),
        ("job machine_learning_curated", 1, "there is no lake"),
    ],
)
def test_wrong_usage_is_refused(
    line: str, code: int, message: str, command: Command, tmp_path: Path
) -> None:
    done = command(*line.split())

    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert not list(tmp_path.iterdir())


def test_a_busy_lake_is_waited_for_and_then_named(command: Command, feeds: Simulated) -> None:
    import stedi

    command("run", "--landing", feeds.out)
    with stedi.open("lake") as lake, lake.home.lock():
        done = command("job", "machine_learning_curated", "--wait", 0.1)

    assert (done.code, done.out) == (1, "")
    assert "another run (process" in done.err


def test_scripts_are_written(command: Command, tmp_path: Path) -> None:
    done = command("job", "--scripts", "out/glue")

    assert (done.code, done.out) == (0, "")
    assert done.err.startswith("wrote 6 scripts to out/glue")
    found = {path.name: path.read_text() for path in (tmp_path / "out" / "glue").iterdir()}
    assert found.keys() == {f"{name}.py" for name in NAMES}
    assert all(f'main("{name}")' in found[f"{name}.py"] for name in NAMES)
    assert command("job", "--scripts", "out/glue").code == 0  # again, over them


def test_scripts_that_cannot_be_written(command: Command, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    done = command("job", "--scripts", os.path.join("taken", "below"))  # noqa: PTH118

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: ")
    assert "Traceback" not in done.err
