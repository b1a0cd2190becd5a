"""A bucket for every test that asks for one, and requests that fail when told to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from s3.faults import FaultyProxy
from s3.server import OWNER, REGION, S3Server, client, need_server

_numbers = count()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server for all tests of this process; who kills it must start it again."""
    need_server()
    server = S3Server(tmp_path_factory.mktemp("s3"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that AWS's clients would find in the environment; no proxy before 127.0.0.1."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "STEDI_")) or "PROXY" in name.upper():
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def bucket(s3: S3Server, surroundings: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new bucket, in an environment in which its owner finds it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", OWNER[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", OWNER[1])
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.endpoint)
    name = f"bucket-{os.getpid()}-{next(_numbers)}"
    client(s3.endpoint).create_bucket(Bucket=name)
    return name


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
