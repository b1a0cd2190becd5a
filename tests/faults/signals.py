"""`stedi run` interrupted at a known moment: it stops itself before its nth call, then hears."""

from __future__ import annotations

import os
import signal

from faults.command import Said, heard, start
from faults.nursery import result_of
from faults.operations import SYSTEM, operations
from faults.shop import Shop, recover

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def interrupted_runs(shop: Shop, delivery: int, number: int, times: int) -> list[str]:
    """What is wrong when runs get a signal, at moments spread over their work.

    The signals take turns: the first call gets the first of `SIGNALS`.
    """
    count = len(operations(shop, SYSTEM, delivery))
    spread = [1 + count * i // (times * len(SIGNALS)) for i in range(times * len(SIGNALS))]
    moments = spread[SIGNALS.index(number) :: len(SIGNALS)]
    return [
        f"at call {nth} of {count}: {w}"
        for nth in moments
        for w in interrupted(shop, delivery, number, nth)
    ]


def interrupted(shop: Shop, delivery: int, number: int, nth: int) -> list[str]:
    """What is wrong when a run gets a signal at its nth call."""
    shop.restore(delivery)
    said = _interrupt(shop, number, nth)
    fine = said.code == 130 and "Traceback" not in said.err
    wrong = [] if fine else [f"it answered {said.code}: {said.err}"]
    return wrong + result_of(lambda: recover(shop, delivery, said.code == 0))


def last_words(shop: Shop, number: int) -> str:
    """What a run says when a signal ends it."""
    shop.restore(0)
    return _interrupt(shop, number, nth=100).err


def _interrupt(shop: Shop, number: int, nth: int) -> Said:
    words = ("run", "--lake", shop.lake, "--landing", shop.landing)
    child = start(shop.root, *words, below=shop.lake, nth=nth)
    assert os.WIFSTOPPED(os.waitpid(child, os.WUNTRACED)[1]), "it ended before the signal"
    os.kill(child, number)
    os.kill(child, signal.SIGCONT)
    return heard(shop.root, child)
