"""A forgetting that is stopped, gone on with, and compared with one that nobody disturbed."""

from __future__ import annotations

import os
import pickle
import random
import signal
import time
from pathlib import Path
from typing import Any

import stedi
from behaviour.forgetting import ADAS, FEW, World, contents, counts, everything, rows, told
from faults.nursery import fork, result_of, wait
from helpers import ordered
from stedi.api import Lake
from stedi.erasure.journal import pending

ADA = "ada@test.com"


def undisturbed(root: Path) -> World:
    """A world to forget Ada in; what it is like afterwards is kept beside it."""
    world = World(root, FEW).build()
    started = time.monotonic()
    with stedi.open(world.lake) as lake:
        lake.forget([ADA])
        spent = time.monotonic() - started
        (root / "expected").write_bytes(pickle.dumps((spent, state(world, lake))))
    return world


def expected(world: World) -> tuple[float, dict[str, Any]]:
    """The seconds that it takes, and the state it ends in."""
    seconds, found = pickle.loads((world.root / "expected").read_bytes())
    return seconds, found


def state(world: World, lake: Lake) -> dict[str, Any]:
    """All that must not depend on where a forgetting was stopped."""
    kept = {"place", "step", "rows", "files", "people", "found"}
    certificates = [
        {name: value for name, value in row.items() if name in kept}
        for row in rows(lake, "erasures")
        if row["step"] == "removed" or row.update(files=None) is None
    ]
    return {
        "delivered": world.delivered(),
        "beside": sorted(path.name for path in world.landing.rglob("*")),
        "contents": contents(lake),
        "account": counts(lake),
        "certificates": ordered(certificates),
        "forgotten": sorted(row["kind"] for row in rows(lake, "forgotten")),
        "journal": sorted(path.name for path in world.lake.glob("forgetting*")),
        "told": told(everything(world.lake), ADAS),
        "refreshed": [one.account.table for one in lake.run(world.landing).refreshed],
    }


def differences(world: World, lake: Lake) -> list[str]:
    """In what a finished forgetting differs from the undisturbed one."""
    _, wanted = expected(world)
    found = state(world, lake)
    return [
        f"{name}: {found[name]} instead of {wanted[name]}"
        for name in wanted
        if found[name] != wanted[name]
    ]


def killed_forgettings(world: World, seed: int, kills: int) -> list[str]:
    """What is wrong after so many kills in a row, each at a random moment, and a last resume."""
    draw = random.Random(seed)
    seconds, _ = expected(world)
    world.restore()
    for _ in range(kills):
        victim = fork(lambda: _forget(world))
        time.sleep(draw.uniform(0.1, seconds))
        os.kill(victim, signal.SIGKILL)
        wait(victim)
    return list(result_of(lambda: _finish(world)))


def _forget(world: World) -> None:
    with stedi.open(world.lake) as lake:
        if unfinished(lake):
            lake.forget([ADA])


def unfinished(lake: Lake) -> bool:
    """Whether Ada is still to be forgotten, or the proof is missing."""
    return bool(pending(lake.home)) or not rows(lake, "erasures")


def _finish(world: World) -> list[str]:
    with stedi.open(world.lake) as lake:
        if unfinished(lake):
            lake.forget([ADA])
        return differences(world, lake)
