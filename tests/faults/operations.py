"""Runs in which one file operation fails."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Iterable

from faults import system_faults
from faults.nursery import result_of
from faults.python_faults import PythonFaults
from faults.shop import Shop, recover, run
from stedi.errors import StediError

KINDS = (errno.ENOSPC, errno.EIO)
PYTHON, SYSTEM = "python", "system"


def operations(shop: Shop, level: str, delivery: int) -> int:
    """How many file operations an undisturbed run of a delivery makes."""
    shop.restore(delivery)
    return int(result_of(lambda: _run_with_fault(shop, level, 0, 0)[1]))


def failed_operations(shop: Shop, level: str, delivery: int, chosen: Iterable[int]) -> list[str]:
    """What is wrong when the chosen operations fail, one run each."""
    return [w for nth in chosen for w in failed_operation(shop, level, delivery, nth)]


def failed_operation(shop: Shop, level: str, delivery: int, nth: int) -> list[str]:
    """What is wrong when the nth operation of a run fails."""
    shop.restore(delivery)
    number = KINDS[nth % len(KINDS)]
    ended, _, where = result_of(lambda: _run_with_fault(shop, level, nth, number))
    wrong = [] if ended in ("done", "StediError") else [f"ended in {ended}"]
    wrong += result_of(lambda: recover(shop, delivery, ended == "done"))
    return [f"{errno.errorcode[number]} at operation {nth}, {where}: {w}" for w in wrong]


def _run_with_fault(shop: Shop, level: str, nth: int, number: int) -> tuple[str, int, str]:
    """How the run ended, the operations it made, the one that failed."""
    if level == PYTHON:
        faults = PythonFaults(shop.lake, nth, number)
        faults.install()
        ended = _ending(shop)
        where = list(faults.seen)[nth - 1] if nth <= len(faults.seen) else "never reached"
        return ended, len(faults.seen), where
    log = shop.root / "calls"
    log.unlink(missing_ok=True)
    system_faults.arm(shop.lake, nth, number, log)
    ended = _ending(shop)
    count = system_faults.counted()
    system_faults.disarm()
    failed = [line for line in log.read_text().splitlines() if line.startswith("F ")]
    return ended, count, "".join(failed)


def _ending(shop: Shop) -> str:
    try:
        run(shop)
    except StediError:
        return "StediError"
    except Exception:
        return traceback.format_exc()
    return "done"
