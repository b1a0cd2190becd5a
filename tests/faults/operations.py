"""Runs in which one file operation fails."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path

from faults import system_faults
from faults.nursery import result_of
from faults.python_faults import PythonFaults
from faults.shop import Shop, recover, run
from stedi.errors import StediError

KINDS = (errno.ENOSPC, errno.EIO)
PYTHON, SYSTEM = "python", "system"


def operations(shop: Shop, level: str, delivery: int) -> list[str]:
    """The file operations of an undisturbed run of a delivery."""
    shop.restore(delivery)
    return list(result_of(lambda: _run_with_fault(shop, level, 0, 0)[1]))


def one_of_each_kind(done: Sequence[Sequence[str]]) -> list[list[int]]:
    """By delivery, the middle operation of each kind; a kind's deliveries take turns with others'.

    `done` are the operations of each delivery, numbered from 1.
    """
    kinds = [_by_kind(operations) for operations in done]
    chosen: list[list[int]] = [[] for _ in done]
    for turn, kind in enumerate(sorted({kind for found in kinds for kind in found})):
        able = [delivery for delivery, found in enumerate(kinds) if kind in found]
        delivery = able[turn % len(able)]
        numbers = kinds[delivery][kind]
        chosen[delivery].append(numbers[len(numbers) // 2])
    return [sorted(numbers) for numbers in chosen]


def _by_kind(done: Sequence[str]) -> dict[str, list[int]]:
    kinds: dict[str, list[int]] = {}
    for number, operation in enumerate(done, 1):
        kinds.setdefault(_kind(operation), []).append(number)
    return kinds


def _kind(operation: str) -> str:
    """The function's name; of a system call the ending of the file, or that it is a folder."""
    name, _, path = operation.partition(" ")
    ending = Path(path).suffix or ("lock" if Path(path).name == "lock" else "folder")
    return ending if name == "N" else name


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


def _run_with_fault(shop: Shop, level: str, nth: int, number: int) -> tuple[str, list[str], str]:
    """How the run ended, the operations it made, the one that failed."""
    if level == SYSTEM:
        return _run_with_system_fault(shop, nth, number)
    faults = PythonFaults(shop.lake, nth, number)
    faults.install()
    ended = _ending(shop)
    seen = list(faults.seen)
    return ended, seen, seen[nth - 1] if nth <= len(seen) else "never reached"


def _run_with_system_fault(shop: Shop, nth: int, number: int) -> tuple[str, list[str], str]:
    log = shop.root / "calls"
    log.unlink(missing_ok=True)
    system_faults.arm(shop.lake, nth, number, log)
    ended = _ending(shop)
    system_faults.disarm()
    lines = log.read_text().splitlines()
    counted = [line for line in lines if line.startswith("N ")]
    return ended, counted, "".join(line for line in lines if line.startswith("F "))


def _ending(shop: Shop) -> str:
    try:
        run(shop)
    except StediError:
        return "StediError"
    except Exception:
        return traceback.format_exc()
    return "done"
