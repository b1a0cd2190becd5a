"""[zones] in stedi.toml, and policies of lakes on S3: what is refused, and where tables lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from stedi.errors import LakeError
from stedi.lake.home import Home
from stedi.lake.policy import parse_policy
from stedi.lake.template import template
from stedi.places import S3Path

HERE = S3Path("lake", "home/stedi.toml")
BEGIN = 'format = 1\nconsent = "since"\n'
GLUE = '[catalog]\ntype = "glue"\n'
WRONG = {
    "no section": ('zones = "s3://x/y"', "make it a section"),
    "an unknown zone": ('[zones]\ngold = "s3://x/y"', "there is no zone 'gold'; there are landing"),
    "a number": ("[zones]\ncurated = 7", 'write it like "s3://bucket/folder"'),
    "a folder of a machine": ('[zones]\ncurated = "/data"', 'write it like "s3://bucket/folder"'),
    "no bucket": ('[zones]\ncurated = "s3://"', 'write it like "s3://bucket/folder"'),
    "an empty part": ('[zones]\ncurated = "s3://b//c"', 'write it like "s3://bucket/folder"'),
    "dots": ('[zones]\ncurated = "s3://b/../c"', 'write it like "s3://bucket/folder"'),
    "one folder twice": (
        '[zones]\ncurated = "s3://b/c"\ntrusted = "s3://b/c/"',
        "zones lie one in another, in s3://b/c;",
    ),
    "one in another": (
        '[zones]\ncurated = "s3://b/c/d"\ntrusted = "s3://b/c"',
        "zones lie one in another, in s3://b/c;",
    ),
    "below the lake": ('[zones]\ncurated = "s3://lake/home/c"', "lies in the lake's own folder"),
    "above the lake": ('[zones]\ncurated = "s3://lake"', "lies in the lake's own folder"),
}


@pytest.mark.parametrize(("section", "says"), WRONG.values(), ids=WRONG)
def test_zones_that_cannot_be_meant(section: str, says: str) -> None:
    text = f"{section}\n{BEGIN}{GLUE}" if section.startswith("zones") else BEGIN + GLUE + section
    with pytest.raises(LakeError, match=says) as refused:
        parse_policy(text, HERE)

    assert str(HERE) in str(refused.value)


@pytest.mark.parametrize(
    ("where", "section", "says"),
    [
        (HERE, "", 'use type = "glue" or "rest"'),
        (HERE, '[catalog]\ntype = "sqlite"\n', 'use type = "glue" or "rest"'),
        (Path("/lake/stedi.toml"), '[catalog]\nfile = "/x.db"\n', "leave out file"),
    ],
)
def test_a_sqlite_catalog_lies_where_the_lake_can_use_it(
    where: Path | S3Path, section: str, says: str
) -> None:
    with pytest.raises(LakeError, match=says):
        parse_policy(BEGIN + section, where)


def test_a_lake_on_s3_begins_with_the_glue_catalog() -> None:
    assert parse_policy(template("since", "glue"), HERE).catalog.type == "glue"


def test_tables_of_a_zone_lie_where_the_policy_says() -> None:
    policy = parse_policy(BEGIN + GLUE + '[zones]\ncurated = "s3://science/c/"', HERE)
    home = Home(HERE.parent, policy.consent, policy.memory, zones=policy.zones)

    assert home.zone("curated") == S3Path("science", "c")
    assert home.zone("trusted") == S3Path("lake", "home/warehouse/trusted")
    assert home.folders == [S3Path("lake", "home"), S3Path("science", "c")]
