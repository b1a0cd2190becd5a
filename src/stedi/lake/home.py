"""A lake's folder: policy, secret key, lock, and where the tables live.

<lake>/stedi.toml       the policy, for people to edit
<lake>/pseudonym.key    the secret behind subject_id, mode 0600, outside the warehouse
<lake>/key.check        tells whether a key is the lake's; the key cannot be had from it
<lake>/forgotten.key    the secret behind ops.forgotten, mode 0600; made at the first forgetting
<lake>/catalog.db       the SQLite catalog, unless the policy names another
<lake>/warehouse/       Iceberg tables, <zone>/<table>/
<lake>/lock             held by the run in progress
<lake>/readers          held by whoever reads data files, so that none is removed meanwhile
<lake>/running          how far the run in flight is, for others to look at
<lake>/tokens.json      who may sign in to the console, by hash; mode 0600
<lake>/maintained       when `stedi maintain` last came by, and what it left
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from stedi.errors import LakeBusyError, LakeError, UsageError, storage_error
from stedi.lake.durable import sync_path, write_durably
from stedi.lake.policy import (
    POLICIES,
    CatalogPolicy,
    LayoutPolicy,
    UpkeepPolicy,
    read_policy,
    template,
)

KEY_VARIABLE = "STEDI_PSEUDONYM_KEY"
SHORTEST_KEY = 16

_ODD = "?#%*[]\"'\\\n\r\t"


@dataclass(frozen=True)
class Home:
    """An existing lake folder and its policy."""

    root: Path
    consent: str
    memory: str
    maintain: UpkeepPolicy = field(default_factory=UpkeepPolicy)
    catalog_policy: CatalogPolicy = field(default_factory=CatalogPolicy)
    layout: LayoutPolicy = field(default_factory=LayoutPolicy)

    @property
    def warehouse(self) -> Path:
        """Folder of the tables."""
        return self.root / "warehouse"

    @property
    def catalog(self) -> Path:
        """The SQLite catalog; not there if the policy names another."""
        return self.root / "catalog.db"

    @property
    def readers(self) -> Path:
        """The file whose lock readers share."""
        return self.root / "readers"

    @property
    def scratch(self) -> Path:
        """This process's folder for what does not fit in memory, worth nothing once it ends."""
        return self.root / "scratch" / str(os.getpid())

    @property
    def spark_scratch(self) -> Path:
        """The same for this process's Spark, which may outlive other engines of the process."""
        return self.scratch.with_name(f"{self.scratch.name}-spark")

    def clear_scratch(self) -> None:
        """Remove what processes that are gone left in their scratch folders."""
        for folder in (self.root / "scratch").glob("*"):
            if not alive(folder.name.partition("-")[0]):
                shutil.rmtree(folder, ignore_errors=True)

    @property
    def writable(self) -> bool:
        """Whether this process may write the lake."""
        return os.access(self.root, os.W_OK)

    def key(self) -> bytes:
        """The pseudonym key: the environment's STEDI_PSEUDONYM_KEY, else the lake's file."""
        key = self._key()
        check = hmac.new(key, b"the key of this lake", hashlib.sha256).hexdigest()
        where = self.root / "key.check"
        try:
            if not where.exists() and self.writable:
                write_durably(where, check + "\n")
            known = where.read_text("utf-8").strip() if where.exists() else check
        except OSError as error:
            raise storage_error(error, str(where)) from error
        if known != check:
            raise LakeError(
                f"{where}: the pseudonym key is not the one this lake was made with; restore it "
                f"({KEY_VARIABLE} or pseudonym.key), or delete this file to change every "
                "subject_id on purpose"
            )
        return key

    def _key(self) -> bytes:
        given = os.environ.get(KEY_VARIABLE)
        if given is not None:
            if len(given) < SHORTEST_KEY:
                raise UsageError(
                    f"{KEY_VARIABLE} has {len(given)} characters; use {SHORTEST_KEY} or more"
                )
            return given.encode("utf-8", "surrogateescape")
        where = self.root / "pseudonym.key"
        try:
            key = where.read_bytes().strip()
        except OSError as error:
            raise LakeError(_no_key(where, error.strerror or str(error))) from error
        if len(key) < SHORTEST_KEY:
            raise LakeError(_no_key(where, f"it has only {len(key)} characters"))
        return key

    def forgotten_key(self, make: bool = False) -> bytes:
        """The key of the fingerprints in ops.forgotten; `make` it if there is none.

        It is another than the pseudonym key, which may be changed: people stay forgotten.
        """
        where = self.root / "forgotten.key"
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

    def with_consent(self, consent: str) -> Home:
        """Change the policy in stedi.toml; the next run refreshes what it changes."""
        where = self.root / "stedi.toml"
        line = re.compile(r"^[ \t]*consent[ \t]*=.*$", re.MULTILINE)
        try:
            text = line.sub(f'consent = "{consent}"', where.read_text("utf-8"))
            write_durably(where, text)
        except OSError as error:
            raise storage_error(error, str(where)) from error
        changed = open_home(self.root)
        if changed.consent != consent:
            raise LakeError(f"{where}: the policy cannot be changed; write consent = {consent!r}")
        return changed

    @contextmanager
    def lock(self, wait: float = 0) -> Iterator[None]:
        """Hold the lake for one run; LakeBusyError names the holder after `wait` seconds."""
        try:
            handle = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise storage_error(error, str(self.root)) from error
        try:
            self._acquire(handle, time.monotonic() + wait)
            self._sign(handle)
            yield
        finally:
            os.close(handle)

    def _sign(self, handle: int) -> None:
        try:
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
        except OSError as error:
            raise storage_error(error, str(self.root / "lock")) from error

    def _acquire(self, handle: int, deadline: float) -> None:
        while True:
            try:
                return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    holder = os.pread(handle, 32, 0).decode() or "unknown"
                    raise LakeBusyError(
                        f"{self.root}: another run (process {holder}) is at work; "
                        "wait for it, or use --wait SECONDS"
                    ) from None
                time.sleep(0.05)


