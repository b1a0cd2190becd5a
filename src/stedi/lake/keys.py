"""The lake's two secrets: the key of pseudonyms, and that of the fingerprints of the forgotten.

They come from the environment (STEDI_PSEUDONYM_KEY, STEDI_FORGOTTEN_KEY: a key, or the ARN of a
secret in AWS Secrets Manager), or lie in files of mode 0600 outside the warehouse. Beside data on
S3 no key lies.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from stedi.errors import LakeError, UsageError, storage_error
from stedi.lake.durable import write_durably
from stedi.places import Place, S3Path
from stedi.places.aws import is_address, secret

KEY_VARIABLE = "STEDI_PSEUDONYM_KEY"
FORGOTTEN_VARIABLE = "STEDI_FORGOTTEN_KEY"
SHORTEST_KEY = 16


def pseudonym_key(root: Place, writable: bool) -> bytes:
    """The pseudonym key: the environment's STEDI_PSEUDONYM_KEY, else the lake's file."""
    key = _key(root)
    check = hmac.new(key, b"the key of this lake", hashlib.sha256).hexdigest()
    where = root / "key.check"
    try:
        there = where.exists()
        if not there and writable:
            write_durably(where, check + "\n")
        known = where.read_text("utf-8").strip() if there else check
    except OSError as error:
        raise storage_error(error, str(where)) from error
    if known != check:
        raise LakeError(
            f"{where}: the pseudonym key is not the one this lake was made with; restore it "
            f"({KEY_VARIABLE} or pseudonym.key), or delete this file to change every "
            "subject_id on purpose"
        )
    return key


def _key(root: Place) -> bytes:
    given = given_key(KEY_VARIABLE)
    if given is not None:
        return given
    where = _beside(root, "pseudonym.key", KEY_VARIABLE)
    try:
        key = where.read_bytes().strip()
    except OSError as error:
        raise LakeError(_no_key(where, error.strerror or str(error))) from error
    if len(key) < SHORTEST_KEY:
        raise LakeError(_no_key(where, f"it has only {len(key)} characters"))
    return key


def forgotten_key(root: Place, make: bool = False) -> bytes:
    """The key of the fingerprints in ops.forgotten; `make` it if there is none.

    It is another than the pseudonym key, which may be changed: people stay forgotten.
    """
    given = given_key(FORGOTTEN_VARIABLE)
    if given is not None:
        return given
    where = _beside(root, "forgotten.key", FORGOTTEN_VARIABLE)
    try:
        if make and not where.exists():
            write_durably(where, secrets.token_hex(32) + "\n", 0o600)
        return where.read_bytes().strip()
    except FileNotFoundError:
        raise LakeError(
            f"{where}: not there, so nobody could tell who was forgotten; restore it from a "
            "backup, nothing is landed until then"
        ) from None
    except OSError as error:
        raise storage_error(error, str(where)) from error


def _beside(root: Place, name: str, variable: str) -> Path:
    """The file of a key in the lake's folder; LakeError where the variable has to hold it."""
    where = root / name
    if isinstance(where, S3Path):
        raise LakeError(no_key_beside(root, variable))
    return where


def given_key(variable: str) -> bytes | None:
    """The key that a variable holds, or the secret whose ARN it holds; None if it is not set."""
    given = os.environ.get(variable)
    if given is None:
        return None
    key = secret(given.strip()).strip() if is_address(given) else given
    if len(key) < SHORTEST_KEY:
        raise UsageError(f"{variable} has {len(key)} characters; use {SHORTEST_KEY} or more")
    return key.encode("utf-8", "surrogateescape")


def no_key_beside(root: Place, variable: str) -> str:
    return (
        f"{root}: a key does not lie beside the data on S3; set {variable} to the key, or to the "
        "ARN of a secret in AWS Secrets Manager that holds it"
    )


def _no_key(where: Path, why: str) -> str:
    return (
        f"{where}: the lake's secret key cannot be read ({why}); restore it from a backup or "
        f"set {KEY_VARIABLE}, or every subject_id would change"
    )


def hmac_pads(key: bytes) -> dict[str, str]:
    """The two keyed pads of HMAC-SHA256 (RFC 2104) as hexadecimal query parameters."""
    block = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    return {
        "inner_pad": bytes(byte ^ 0x36 for byte in block).hex(),
        "outer_pad": bytes(byte ^ 0x5C for byte in block).hex(),
    }
