"""[maintain] in stedi.toml: what is refused says what to write instead."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from stedi.errors import LakeError
from stedi.lake.policy import UpkeepPolicy, read_policy
from stedi.lake.template import template

REFUSED = {
    "no section": ("maintain = 7", "maintain is 7; make it a section"),
    "a misspelt key": ("[maintain]\nkeep_snapshot = 7", "has no 'keep_snapshot'; its keys: keep_d"),
    "a negative age": ("[maintain]\nkeep_days = -1", "keep_days is -1; write a number of days"),
    "no number of days": ("[maintain]\nkeep_days = nan", "keep_days is nan"),
    "an endless age": ("[maintain]\nkeep_days = inf", "keep_days is inf"),
    "an age in words": ('[maintain]\nkeep_days = "7"', "keep_days is '7'"),
    "a yes": ("[maintain]\nkeep_days = true", "keep_days is True"),
    "no version at all": ("[maintain]\nkeep_snapshots = 0", "keep_snapshots is 0; write a whole"),
    "half a version": ("[maintain]\nkeep_snapshots = 1.5", "keep_snapshots is 1.5"),
    "no span": ('[maintain]\nevery = "daily"', "every is 'daily'; write it like"),
    "no unit": ("[maintain]\nevery = 30", "every is 30; write it like"),
    "a span of nothing": ('[maintain]\nevery = "0 hours"', "every is '0 hours'"),
}


def written(folder: Path, section: str) -> Path:
    where = folder / "stedi.toml"
    where.write_text(template("since").partition("[maintain]")[0] + section + "\n")
    return where


@pytest.mark.parametrize(("section", "says"), REFUSED.values(), ids=REFUSED)
def test_a_policy_of_upkeep_that_cannot_be_meant(tmp_path: Path, section: str, says: str):
    where = written(tmp_path, section)
    with pytest.raises(LakeError, match=says) as caught:
        read_policy(where)
    assert str(where) in str(caught.value)


def test_a_lake_without_the_section_has_the_policy_of_a_new_one(tmp_path: Path):
    old = read_policy(written(tmp_path, "")).maintain
    (tmp_path / "stedi.toml").write_text(template("any"))
    assert read_policy(tmp_path / "stedi.toml").maintain == old == UpkeepPolicy()


@pytest.mark.parametrize(("text", "span"), [
    ("30 minutes", timedelta(minutes=30)),
    ("1 hour", timedelta(hours=1)),
    ("2days", timedelta(days=2)),
    ("never", None),
])  # fmt: skip
def test_spans_are_read(tmp_path: Path, text: str, span: timedelta | None):
    policy = read_policy(written(tmp_path, f'[maintain]\nevery = "{text}"\nkeep_days = 0.5'))
    assert policy.maintain == UpkeepPolicy(keep_days=0.5, every=span)
