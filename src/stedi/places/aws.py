"""AWS as boto3 finds it: credentials, region and endpoints the usual ways.

Nothing of AWS is imported before something is asked of it; `import stedi` needs no boto3.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from stedi.errors import StorageError, UsageError

ATTEMPTS = 10  # of a request, with growing pauses: some 20 seconds in all
CONNECTING = 5  # seconds
READING = 60  # seconds without a byte

Environment = frozenset[tuple[str, str]]
_MISSING = frozenset({"404", "NoSuchKey", "NotFound", "NoSuchUpload", "NoSuchVersion"})
_REFUSED = frozenset(
    {
        "401",
        "403",
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationHeaderMalformed",
        "ExpiredToken",
        "ExpiredTokenException",
        "Forbidden",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_HINTS = {
    "400": "refused; check that the credentials have not expired, and AWS_REGION",
    "InvalidObjectState": "the object is archived; copy it to another storage class",
    "NotImplemented": "this storage does not do what is asked of it; use another",
    "RequestTimeTooSkewed": "the clock of this machine is wrong; set it",
}
_SIGN_IN = "check AWS_ACCESS_KEY_ID, AWS_PROFILE and the rest of the credentials, and their rights"


def client(service: str, region: str = "", hurried: bool = False) -> Any:
    """A client of a service, one a process; UsageError if boto3 is not installed.

    `hurried`: one that gives up within some seconds.
    """
    return _client(service, region, hurried, *_surroundings())


def used() -> bool:
    """Whether this process has had to do with AWS or S3."""
    return _session.cache_info().currsize > 0


def _surroundings() -> tuple[int, Environment]:
    """What a session depends on: it does not outlive a fork, nor a change of the environment."""
    return os.getpid(), frozenset((k, v) for k, v in os.environ.items() if k.startswith("AWS_"))


@lru_cache(maxsize=4)
def _session(process: int, environment: Environment) -> Any:
    try:
        import boto3
    except ImportError as error:
        raise UsageError(
            f"S3 and AWS need boto3 ({error}); pip install 'stedi-lakehouse[aws]'"
        ) from error
    with aws_errors("AWS"):
        return boto3.session.Session()


@lru_cache(maxsize=16)
def _client(
    service: str, region: str, hurried: bool, process: int, environment: Environment
) -> Any:
    from botocore.config import Config

    session = _session(process, environment)
    retries: Any = {"mode": "standard", "total_max_attempts": 2 if hurried else ATTEMPTS}
    reading = CONNECTING if hurried else READING
    settings = Config(retries=retries, connect_timeout=CONNECTING, read_timeout=reading)
    with aws_errors(service):
        found = region or session.region_name or "us-east-1"
        return session.client(service, region_name=found, config=settings)


@contextmanager
def aws_errors(where: str) -> Iterator[None]:
    """Turn what boto3 raises into an OSError: missing, refused, taken, or not to be reached."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise answered(error.response, where) from error
    except BotoCoreError as error:
        raise ConnectionError(
            f"{where}: {words(error)}; check the network, AWS_REGION, AWS_ENDPOINT_URL_S3 and "
            "the credentials, and run again"
        ) from error


def answered(response: Any, where: str) -> OSError:
    """What an answer that tells of an error is for whoever asked."""
    code = str(response.get("Error", {}).get("Code", ""))
    text = words(response.get("Error", {}).get("Message", "")) or code
    if code in _MISSING:
        return FileNotFoundError(2, "there is no such object", where)
    if code == "NoSuchBucket":
        return Unfit(f"{where}: there is no such bucket; make it, or choose another address")
    if code in ("PreconditionFailed", "412", "ConditionalRequestConflict", "OperationAborted"):
        return FileExistsError(17, "written by somebody else meanwhile; run again", where)
    if code in _REFUSED:
        return PermissionError(f"{where}: access denied ({code}: {text}); {_SIGN_IN}")
    if code in ("301", "PermanentRedirect"):
        return Unfit(f"{where}: the bucket is in another region; set AWS_REGION to it")
    if code in _HINTS:
        return Unfit(f"{where}: {_HINTS[code]} ({code}: {text})")
    return ConnectionError(f"{where}: the storage failed ({code}: {text}); run again")


class Unfit(OSError):
    """An address that cannot be used as it stands; trying again helps nothing."""


def words(error: object) -> str:
    """What an error says, on one line."""
    return " ".join(str(error).split()).rstrip(".")


def is_address(text: str) -> bool:
    """Whether a text is an address (ARN) of AWS, and not a secret itself."""
    return text.strip().startswith("arn:")


@lru_cache(maxsize=8)
def secret(arn: str) -> str:
    """A secret kept by AWS Secrets Manager, read once.

    UsageError for another address, StorageError if the secret cannot be had.
    """
    if arn.split(":")[2:3] != ["secretsmanager"] or arn.count(":") < 6:
        raise UsageError(
            f"{arn}: not the ARN of a secret, such as "
            "arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME"
        )
    try:
        with aws_errors(arn):
            found = client("secretsmanager", arn.split(":")[3]).get_secret_value(SecretId=arn)
        return str(found["SecretString"])
    except (OSError, KeyError) as error:
        raise StorageError(f"{arn}: the secret cannot be read ({error})") from error
