"""An interrupted `stedi run` says so, exits with 130, and the next run completes.

By default each signal comes at two moments of each delivery, between those of the other;
STEDI_FAULTS=all: at three.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from faults.nursery import EVERY, Nursery, environment
from faults.shop import Shop, recover
from faults.signals import SIGNALS, interrupted_runs, last_words

pytestmark = pytest.mark.usefixtures("needs_shim")
MOMENTS = 3 if EVERY else 2


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("delivery", [0, 1])
def test_an_interrupted_run_exits_with_130_and_harms_nothing(
    nursery: Nursery, shop: Shop, delivery: int, number: int
) -> None:
    assert nursery.call(interrupted_runs, shop, delivery, number, MOMENTS) == []


@pytest.mark.parametrize("number", SIGNALS)
def test_an_interrupted_run_says_so(nursery: Nursery, shop: Shop, number: int) -> None:
    assert "stopped" in nursery.call(last_words, shop, number)


def _hears_interrupts() -> None:
    """What is started in the background of a shell would ignore them."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_started_program_stops_on_a_signal(
    nursery: Nursery, shop: Shop, shim: Path, number: int
) -> None:
    nursery.call(Shop.restore, shop, 0)
    stop = {"LD_PRELOAD": str(shim), "FAULTS_PREFIX": str(shop.lake / "warehouse/landing")}
    command = [sys.executable, "-c", "from stedi.cli import main; main()"]
    program = subprocess.Popen(
        [*command, "run", "--lake", shop.lake, "--landing", shop.landing],
        env=environment() | stop | {"FAULTS_NTH": "9"},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_hears_interrupts,  # noqa: PLW1509, it takes no lock
    )
    assert os.WIFSTOPPED(os.waitpid(program.pid, os.WUNTRACED)[1])
    program.send_signal(number)
    program.send_signal(signal.SIGCONT)
    _, spoken = program.communicate()

    assert program.returncode == 130, spoken
    assert "Traceback" not in spoken
    assert nursery.call(recover, shop, 0) == []
