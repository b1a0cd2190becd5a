"""Keys that AWS Secrets Manager holds: the lake takes them by the secret's ARN."""

from __future__ import annotations

from pathlib import Path

import pytest

import stedi
from catalogs.conftest import Shared
from stedi.errors import StediError, StorageError, UsageError
from stedi.lake.keys import FORGOTTEN_VARIABLE, KEY_VARIABLE
from stedi.places.aws import client, secret

KEY = "a key that Secrets Manager holds"


@pytest.fixture(autouse=True)
def manager(glue: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator of AWS is all of AWS; no answer of an earlier test is remembered."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", glue.uri)
    secret.cache_clear()


def kept(name: str, text: str) -> str:
    """The ARN of a new secret."""
    made = client("secretsmanager").create_secret(Name=name, SecretString=text)
    return str(made["ARN"])


def test_a_lake_takes_both_keys_by_their_arns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, kept("pseudonym", KEY))
    monkeypatch.setenv(FORGOTTEN_VARIABLE, kept("forgotten", KEY[::-1]))
    with stedi.create(tmp_path / "lake") as lake:
        assert lake.home.key() == KEY.encode()
        assert lake.home.forgotten_key() == KEY[::-1].encode()
        assert not list((tmp_path / "lake").glob("*.key"))


def test_a_secret_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:nowhere-abcdef"
    monkeypatch.setenv(KEY_VARIABLE, arn)
    with pytest.raises(StorageError, match=f"{arn}: the secret cannot be read"):
        stedi.create(tmp_path / "lake").home.key()


def test_a_short_secret_is_refused_without_being_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, kept("short", "tooshort"))
    with pytest.raises(UsageError, match="has 8 characters; use 16 or more") as refused:
        stedi.create(tmp_path / "lake").home.key()

    assert "tooshort" not in str(refused.value)


def test_another_secret_than_the_lake_was_made_with_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, kept("first", KEY))
    with stedi.create(tmp_path / "lake") as lake:
        lake.home.key()
        monkeypatch.setenv(KEY_VARIABLE, kept("second", KEY.upper()))
        with pytest.raises(StediError, match="not the one this lake was made with"):
            lake.home.key()


@pytest.mark.parametrize(
    "given",
    [
        "arn:aws:ssm:eu-west-1:123456789012:parameter/pseudonym",
        " arn:aws:s3:::bucket/pseudonym.key",
        "arn:aws:secretsmanager:eu-west-1",
    ],
)
def test_another_address_is_never_taken_for_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, given)
    with pytest.raises(UsageError, match="not the ARN of a secret"):
        stedi.create(tmp_path / "lake").home.key()
