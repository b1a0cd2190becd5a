"""A lake on S3 as on AWS: the Glue Data Catalog, and each zone in a bucket of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sites
import stedi
from catalogs.servers import glue_catalog
from helpers import FEEDS, deliver, record, rows_of
from stedi.contract import ZONES
from stedi.places import S3Path


@pytest.fixture
def policy(tmp_path: Path, bucket: str, boto: Any) -> Iterator[Path]:
    """The stedi.toml of such a lake; its catalog runs as long as the test."""
    zones = {zone: f"{bucket}-{zone}" for zone in ZONES}
    for name in zones.values():
        boto.create_bucket(Bucket=name)
    places = "".join(f'{zone} = "s3://{name}/tables"\n' for zone, name in zones.items())
    with glue_catalog(tmp_path) as uri:
        file = tmp_path / "begin.toml"
        file.write_text(
            'format = 1\nconsent = "since"\n\n[catalog]\ntype = "glue"\nprefix = "stedi_"\n'
            f'uri = "{uri}"\n\n[zones]\n{places}'
        )
        yield file


def test_a_lake_lives_in_the_buckets_of_its_zones(
    bucket: str, policy: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sites.with_keys(monkeypatch, tmp_path)
    landing = S3Path(bucket, "landing")
    for feed in FEEDS:
        deliver(landing, feed, "1.json", [record(feed)])
    with stedi.create(f"s3://{bucket}/lake", policy=policy) as lake:
        lake.run(landing)
        assert len(rows_of(lake, "machine_learning_curated")) == 1
        assert all(result.passed for result in lake.check() if result.severity == "fail")
        for zone in ZONES:
            assert S3Path(f"{bucket}-{zone}", "tables").is_dir()
        assert not S3Path(bucket, "lake/warehouse").exists()
        lake.maintain()
        forgotten = lake.forget(["ada@test.com"])
        assert forgotten.proof.findings == []
        assert rows_of(lake, "machine_learning_curated") == []
    for zone in ZONES:
        for path, _ in S3Path(f"{bucket}-{zone}").below():
            assert b"ada@test.com" not in path.read_bytes()
    with stedi.open(f"s3://{bucket}/lake") as again:
        assert not again.run(landing).changed
