"""Two processes at one lake."""

from __future__ import annotations

import os

import stedi.landing.find
from faults.deliveries import after
from faults.nursery import fork, result_of, wait
from faults.shop import Shop, opened, recover, run, survey
from stedi.api import open_lake
from stedi.engines.duckdb import user
from stedi.errors import LakeBusyError


class Holder:
    """A run that stops in the middle of its work until it is told to go on."""

    def __init__(self, shop: Shop) -> None:
        self._here, there = os.pipe()
        released, self._release = os.pipe()
        self.process = fork(lambda: _run_held(shop, there, released))
        os.close(there)
        os.read(self._here, 1)

    def release(self) -> None:
        os.write(self._release, b"!")

    def finish(self) -> int:
        self.release()
        return wait(self.process)


def _run_held(shop: Shop, here: int, released: int) -> None:
    def hold() -> None:
        os.write(here, b"!")
        os.read(released, 1)

    after(stedi.landing.find, "find", hold)
    run(shop)


def second_run(shop: Shop, delivery: int) -> list[str]:
    """What is wrong when a second run comes while the first is at work."""
    shop.restore(delivery)
    first = Holder(shop)
    message = result_of(lambda: _busy(shop))
    wrong = [] if f"process {first.process}" in message else [f"it said: {message}"]
    wrong += result_of(lambda: survey(shop, delivery))
    wrong += [] if first.finish() == 0 else ["the first run failed"]
    return wrong + result_of(lambda: recover(shop, delivery, acknowledged=True))


def _busy(shop: Shop) -> str:
    try:
        run(shop)
    except LakeBusyError as error:
        return str(error)
    return "nothing"


def waiting_run(shop: Shop, delivery: int) -> list[str]:
    """What is wrong when a second run waits for the first."""
    shop.restore(delivery)
    first = Holder(shop)
    second = fork(lambda: opened(shop.lake).run(shop.landing, wait=60))
    codes = [first.finish(), wait(second)]
    wrong = [] if codes == [0, 0] else [f"the runs ended with {codes}"]
    return wrong + result_of(lambda: recover(shop, delivery, acknowledged=True))


def reader_across_a_run(shop: Shop, delivery: int) -> list[str]:
    """What is wrong with tables whose reading began before a run and ended after it.

    Rows that nobody has begun to read are those of the version there is when somebody does.
    """
    shop.restore(delivery)
    return list(result_of(lambda: _read_across(shop, delivery)))


def _read_across(shop: Shop, delivery: int) -> list[str]:
    user.BATCH_ROWS = 2048
    names = ("accelerometer_trusted", "machine_learning_curated", "accelerometer_landing")
    with open_lake(shop.lake) as lake:
        started = {name: lake.table(name).batches() for name in names}
        lazy = {name: lake.table(name) for name in names}
        wait(fork(lambda: run(shop)))
        seen = {name: sum(map(len, batches)) for name, batches in started.items()}
        late = {name: len(rows.to_arrow()) for name, rows in lazy.items()}
    before, after = (
        {name: len(shop.contents(number)[name]) for name in names}
        for number in (delivery - 1, delivery)
    )
    pairs = ((seen, before), (late, after))
    return [f"{found} instead of {due}" for found, due in pairs if found != due]


def readers_during_a_run(shop: Shop, delivery: int) -> list[str]:
    """What is wrong in what readers see, looking again and again while a run publishes."""
    shop.restore(delivery)
    worker = fork(lambda: run(shop))
    wrong: list[str] = []
    while os.waitpid(worker, os.WNOHANG) == (0, 0):
        wrong += result_of(lambda: survey(shop, delivery))
    return wrong + result_of(lambda: recover(shop, delivery, acknowledged=True))
