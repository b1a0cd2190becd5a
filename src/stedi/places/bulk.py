"""Reading and writing large objects: Arrow's S3 client with the credentials that boto3 found.

Arrow and boto3 would look for credentials each in its own way; here boto3 alone looks, and renews
what expires. Every file is opened with what is valid then.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stedi.places.aws import ATTEMPTS, CONNECTING, READING, aws_errors, client

if TYPE_CHECKING:
    from pyarrow.fs import S3FileSystem

    from stedi.places.s3 import S3Path


def filesystem() -> S3FileSystem:
    """Arrow's file system for S3; PermissionError if no credentials are to be had."""
    s3 = client("s3")
    with aws_errors("s3"):
        found = s3._request_signer._credentials
        if found is None:
            raise PermissionError(
                "s3: no credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
                "or AWS_PROFILE"
            )
        keys = found.get_frozen_credentials()
    return _filesystem(*keys[:3], s3.meta.region_name, s3.meta.endpoint_url)


@lru_cache(maxsize=2)
def _filesystem(
    access_key: str, secret_key: str, token: str | None, region: str, endpoint: str
) -> S3FileSystem:
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem

    parts = urlsplit(endpoint)
    own = not (parts.hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn"))
    elsewhere = {"endpoint_override": parts.netloc, "scheme": parts.scheme} if own else {}
    return S3FileSystem(
        access_key=access_key,
        secret_key=secret_key,
        session_token=token,
        region=region,
        request_timeout=READING,
        connect_timeout=CONNECTING,
        retry_strategy=AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
        **elsewhere,
    )


def open_input(path: S3Path) -> Any:
    """An object to be read from anywhere."""
    return filesystem().open_input_file(f"{path.bucket}/{path.key}")


def open_output(path: S3Path) -> Any:
    """An object to be written from its start; there once closed."""
    return filesystem().open_output_stream(f"{path.bucket}/{path.key}", compression=None)
