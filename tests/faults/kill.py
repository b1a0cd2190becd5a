"""Runs killed at a random moment."""

from __future__ import annotations

import os
import random
import signal
import time

from faults.nursery import fork, result_of, wait
from faults.shop import Shop, recover, run, survey

MOST = 6


def killed_runs(shop: Shop, delivery: int, seed: int, kills: int) -> list[str]:
    """Kill so many runs of a delivery, one to `MOST` of them before one may complete."""
    draw = random.Random(seed)
    wrong: list[str] = []
    while kills > 0:
        times = min(kills, draw.randint(1, MOST))
        moments = [draw.uniform(0, 1.1 * shop.seconds[delivery]) for _ in range(times)]
        wrong += [f"killed at {moments}: {w}" for w in killed_at(shop, delivery, moments)]
        kills -= len(moments)
    return wrong


def killed_at(shop: Shop, delivery: int, moments: list[float]) -> list[str]:
    """What is wrong after runs killed so many seconds after their start."""
    shop.restore(delivery)
    wrong: list[str] = []
    done = False
    for moment in moments[:-1]:
        done |= _kill(shop, moment)
        wrong += result_of(lambda done=done: survey(shop, delivery, done))
    done |= _kill(shop, moments[-1])
    return wrong + result_of(lambda: recover(shop, delivery, done))


def _kill(shop: Shop, moment: float) -> bool:
    """Whether the run was done before the kill came."""
    victim = fork(lambda: run(shop))
    time.sleep(moment)
    os.kill(victim, signal.SIGKILL)
    return wait(victim) == 0
