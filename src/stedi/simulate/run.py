"""The course of a simulation: plan, customers, blocks of readings, truth."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from stedi.simulate import block, customers, feeds, malformed, people, plan, rules, truth
from stedi.simulate.block import Done, Written
from stedi.simulate.choices import TRUTH_ROWS_UP_TO, Choices, Progress, Simulated, check_space
from stedi.simulate.customers import Line
from stedi.simulate.people import Person
from stedi.simulate.rules import Account

READING_FEEDS = ("accelerometer", "step_trainer")


def run(choices: Choices, progress: Progress | None) -> Simulated:
    """Simulate what was chosen; the choices have been checked."""
    begun = time.monotonic()
    count = plan.people_of(choices)
    recordings = plan.recordings(choices, count)
    _prepare(choices, recordings.readings)
    persons = people.draw(choices, count, recordings)
    delivered = customers.lines(choices, persons)
    written = {"customer": _write_customers(choices, delivered)}
    written |= {feed: Written() for feed in READING_FEEDS}
    accounts = _customer_accounts(persons, delivered)
    steps = _readings(choices, recordings, persons, written, accounts, progress)
    truth.write_people(choices, persons, choices.out / "truth")
    truth.write_expected(choices, accounts, written, choices.out / "truth")
    return _simulated(choices, count, written, steps, time.monotonic() - begun)


def _prepare(choices: Choices, readings: int) -> None:
    for folder in ("customer", *READING_FEEDS, "truth"):
        (choices.out / folder).mkdir(parents=True, exist_ok=True)
    check_space(choices.out, readings)


def _write_customers(choices: Choices, delivered: list[Line]) -> Written:
    written = Written()
    for number, (name, lines) in enumerate(customers.files(delivered).items()):
        text = feeds.Lines(["".join(line.text for line in lines).encode()], len(lines))
        rng = malformed.noise(choices.seed, "customer", number)
        path = choices.out / "customer" / name
        written.add(block.write(path, text, "customer", choices.dirty, rng))
    return written


def _customer_accounts(
    persons: list[Person], delivered: list[Line]
) -> dict[tuple[str, str], Account]:
    accounts = {(policy, table): Account() for policy in rules.POLICIES for table in rules.REASONS}
    for policy in rules.POLICIES:
        accounts[policy, "customer_trusted"] = customers.trusted(delivered)
        accounts[policy, "customers_curated"] = customers.curated(persons, policy)
    return accounts


def _readings(
    choices: Choices,
    recordings: plan.Recordings,
    persons: list[Person],
    written: dict[str, Written],
    accounts: dict[tuple[str, str], Account],
    progress: Progress | None,
) -> int:
    """Run the blocks, add up what they wrote and found; returns the number of true steps."""
    total, readings = recordings.readings, 0
    keep_rows = _keeps_rows(choices, total)
    with truth.Writer(choices.out / "truth", keep_rows=keep_rows) as writer:
        for done in _blocks(choices, recordings, persons, keep_rows=keep_rows):
            for feed, one in done.written.items():
                written[feed].add(one)
            for key, account in done.accounts.items():
                accounts[key].add(account)
            writer.add(done)
            readings += done.readings
            if progress:
                progress(readings, total)
    if keep_rows:
        truth.write_customers(persons, choices.out / "truth")
    return writer.steps


def _keeps_rows(choices: Choices, readings: int) -> bool:
    if choices.truth_rows is None:
        return readings <= TRUTH_ROWS_UP_TO
    return choices.truth_rows


def _blocks(
    choices: Choices, recordings: plan.Recordings, persons: list[Person], *, keep_rows: bool
) -> Iterator[Done]:
    """The blocks' results in order, a few made ahead, whatever their number."""
    waiting: deque[Future[Done]] = deque()
    with ThreadPoolExecutor(choices.workers) as pool:
        for work in plan.blocks(recordings):
            waiting.append(
                pool.submit(block.run, choices, recordings, persons, work, keep_rows=keep_rows)
            )
            if len(waiting) > 2 * choices.workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _simulated(
    choices: Choices, count: int, written: dict[str, Written], steps: int, seconds: float
) -> Simulated:
    landed = {feed: one.lines - sum(one.planted.values()) for feed, one in written.items()}
    return Simulated(
        out=choices.out,
        truth=choices.out / "truth",
        people=count,
        days=choices.days,
        customer_records=landed["customer"],
        accelerometer_readings=landed["accelerometer"],
        step_trainer_readings=landed["step_trainer"],
        malformed=sum(sum(one.planted.values()) for one in written.values()),
        steps=steps,
        files=sum(one.files for one in written.values()),
        bytes=sum(one.bytes for one in written.values()),
        seconds=seconds,
    )
