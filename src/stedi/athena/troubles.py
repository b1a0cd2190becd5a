"""What boto3 raises on the way to Athena, as errors of the product."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from stedi.errors import LakeError, QueryError, StediError, UsageError
from stedi.places.aws import words

WORKGROUP_VARIABLE = "STEDI_ATHENA_WORKGROUP"

_SIGN_IN = (
    "check AWS_PROFILE or AWS_ACCESS_KEY_ID and the other ways by which boto3 finds them "
    "(`aws sso login` where you sign in)"
)
_LIBRARY = "botocore.exceptions"  # not imported here: only `places` knows AWS
_EXPIRED = ("ExpiredToken", "UnrecognizedClient", "InvalidSignature", "InvalidClientTokenId")


@contextmanager
def athena_errors(workgroup: str) -> Iterator[None]:
    """Turn what boto3 raises into errors of the product."""
    try:
        yield
    except OSError as error:
        raise LakeError(f"Athena cannot be asked: {words(error)}") from error
    except StediError:
        raise
    except Exception as error:
        told = _told(error, workgroup)
        if told is None:
            raise
        raise told from error


def _told(error: Exception, workgroup: str) -> StediError | None:
    kinds = {kind.__name__ for kind in type(error).__mro__ if kind.__module__ == _LIBRARY}
    if "ClientError" in kinds:
        answer = getattr(error, "response", {}).get("Error", {})
        return _refused(answer.get("Code", ""), words(answer.get("Message", "")), workgroup)
    if kinds & {"HTTPClientError", "ConnectionError"}:
        return LakeError(
            f"Athena cannot be reached ({words(error)}); check the network, AWS_REGION and "
            "AWS_ENDPOINT_URL_ATHENA"
        )
    return LakeError(f"Athena cannot be asked ({words(error)}); {_SIGN_IN}") if kinds else None


def _refused(code: str, text: str, workgroup: str) -> StediError:
    if code.startswith(_EXPIRED):
        return LakeError(f"AWS does not accept the credentials ({text}); {_SIGN_IN}")
    if "AccessDenied" in code or "access denied" in text.lower():
        return LakeError(
            f"AWS refuses ({text}); whoever asks needs rights on the workgroup {workgroup!r}, on "
            "the tables in Glue, and on the buckets of the tables and of the results"
        )
    if "workgroup" in text.lower() and "not found" in text.lower():
        return UsageError(
            f"there is no workgroup {workgroup!r} in this account and region; give --workgroup "
            f"or {WORKGROUP_VARIABLE}, and check AWS_REGION"
        )
    if code == "InvalidRequestException":
        return QueryError(f"Athena does not take the query ({text})")
    return LakeError(f"Athena failed ({code}: {text}); run again")
