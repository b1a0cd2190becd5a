"""One block of work: a day of some people, from their walks to two files a feed and its truth."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from stedi.simulate import feeds, malformed, recording, rows, rules
from stedi.simulate.choices import Choices
from stedi.simulate.people import Person
from stedi.simulate.plan import Block, Recordings
from stedi.simulate.recording import Recording
from stedi.simulate.rules import Account


@dataclass
class Written:
    """What was written of one feed: files, bytes, lines delivered and planted by reason."""

    files: int = 0
    bytes: int = 0
    lines: int = 0
    planted: Counter[str] = field(default_factory=Counter)

    def add(self, other: Written) -> None:
        """Take up the figures of another file."""
        self.files += other.files
        self.bytes += other.bytes
        self.lines += other.lines
        self.planted.update(other.planted)


@dataclass
class Done:
    """The result of a block: what was written by feed, accounts and rows by policy and table."""

    readings: int
    written: dict[str, Written]
    accounts: dict[tuple[str, str], Account]
    steps: pa.Table
    rows: dict[tuple[str, str], pa.Table]


def run(
    choices: Choices, plan: Recordings, people: list[Person], block: Block, *, keep_rows: bool
) -> Done:
    """Make the recordings of a block and write their lines."""
    made = [
        recording.make(choices, plan, at, people[int(plan.person[at])])
        for at in range(block.start, block.stop)
        if plan.lines[at]
    ]
    return Done(
        readings=block.lines,
        written=_write(choices, block, made),
        accounts=_accounts(made),
        steps=rows.steps(made),
        rows=_rows(made) if keep_rows else {},
    )


def _accounts(made: list[Recording]) -> dict[tuple[str, str], Account]:
    accounts = {(policy, table): Account() for policy in rules.POLICIES for table in rules.ACCOUNTS}
    for (policy, table), account in accounts.items():
        for one in made:
            account.add(rules.ACCOUNTS[table](one, policy))
    return accounts


def _rows(made: list[Recording]) -> dict[tuple[str, str], pa.Table]:
    return {
        (policy, table): found
        for policy in rules.POLICIES
        for table, found in rows.tables(made, policy).items()
    }


def _write(choices: Choices, block: Block, made: list[Recording]) -> dict[str, Written]:
    written = {}
    for name, add in (
        ("accelerometer", feeds.accelerometer),
        ("step_trainer", feeds.step_trainer),
    ):
        feed = feeds.Feed()
        for one in made:
            add(one, feed)
        written[name] = _feed(choices, block, name, feed)
    return written


def _feed(choices: Choices, block: Block, name: str, feed: feeds.Feed) -> Written:
    """Write the day's file, and the one that brings the late and repeated lines a day later."""
    day = choices.start + timedelta(days=block.day)
    prompt = choices.out / name / f"{day}-{block.number:05}.json"
    later = choices.out / name / f"{day + timedelta(days=1)}-{block.number:05}-late.json"
    squeeze = choices.compress and block.number % 2 == 0
    written = Written()
    for number, (path, lines) in enumerate([(prompt, feed.prompt), (later, feed.later)]):
        rng = malformed.noise(choices.seed, name, 2 * block.number + number)
        written.add(write(path, lines, name, choices.dirty, rng, squeeze=squeeze))
    return written


def write(
    path: Path,
    lines: feeds.Lines,
    feed: str,
    dirty: float,
    rng: np.random.Generator,
    *,
    squeeze: bool = False,
) -> Written:
    """Write the lines of one file and the malformed ones among them; nothing when it is empty."""
    if not lines.count:
        return Written()
    pieces: Sequence[bytes | memoryview] = lines.parts
    planted: Counter[str] = Counter()
    if dirty:
        pieces, planted = malformed.spliced(b"".join(lines.parts), feed, dirty, rng)
    if squeeze:
        path = path.with_name(path.name + ".gz")
        pieces = [gzip.compress(b"".join(pieces), 1, mtime=0)]
    with path.open("wb") as file:
        file.writelines(pieces)
    return Written(1, path.stat().st_size, lines.count + sum(planted.values()), planted)
