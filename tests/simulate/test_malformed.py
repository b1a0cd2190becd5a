"""Every damage done to a line is one that a strict reader refuses."""

from __future__ import annotations

import numpy as np
import pytest

from simulate.oracle import FIELDS, parse, raw_lines
from stedi.simulate import malformed, simulate

CASES = [(feed, reason) for feed in FIELDS for reason in malformed.reasons_of(feed)]


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A well-formed line of each feed."""
    out = simulate(tmp_path_factory.mktemp("feeds"), readings=400).out
    return {feed: raw_lines(out, feed)[0] for feed in FIELDS}


@pytest.mark.parametrize(("feed", "reason"), CASES)
def test_no_damaged_line_is_well_formed(lines: dict[str, bytes], feed: str, reason: str) -> None:
    rng = np.random.default_rng(5)
    assert parse(feed, lines[feed]) is not None
    damaged = [malformed.damaged(lines[feed], feed, reason, rng) for _ in range(40)]
    assert [line for line in damaged if parse(feed, line) is not None or b"\n" in line] == []


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5])
def test_good_lines_are_all_kept_in_order(share: float) -> None:
    good = [b'{"sensorReadingTime":%d,"serialNumber":"a","distanceFromObject":250}\n' % at
            for at in range(1_700_000_000_000, 1_700_000_002_000)]  # fmt: skip
    pieces, planted = malformed.spliced(
        b"".join(good), "step_trainer", share, np.random.default_rng(1)
    )
    found = b"".join(pieces).splitlines(keepends=True)
    assert [line for line in found if parse("step_trainer", line.rstrip(b"\n"))] == good
    assert sum(planted.values()) == len(found) - len(good)
    assert sum(planted.values()) / len(found) == pytest.approx(share, abs=0.001)


def test_without_dirt_nothing_is_spliced() -> None:
    pieces, planted = malformed.spliced(b"{}\n", "customer", 0.0, np.random.default_rng(1))
    assert (pieces, planted) == ([b"{}\n"], {})
