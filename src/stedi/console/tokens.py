"""Who may sign in: the tokens of a lake, kept by hash in <lake>/tokens.json.

A token is 256 random bits, so a plain SHA-256 of it says nothing to whoever reads the file. It is
shown once, when it is made.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stedi.contract.roles import find_role, load_roles
from stedi.errors import LakeError, UsageError, storage_error
from stedi.lake.durable import write_durably
from stedi.lake.home import Home

LONGEST_DAYS = 3650


@dataclass(frozen=True)
class Token:
    """One token as it is kept; `name` says whose it is, times are ISO 8601 in UTC."""

    id: str
    role: str
    name: str
    hash: str
    made: str
    expires: str

    @property
    def valid(self) -> bool:
        """Whether it may still be used."""
        alive = datetime.now(UTC) < datetime.fromisoformat(self.expires)
        return alive and self.role in load_roles()


class Tokens:
    """The tokens of one lake; read anew whenever the file changed."""

    def __init__(self, home: Home) -> None:
        self._root = home.folder
        self._seen: tuple[int, int, int] | None = None
        self._tokens: dict[str, Token] = {}

    @property
    def path(self) -> Path:
        """The file that holds them."""
        return self._root / "tokens.json"

    def all(self) -> list[Token]:
        """Every token, expired ones too, oldest first; LakeError if the file is damaged."""
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            self._seen, self._tokens = None, {}
            return []
        except OSError as error:
            raise storage_error(error, str(self.path)) from error
        seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if seen != self._seen:
            self._tokens, self._seen = self._read(), seen
        return list(self._tokens.values())

    def _read(self) -> dict[str, Token]:
        try:
            raw = json.loads(self.path.read_text("utf-8"))
            found = {entry["id"]: Token(**entry) for entry in raw["tokens"]}
            if any(datetime.fromisoformat(one.expires).tzinfo is None for one in found.values()):
                raise ValueError("a time without its zone")
            return found
        except OSError as error:
            raise storage_error(error, str(self.path)) from error
        except (ValueError, TypeError, KeyError) as error:
            raise LakeError(
                f"{self.path}: damaged ({type(error).__name__}); remove it, all tokens end"
            ) from error

    def holder(self, secret: str) -> Token | None:
        """The valid token that was made with this secret, if there is one."""
        known = {token.id: token for token in self.all()}
        token = known.get(secret.partition("_")[0])
        if token and hmac.compare_digest(token.hash, _hash(secret)) and token.valid:
            return token
        return None

    def stands(self, token: str) -> bool:
        """Whether a token that somebody signed in with is still there and valid."""
        return any(known.id == token and known.valid for known in self.all())

    def make(self, role: str, name: str, days: float) -> tuple[Token, str]:
        """A new token and its secret, which cannot be had again; UsageError for a bad choice."""
        find_role(role)
        if not 0 < days <= LONGEST_DAYS:
            raise UsageError(f"a token is valid for up to {LONGEST_DAYS} days; found {days:g}")
        token_id, now = secrets.token_hex(4), datetime.now(UTC)
        secret = f"{token_id}_{secrets.token_urlsafe(32)}"
        made, expires = (moment.isoformat(timespec="seconds") for moment in
                         (now, now + timedelta(days=days)))  # fmt: skip
        token = Token(token_id, role, name, _hash(secret), made, expires)
        with self._changing():
            self._write([*self.all(), token])
        return token, secret

    def revoke(self, token: str) -> Token:
        """Take a token out: whoever signed in with it is signed out; UsageError if none is it."""
        with self._changing():
            left = {known.id: known for known in self.all()}
            if token not in left:
                raise UsageError(f"there is no token {token!r}; `stedi token --list` shows them")
            gone = left.pop(token)
            self._write(list(left.values()))
        return gone

    def _write(self, tokens: list[Token]) -> None:
        text = json.dumps({"tokens": [asdict(token) for token in tokens]}, indent=1)
        try:
            write_durably(self.path, text + "\n", 0o600)
        except OSError as error:
            raise storage_error(error, str(self.path)) from error

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One change at a time, of all processes."""
        handle = os.open(self._root, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
