"""Making a lake: nothing but its folder, its policy and its key."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from stedi.errors import LakeBusyError, LakeError, UsageError, storage_error
from stedi.lake.durable import sync_path, write_durably
from stedi.lake.home import CONSENT, Home, open_home
from stedi.lake.keys import KEY_VARIABLE, given_key, no_key_beside
from stedi.lake.policy import ODD, POLICIES, parse_policy
from stedi.lake.template import template
from stedi.places import Place, S3Path

_MAKER = "stedi-maker"  # beside the policy of a lake on S3: which making put it there


def create(root: Place, consent: str | None = None, policy: str | None = None) -> Home:
    """Make an empty lake; UsageError if something else is there.

    `policy` is the text of its stedi.toml, unless that of every new lake will do; `consent`
    changes what it says, or is `since`.
    """
    if consent not in (None, *POLICIES):
        raise UsageError(f"consent is {consent!r}; use one of {', '.join(POLICIES)}")
    root = root.resolve()
    if odd := set(str(root)) & set(ODD):
        raise UsageError(
            f"{root}: a lake's path may not hold {' '.join(sorted(odd))}; choose another --lake"
        )
    text = _beginning(root, consent, policy)
    if isinstance(root, S3Path):
        _put(root, text)
    else:
        _make(root, text)
    return open_home(root)


def _beginning(root: Place, consent: str | None, policy: str | None) -> str:
    if policy is None:
        text = template(consent or "since", "glue" if isinstance(root, S3Path) else "")
    else:
        text = CONSENT.sub(f'consent = "{consent}"', policy) if consent else policy
    parse_policy(text, root / "stedi.toml")
    return text


def _put(root: S3Path, text: str) -> None:
    """Make a lake on S3; LakeError where two could make the same, or hold it at once."""
    given_key(KEY_VARIABLE)
    if KEY_VARIABLE not in os.environ:
        raise UsageError(no_key_beside(root, KEY_VARIABLE))
    where = root / "stedi.toml"
    try:
        if any(path != where for path, _ in root.below(2)):
            raise UsageError(f"{root}: not empty and not a lake; choose another --lake")
        _put_first(where, text.encode())
        _need_conditions(where, text.encode())
    except FileExistsError:
        raise LakeBusyError(f"{root}: somebody else made this lake just now; run again") from None
    except OSError as error:
        raise storage_error(error, str(root)) from error


def _put_first(where: S3Path, text: bytes) -> None:
    """Put an object where there is none; FileExistsError if somebody else was faster.

    Where the answer of a request that was done is lost, it is made again and refused: what lies
    there then says that it is of this making.
    """
    maker = secrets.token_hex(16)
    try:
        where.write_bytes(text, IfNoneMatch="*", Metadata={_MAKER: maker})
    except FileExistsError:
        if _maker(where) != maker:
            raise


def _maker(where: S3Path) -> str:
    try:
        return str(where.head()["Metadata"].get(_MAKER, ""))
    except FileNotFoundError:
        return ""


def _need_conditions(where: S3Path, text: bytes) -> None:
    """LakeError, and the object is gone, where two conditions that do not hold are not kept."""
    for condition in ({"IfNoneMatch": "*"}, {"IfMatch": '"0"'}):
        with suppress(FileExistsError):
            where.write_bytes(text, **condition)
            where.unlink()
            raise LakeError(
                f"{where.parent}: this storage does not keep conditions of writing "
                "(If-None-Match, If-Match), so two runs could not be kept apart; use one that "
                "does, as AWS S3 does"
            )


def _make(root: Path, text: str) -> None:
    if root.exists() and (not root.is_dir() or _foreign(root)):
        raise UsageError(f"{root}: not empty and not a lake; choose another --lake")
    try:
        (root / "warehouse").mkdir(parents=True, exist_ok=True)
        sync_path(root.parent)
        if KEY_VARIABLE not in os.environ and not (root / "pseudonym.key").exists():
            write_durably(root / "pseudonym.key", secrets.token_hex(32) + "\n", 0o600)
        (root / "readers").touch()
        write_durably(root / "stedi.toml", text)
    except OSError as error:
        raise storage_error(error, str(root)) from error


def _foreign(root: Path) -> bool:
    ours = {"warehouse", "pseudonym.key", "pseudonym.key.new", "readers", "stedi.toml.new", "lock"}
    return any(entry.name not in ours for entry in root.iterdir())
