"""No attempt gives a row, each is answered in words, and the lake's files stay as they are."""

from __future__ import annotations

import re

import pytest

from sandbox.asking import Outcome, Shared, Small
from sandbox.attempts import ATTEMPTS

ALL = [
    (group, says, sql)
    for group, parts in ATTEMPTS.items()
    for says, attempts in parts
    for sql in attempts
]
IDS = [f"{group}: {sql[:70]!r}" for group, _, sql in ALL]
ADDRESS = re.compile(r"[^\s\"'@]+@[^\s\"'@]+\.[a-z]+")


@pytest.fixture(scope="module")
def outcomes(shared: Shared, small: Small) -> list[Outcome]:
    """What became of each attempt; the lake's bytes are compared."""
    before = small.digest()
    found = shared.ask_all([small.spec(sql.format(**small.places)) for _, _, sql in ALL])
    assert small.digest() == before
    return found


@pytest.mark.timeout(300)  # the first waits for all
@pytest.mark.parametrize("number", range(len(ALL)), ids=IDS)
def test_attempt(number: int, outcomes: list[Outcome], small: Small):
    _, says, _sql = ALL[number]
    found = outcomes[number]
    assert found.state in ("refused", "failed", "limit"), found.rows
    assert says in found.message
    assert len(found.message.strip()) >= 2
    assert not ADDRESS.search(found.message)
    assert str(small.folder) not in found.message
    assert len(found.message) <= 2_000


def test_there_are_many():
    assert len(ALL) == len(set(ALL)) > 200


def test_hundreds_of_refused_queries_leave_nothing_open(shared: Shared, outcomes: list[Outcome]):
    assert len(outcomes) > 200
    assert shared.left == []
