"""Buckets with what a lake is made of, and lakes that are filled once for many tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import sites
from helpers import FEEDS, deliver, record
from s3.server import S3Server
from stedi.places import S3Path


@dataclass(frozen=True)
class Site:
    """A folder of a bucket, and where on this machine the catalogs of lakes below it lie."""

    root: S3Path
    catalogs: Path

    @property
    def work(self) -> S3Path:
        """What `sites.restore` puts back."""
        return self.root / "work"

    @property
    def lake(self) -> S3Path:
        return self.work / "lake"

    @property
    def landing(self) -> S3Path:
        return self.work / "landing"


@contextmanager
def delivered(s3: S3Server, catalogs: Path) -> Iterator[Site]:
    """A new bucket with one record of each feed, in an environment with the keys of its lakes."""
    with pytest.MonkeyPatch.context() as patch:
        site = Site(S3Path(sites.new_bucket(s3, patch), "site"), catalogs)
        sites.with_keys(patch, catalogs)
        for feed in FEEDS:
            deliver(site.landing, feed, "1.json", [record(feed)])
        yield site


def filled(s3: S3Server, catalogs: Path) -> Site:
    """The same with a lake of it, one row in each table; a copy is put aside."""
    with delivered(s3, catalogs) as site:
        with sites.create(site.lake) as lake:
            lake.run(site.landing)
        sites.keep(site.root)
        return site
