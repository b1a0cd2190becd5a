"""Requests that fail when told to, and lakes to ask over them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from s3.faults import FaultyProxy
from s3.server import S3Server, client


@pytest.fixture
def proxy(s3: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    """A proxy in which requests fail when told to; the environment leads through it."""
    with FaultyProxy(s3.port) as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", between.endpoint)
        yield between


@pytest.fixture
def boto(bucket: str) -> Any:
    """A boto3 client of the bucket's owner, straight to the server."""
    return client(os.environ["AWS_ENDPOINT_URL_S3"])
