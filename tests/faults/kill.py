"""Runs killed at moments spread over their work."""

from __future__ import annotations

import os
import random
import signal
import time

from faults.nursery import fork, result_of, wait
from faults.shop import Shop, recover, run, survey

MOST = 6


def killed_runs(shop: Shop, delivery: int, seed: int, kills: int) -> list[str]:
    """Kill so many runs of a delivery, one to `MOST` of them before one may complete.

    Of the time that a run takes, and a tenth more, each kill has a part of its own and comes at
    a random moment of it; the parts are drawn in any order.
    """
    draw = random.Random(seed)
    part = 1.1 * shop.seconds[delivery] / kills
    left = [part * (number + draw.random()) for number in range(kills)]
    draw.shuffle(left)
    wrong: list[str] = []
    while left:
        times = draw.randint(1, MOST)
        moments, left = left[:times], left[times:]
        wrong += [f"killed at {moments}: {w}" for w in killed_at(shop, delivery, moments)]
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
