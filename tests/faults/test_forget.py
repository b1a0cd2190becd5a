"""A forgetting stopped at any point ends, once resumed, as if nobody had disturbed it.

Every step is stopped before it and after it, one stop after the other. Alone, followed by what
goes on to the end, every other step is stopped, before it and after it by turns; STEDI_FAULTS=all
stops each both ways. A few are killed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import stedi
from behaviour.forgetting import World
from faults.forgetting import ADA, differences, killed_forgettings, undisturbed, unfinished
from faults.nursery import EVERY, Nursery
from stedi.erasure.journal import Journal, pending
from stedi.subject import certificate, forget, raw, tables

# What a forgetting calls, in order, and which call of it is stopped.
POINTS: list[tuple[Any, str, int]] = [
    (forget, "refresh_tables", 1),
    (forget, "delivered", 1),
    (Journal, "save", 1),
    (certificate, "keep_out", 1),
    (Journal, "save", 2),
    (raw, "rewrite_without", 1),
    (raw, "rewrite_without", 2),
    (raw.RawFiles, "cut", 1),
    (tables, "_clear", 1),
    (tables, "_clear", 2),
    (tables, "clear_landing", 1),
    (tables, "mend_ledger", 1),
    (forget, "refresh_tables", 1),
    (forget, "record", 1),
    (Journal, "save", 1),
    (forget, "expire_all", 1),
    (certificate, "prove", 1),
    (certificate, "publish", 1),
    (Journal, "clear", 1),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> World:
    return undisturbed(tmp_path_factory.mktemp("stopped"))


class Stopped(BaseException):
    """What no handler of the product expects."""


@contextmanager
def stopping(owner: Any, name: str, nth: int, after: bool) -> Iterator[None]:
    """Stop before or after the nth call of a function."""
    real, calls = getattr(owner, name), iter(range(1, 1000))

    def call(*args: Any, **more: Any) -> Any:
        now = next(calls) == nth
        if now and not after:
            raise Stopped(name)
        result = real(*args, **more)
        if now:
            raise Stopped(name)
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, call)
        yield


def _stopped_at(world: World, owner: Any, name: str, nth: int, after: bool) -> bool:
    """Forget, or go on with it, up to a point; whether it came to that point."""
    with stedi.open(world.lake) as lake, stopping(owner, name, nth, after):
        try:
            lake.forget([ADA])
        except Stopped:
            return True
    return False


def _finished(world: World) -> list[str]:
    with stedi.open(world.lake) as lake:
        if unfinished(lake):
            assert lake.forget([], resume=True).proved if pending(lake.home) else lake.forget([ADA])
        return differences(world, lake)


def _one_after_the_other(world: World, points: list[tuple[Any, str, int]], after: bool) -> None:
    world.restore()
    for point in points:
        assert _stopped_at(world, *point, after), point
    assert _finished(world) == []


def test_stopped_after_one_step_and_another(built: World) -> None:
    _one_after_the_other(built, POINTS[3::2], after=True)


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_stopped_at_one_step_after_the_other(built: World, after: bool) -> None:
    _one_after_the_other(built, POINTS, after)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_stopped_at_each_step(built: World, after: bool) -> None:
    for point in POINTS if EVERY else POINTS[2 * after :: 4]:
        built.restore()
        _stopped_at(built, *point, after)
        assert _finished(built) == [], point


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_killed(nursery: Nursery, tmp_path: Path) -> None:
    world = nursery.call(undisturbed, tmp_path)

    for seed in range(4 if EVERY else 2):
        assert nursery.call(killed_forgettings, world, seed, 3) == [], seed
