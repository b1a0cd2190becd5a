"""Requests that fail when told to, and lakes to ask over them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

import sites
from s3 import lakes
from s3.faults import FaultyProxy
from s3.server import S3Server, client
from stedi.places import aws


@pytest.fixture(scope="session")
def filled(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> lakes.Site:
    """A lake with one row in each table for all tests of this process; `site` hands it out."""
    return lakes.filled(s3, tmp_path_factory.mktemp("catalogs"))


@pytest.fixture
def site(filled: lakes.Site, bucket: str, monkeypatch: pytest.MonkeyPatch) -> lakes.Site:
    """That lake and its landing folder as they were, in the environment of their owner."""
    sites.with_keys(monkeypatch, filled.catalogs)
    sites.restore(filled.root)
    return filled


@pytest.fixture(scope="session")
def door(s3: S3Server) -> Iterator[FaultyProxy]:
    """A proxy before the server, at one address for all tests: the product keeps its clients."""
    with FaultyProxy(s3.port) as between:
        yield between


@pytest.fixture
def proxy(
    door: FaultyProxy, bucket: str, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> FaultyProxy:
    """A proxy in which requests fail when told to; the environment leads through it."""
    return door.lead(monkeypatch)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 tries again without long pauses."""
    quick = "botocore.retries.standard.ExponentialBackoff.delay_amount"
    monkeypatch.setattr(quick, lambda self, context: 0.02)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A request is tried twice."""
    monkeypatch.setattr(aws, "ATTEMPTS", 2)
    aws._client.cache_clear()
    yield
    aws._client.cache_clear()


@pytest.fixture
def boto(bucket: str) -> Any:
    """A boto3 client of the bucket's owner, straight to the server."""
    return client(os.environ["AWS_ENDPOINT_URL_S3"])
