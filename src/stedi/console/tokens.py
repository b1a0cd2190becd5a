"""Who may sign in: the tokens of a lake, kept by hash in <lake>/tokens.json.

A token is 256 random bits, so a plain SHA-256 of it says nothing to whoever reads the file. It is
shown once, when it is made.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import hmac
import json
import math
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stedi.contract.roles import find_role, load_roles
from stedi.errors import LakeBusyError, LakeError, StediError, UsageError, storage_error
from stedi.lake.durable import write_durably
from stedi.lake.home import Home
from stedi.places import S3Path

LONGEST_DAYS = 3650
LOOK = 3.0  # seconds between looks at tokens on S3
STALE = 30.0  # seconds after which those that were found there last say nothing any more
TRIES = 10  # to change them there before others do


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
    """The tokens of one lake.

    Those of a folder are read anew whenever the file changed. Those on S3 are as `refresh` last
    found them, so that no page waits for the storage; `keep` refreshes them. Who calls neither
    refreshes them first.
    """

    def __init__(self, home: Home) -> None:
        self.path = home.root / "tokens.json"
        self._seen: object = None
        self._looked = self._asked = -math.inf
        self._why = "the tokens have not been read yet; try again"
        self._tokens: dict[str, Token] = {}
        self._reader = ThreadPoolExecutor(1, "tokens")  # one look at a time, however slow

    def all(self) -> list[Token]:
        """Every token, expired ones too, oldest first; LakeError if they cannot be told."""
        if isinstance(self.path, Path):
            self.refresh()
        elif time.monotonic() - self._looked > STALE:
            raise LakeError(self._why)
        return list(self._tokens.values())

    async def keep(self) -> None:
        """Refresh those on S3 again and again, until cancelled."""
        while isinstance(self.path, S3Path):
            await self.look()
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """See those that are on S3 now; all who ask within a second are told by one look."""
        if isinstance(self.path, S3Path):
            loop, now = asyncio.get_running_loop(), time.monotonic()
            await loop.run_in_executor(self._reader, self._look, now)

    def _look(self, since: float) -> None:
        if self._asked >= since:
            return
        time.sleep(max(self._asked + 1 - time.monotonic(), 0))
        self._asked = time.monotonic()
        try:
            self.refresh()
        except Exception as error:  # whatever it is, it must not end the looking
            told = isinstance(error, StediError)
            self._why = str(error) if told else f"{self.path}: {type(error).__name__}"
            sys.stderr.write(f"the tokens cannot be read: {self._why}\n")

    def refresh(self) -> str:
        """Read the file if it changed; its etag on S3, empty if there is none."""
        try:
            seen, data = self._found()
        except FileNotFoundError:
            seen, data = None, b'{"tokens": []}'
        except OSError as error:
            raise storage_error(error, str(self.path)) from error
        if data is not None:
            self._tokens = self._read(data)
        self._seen, self._looked = seen, time.monotonic()
        self._why = f"{self.path}: the storage does not answer"
        return str(seen or "")

    def _found(self) -> tuple[object, bytes | None]:
        """What tells this state of the file from others, and its bytes if it is another one."""
        if isinstance(self.path, S3Path):
            return self.path.glance()
        stat = self.path.stat()
        seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        return seen, self.path.read_bytes() if seen != self._seen else None

    def _read(self, data: bytes) -> dict[str, Token]:
        try:
            found = {entry["id"]: Token(**entry) for entry in json.loads(data)["tokens"]}
            if any(datetime.fromisoformat(one.expires).tzinfo is None for one in found.values()):
                raise ValueError("a time without its zone")
            return found
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
        self._change(lambda known: known | {token_id: token})
        return token, secret

    def revoke(self, token: str) -> Token:
        """Take a token out: whoever signed in with it is signed out; UsageError if none is it."""
        self.refresh()
        if (gone := self._tokens.get(token)) is None:
            raise UsageError(f"there is no token {token!r}; `stedi token --list` shows them")
        self._change(lambda known: {key: one for key, one in known.items() if key != token})
        return gone

    def _change(self, change: Callable[[dict[str, Token]], dict[str, Token]]) -> None:
        """One change at a time, of all processes."""
        try:
            if isinstance(self.path, S3Path):
                return self._exchange(self.path, change)
            with _locked(self.path.parent):
                self.refresh()
                write_durably(self.path, _text(change(self._tokens)), 0o600)
        except OSError as error:
            raise storage_error(error, str(self.path)) from error

    def _exchange(
        self, path: S3Path, change: Callable[[dict[str, Token]], dict[str, Token]]
    ) -> None:
        """Put the file if it is still the one that was read; else once more."""
        for _ in range(TRIES):
            etag = self.refresh()
            condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
            changed = change(self._tokens)
            with suppress(FileExistsError, FileNotFoundError):
                path.write_bytes(_text(changed).encode(), **condition)
                self._tokens = changed
                return
        raise LakeBusyError(f"{path}: others change it all the time; run again")


def _text(tokens: dict[str, Token]) -> str:
    return json.dumps({"tokens": [asdict(token) for token in tokens.values()]}, indent=1) + "\n"


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