def _no_key(where: Path, why: str) -> str:
    return (
        f"{where}: the lake's secret key cannot be read ({why}); restore it from a backup or "
        f"set {KEY_VARIABLE}, or every subject_id would change"
    )


def alive(process: str) -> bool:
    """Whether a process of that number is there."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (ValueError, PermissionError):
        return True
    return True


def hmac_pads(key: bytes) -> dict[str, str]:
    """The two keyed pads of HMAC-SHA256 (RFC 2104) as hexadecimal query parameters."""
    block = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    return {
        "inner_pad": bytes(byte ^ 0x36 for byte in block).hex(),
        "outer_pad": bytes(byte ^ 0x5C for byte in block).hex(),
    }


def is_lake(root: Path) -> bool:
    """Whether there is a lake at `root`."""
    return (root / "stedi.toml").is_file()


def create(root: Path, consent: str = "since") -> Home:
    """Make an empty lake; UsageError if something else is there."""
    if consent not in POLICIES:
        raise UsageError(f"consent is {consent!r}; use one of {', '.join(POLICIES)}")
    root = root.resolve()
    if odd := set(str(root)) & set(_ODD):
        raise UsageError(
            f"{root}: a lake's path may not hold {' '.join(sorted(odd))}; choose another --lake"
        )
    if root.exists() and (not root.is_dir() or _foreign(root)):
        raise UsageError(f"{root}: not empty and not a lake; choose another --lake")
    try:
        (root / "warehouse").mkdir(parents=True, exist_ok=True)
        sync_path(root.parent)
        if KEY_VARIABLE not in os.environ and not (root / "pseudonym.key").exists():
            write_durably(root / "pseudonym.key", secrets.token_hex(32) + "\n", 0o600)
        (root / "readers").touch()
        write_durably(root / "stedi.toml", template(consent))
    except OSError as error:
        raise storage_error(error, str(root)) from error
    return open_home(root)


def _foreign(root: Path) -> bool:
    ours = {"warehouse", "pseudonym.key", "pseudonym.key.new", "readers", "stedi.toml.new", "lock"}
    return any(entry.name not in ours for entry in root.iterdir())


def open_home(root: Path) -> Home:
    """The lake at `root`; LakeError if there is none, LakeVersionError if it is too new."""
    policy = read_policy(root / "stedi.toml")
    return Home(
        root.resolve(),
        policy.consent,
        policy.memory,
        policy.maintain,
        policy.catalog,
        policy.layout,
    )
