"""Bombs end when their limit says, and the caller, its event loop and small queries go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from sandbox.asking import Outcome, Small, ask, together
from sandbox.bombs import BOMBS, ENDLESS
from sandbox.watching import children
from stedi.engines.spec import MB, Limits
from stedi.sandbox.runner import Sandbox

SHORT = Limits(
    seconds=1.5, memory=200 * MB, address_space=1200 * MB, size=20 * MB, rows=10_000, threads=2
)
SHORTER = replace(SHORT, seconds=0.5)
LATE = 0.5  # seconds that the caller's event loop may lag
BEAT = 0.05


@dataclass
class Watch:
    """What was seen while the bombs went off: seconds of lag, bytes of address space."""

    lag: float = 0.0
    largest: int = 0
    small: list[Outcome] = field(default_factory=list)
    left: list[int] = field(default_factory=list)

    async def beat(self, box: Sandbox) -> None:
        while True:
            due = time.monotonic() + BEAT
            await asyncio.sleep(BEAT)
            self.lag = max(self.lag, time.monotonic() - due)
            self.largest = max([self.largest, *map(_peak, children(box))])

    async def ask_small(self, box: Sandbox, small: Small) -> None:
        spec = small.spec("SELECT count(*) AS n FROM machine_learning_curated")
        while True:
            self.small.append(await ask(box, spec))
            await asyncio.sleep(0.3)


def _peak(process: int) -> int:
    """The most address space that a process ever had."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmPeak:"):
                return int(line.split()[1]) << 10
    return 0


def limits(name: str) -> Limits:
    """What a bomb is given."""
    return SHORTER if name in ENDLESS else SHORT


@pytest.fixture(scope="module")
def gone_off(confined: None, small: Small) -> tuple[dict[str, Outcome], Watch]:
    """All bombs, two at a time, and what was seen meanwhile."""
    watch, found = Watch(), {}

    async def throw(box: Sandbox, bombs: Iterator[tuple[str, str]]) -> None:
        for name, sql in bombs:
            found[name] = await ask(box, small.spec(sql, limits=limits(name)))

    async def all_of_them(box: Sandbox) -> None:
        await ask(box, small.spec("SELECT 1"))
        beside = [asyncio.ensure_future(watch.beat(box))]
        beside += [asyncio.ensure_future(watch.ask_small(box, small))]
        bombs = iter(BOMBS.items())
        await asyncio.gather(throw(box, bombs), throw(box, bombs))
        for task in beside:
            task.cancel()
        await asyncio.wait(beside)
        watch.left = children(box)

    together(all_of_them, width=3)
    return found, watch


@pytest.mark.timeout(300)  # the first waits for all
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_ends(name: str, gone_off: tuple[dict[str, Outcome], Watch]):
    found = gone_off[0][name]
    assert found.seconds < limits(name).seconds + 2
    assert found.state in ("refused", "failed", "limit") or found.cut
    assert 2 < len(found.message) <= 2_000 or found.cut


def test_most_meet_a_limit(gone_off: tuple[dict[str, Outcome], Watch]):
    met = [name for name, found in gone_off[0].items() if found.state == "limit" or found.cut]
    assert len(met) >= 40
    assert len(BOMBS) >= 50
    assert set(BOMBS) >= ENDLESS


def test_the_event_loop_goes_on(gone_off: tuple[dict[str, Outcome], Watch]):
    assert gone_off[1].lag < LATE


def test_small_queries_are_answered_meanwhile(gone_off: tuple[dict[str, Outcome], Watch]):
    asked = gone_off[1].small
    assert len(asked) > 10
    assert {(found.state, found.rows[0]["n"]) for found in asked} == {("done", 810)}


def test_no_process_has_more_than_its_memory(gone_off: tuple[dict[str, Outcome], Watch]):
    assert 0 < gone_off[1].largest <= max(SHORT.address_space, 1536 * MB)


def test_no_process_is_left(gone_off: tuple[dict[str, Outcome], Watch]):
    assert gone_off[1].left == []
