"""Delivered files that vanish, change or refuse to be read while a run is at work on them."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import stedi.engines.duckdb.engine
import stedi.landing.find
import stedi.landing.land
from faults.nursery import fork, result_of, wait
from faults.shop import Shop, recover, run
from stedi.errors import StediError

VICTIM = "accelerometer/0.json"


def disturbed(shop: Shop, delivery: int, how: Callable[[Path], None]) -> tuple[str, list[str]]:
    """What the run says when `how` disturbs a file of the delivery, and what is wrong after."""
    shop.restore(delivery)
    victim = shop.landing / VICTIM
    aside = shutil.copy2(victim, shop.root / "aside")
    message = result_of(lambda: _message(shop, lambda: how(victim)))
    shutil.copy2(aside, victim)
    return message, result_of(lambda: recover(shop, delivery))


def _message(shop: Shop, disturb: Callable[[], None]) -> str:
    disturb()
    try:
        run(shop)
    except StediError as error:
        return f"{type(error).__name__}: {error}"
    return "done"


def vanishes_once_found(victim: Path) -> None:
    after(stedi.landing.find, "find", lambda: victim.unlink(missing_ok=True))


def vanishes_once_inspected(victim: Path) -> None:
    after(stedi.engines.duckdb.engine, "inspect", lambda: victim.unlink(missing_ok=True))


def grows_once_inspected(victim: Path) -> None:
    after(stedi.engines.duckdb.engine, "inspect", lambda: _append(victim))


def cannot_be_opened(victim: Path) -> None:
    real = Path.open

    def refuse(path: Path, *how: Any, **more: Any) -> Any:
        if path == victim:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, *how, **more)

    Path.open = refuse  # type: ignore[method-assign]


def _append(victim: Path) -> None:
    with victim.open("a") as file:
        file.write("one line more\n")


def after(owner: Any, name: str, then: Callable[[], None]) -> None:
    """Do something right after each call of a function."""
    real = getattr(owner, name)

    def followed(*arguments: Any, **more: Any) -> Any:
        result = real(*arguments, **more)
        then()
        return result

    setattr(owner, name, followed)


def killed_between_its_commits(shop: Shop, delivery: int) -> list[str]:
    """What is wrong when a run dies after quarantine and ops.files, before the landing tables."""
    shop.restore(delivery)
    wait(fork(lambda: _run_up_to_the_landing_tables(shop)))
    return result_of(lambda: recover(shop, delivery))


def _run_up_to_the_landing_tables(shop: Shop) -> None:
    stedi.landing.land.Landing._commit_landing = lambda *_: os._exit(1)  # type: ignore[method-assign]
    run(shop)
