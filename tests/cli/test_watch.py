"""`stedi watch` from outside: its lines, its signals, its exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import stedi
from cli.commands import STEDI, Command
from helpers import deliver, record, rows_of
from stedi.cli.watch import _Stop

DEADLINE = 30  # seconds; what takes so long did not happen


class Program:
    """A watch as a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.lake, self.landing, self.log = folder / "lake", folder / "landing", folder / "log"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("STEDI_")}
        command = [STEDI, "watch", "--lake", str(self.lake), "--landing", str(self.landing)]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, env=environment, text=True
            )

    def until(self, true: Callable[[], object]) -> None:
        end = time.monotonic() + DEADLINE
        while not true():
            assert time.monotonic() < end, self.said
            assert self.process.poll() is None, self.said
            time.sleep(0.02)

    @property
    def said(self) -> list[str]:
        return self.log.read_text().splitlines()

    def stop(self, number: int) -> None:
        """One signal ends it, with exit code 0, nothing on stdout and a last line."""
        self.process.send_signal(number)
        out, _ = self.process.communicate(timeout=DEADLINE)
        assert (self.process.returncode, out) == (0, ""), self.said
        assert self.said[-1] == "stopped"
        assert "Traceback" not in self.log.read_text()


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Callable[[], Program]]:
    """Start a watch; what still runs at the end of the test is killed."""
    programs: list[Program] = []

    def start() -> Program:
        programs.append(Program(tmp_path))
        return programs[-1]

    yield start
    for program in programs:
        program.process.kill()
        program.process.communicate()


def test_files_are_landed_as_they_arrive_until_sigterm(watch: Callable[[], Program]) -> None:
    program = watch()
    program.until(lambda: len(program.said) >= 2)
    missing = f"waiting: {program.landing}: no such folder"
    assert program.said[0].startswith(missing)
    assert program.said[1].startswith("refreshed; machine_learning_curated: 0 rows; ")

    for feed in ("customer", "accelerometer", "step_trainer"):
        deliver(program.landing, feed, "1.json", [record(feed), b"nonsense"])
    program.until(lambda: "curated: 1 rows" in program.said[-1])
    assert any("customer 1 line (1 quarantined)" in text for text in program.said)
    program.stop(signal.SIGTERM)


def test_a_signal_in_the_middle_of_a_run_harms_nothing(watch: Callable[[], Program]) -> None:
    program = watch()
    for feed in ("customer", "accelerometer", "step_trainer"):
        path = deliver(program.landing, feed, "1.json", [record(feed)])
        os.utime(path, (1_700_000_000, 1_700_000_000))
    lock = program.lake / "lock"
    program.until(lambda: lock.exists() and lock.read_text())
    program.stop(signal.SIGTERM)

    with stedi.open(program.lake) as lake:
        lake.run(program.landing)
        assert len(rows_of(lake, "machine_learning_curated")) == 1
        assert len(rows_of(lake, "accelerometer_landing")) == 1


def test_a_run_that_goes_on_is_ended_by_the_first_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stedi.cli.watch.GRACE", 0.05)
    stop = _Stop()
    before = signal.getsignal(signal.SIGTERM)
    with stop.heard():
        stop.loaded()
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        assert stop.asked
        with pytest.raises(KeyboardInterrupt):
            time.sleep(DEADLINE)
    assert signal.getsignal(signal.SIGTERM) is before


def test_loading_is_not_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stedi.cli.watch.GRACE", 0.01)
    stop = _Stop()
    with stop.heard():
        signal.raise_signal(signal.SIGTERM)
        time.sleep(0.05)
    assert stop.asked


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("", "Missing option '--landing'"),
        ("--landing feeds --interval 0", "--interval is 0; use 0.01 to 3600 seconds"),
        ("--landing feeds --settle -1", "--settle is -1; use 0 to 3600 seconds"),
        ("--landing feeds --engine flink", "Invalid value for '--engine'"),
    ],
)
def test_wrong_usage_ends_it_at_once(options: str, message: str, command: Command) -> None:
    done = command("watch", *options.split())

    assert (done.code, done.out) == (2, ""), done
    assert message in done.err
    assert "stopped" not in done.err
