"""A lake's folder, or its place on S3: policy, secret key, lock, and where the tables live.

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

On S3 no key lies beside the data, the locks are leases (`leases`), and what a process writes for
itself alone lies in a folder of the machine.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from stedi.contract import ZONES
from stedi.errors import LakeBusyError, LakeError, storage_error
from stedi.lake import keys, leases
from stedi.lake.durable import write_durably
from stedi.lake.policy import (
    CatalogPolicy,
    LayoutPolicy,
    UpkeepPolicy,
    read_policy,
)
from stedi.places import Place, S3Path, place, remove_tree

CONSENT = re.compile(r"^[ \t]*consent[ \t]*=.*$", re.MULTILINE)


@dataclass(frozen=True)
class Home:
    """An existing lake folder and its policy."""

    root: Place
    consent: str
    memory: str
    maintain: UpkeepPolicy = field(default_factory=UpkeepPolicy)
    catalog_policy: CatalogPolicy = field(default_factory=CatalogPolicy)
    layout: LayoutPolicy = field(default_factory=LayoutPolicy)
    zones: Mapping[str, str] = field(default_factory=dict)

    @property
    def warehouse(self) -> Place:
        """Folder of the tables, but for those of zones that the policy puts elsewhere."""
        return self.root / "warehouse"

    def zone(self, zone: str) -> Place:
        """Folder of a zone's tables."""
        given = self.zones.get(zone)
        return place(given) if given else self.warehouse / zone

    @property
    def folders(self) -> list[Place]:
        """Every folder in which the lake keeps something, none below another.

        For a lake on S3 that of this machine too, where what does not fit in memory lies.
        """
        elsewhere = sorted({str(self.zone(zone)) for zone in self.zones})
        here = [self._here] if self.on_s3 and self._here.is_dir() else []
        return [self.root, *(place(one) for one in elsewhere), *here]

    def filled(self) -> set[str]:
        """The zones of which there are tables, going by their files."""
        return {zone for zone in ZONES if _filled(self.zone(zone))}

    @property
    def catalog(self) -> Path:
        """The SQLite catalog; not there if the policy names another kind."""
        if isinstance(self.root, Path):
            return self.root / "catalog.db"
        return Path(self.catalog_policy.file)

    @property
    def readers(self) -> Place:
        """The file whose lock readers share; on S3, the folder of their leases."""
        return self.root / "readers"

    @property
    def on_s3(self) -> bool:
        """Whether the lake is on S3."""
        return isinstance(self.root, S3Path)

    @property
    def _here(self) -> Path:
        """Where on this machine a process may write what is its own."""
        if isinstance(self.root, Path):
            return self.root
        name = hashlib.sha256(str(self.root).encode()).hexdigest()[:16]
        mine = Path(tempfile.gettempdir()) / f"stedi-{os.getuid()}"
        return _own(mine) / name

    @property
    def scratch(self) -> Path:
        """This process's folder for what does not fit in memory, worth nothing once it ends."""
        return self._here / "scratch" / str(os.getpid())

    @property
    def spark_scratch(self) -> Path:
        """The same for this process's Spark, which may outlive other engines of the process."""
        return self.scratch.with_name(f"{self.scratch.name}-spark")

    @property
    def shared_scratch(self) -> Place:
        """The same where all machines of a cluster see it: on S3 for a lake on S3."""
        if isinstance(self.root, S3Path):
            return self.root / "scratch" / f"{platform.node()}-{os.getpid()}"
        return self.spark_scratch

    def clear_scratch(self) -> None:
        """Remove what processes that are gone left in their scratch folders.

        The caller holds the lake's lock, so that on S3 no other process writes there.
        """
        if isinstance(self.root, S3Path):
            self.confirm()
            remove_tree(self.root / "scratch")
        for folder in self.scratch.parent.glob("*"):
            if not alive(folder.name.partition("-")[0]):
                shutil.rmtree(folder, ignore_errors=True)

    @property
    def writable(self) -> bool:
        """Whether this process may write the lake; on S3 that is found out by doing it."""
        return isinstance(self.root, S3Path) or os.access(self.root, os.W_OK)

    def key(self) -> bytes:
        """The pseudonym key, by which `subject_id` is made; see `lake.keys`."""
        return keys.pseudonym_key(self.root, self.writable)

    def forgotten_key(self, make: bool = False) -> bytes:
        """The key of the fingerprints in ops.forgotten; `make` it if there is none."""
        return keys.forgotten_key(self.root, make)

    def with_consent(self, consent: str) -> Home:
        """Change the policy in stedi.toml; the next run refreshes what it changes."""
        where = self.root / "stedi.toml"
        try:
            text = CONSENT.sub(f'consent = "{consent}"', where.read_text("utf-8"))
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
        if isinstance(self.root, S3Path):
            with leases.lease(self.root / "lock", wait, _busy(self.root)):
                yield
            return
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
                    busy = _busy(self.root).replace(leases.HOLDER, f"process {holder}")
                    raise LakeBusyError(busy) from None
                time.sleep(0.05)

    def confirm(self) -> None:
        """LakeBusyError if the lock, which is held, was lost: somebody else may be at work."""
        if isinstance(self.root, S3Path):
            leases.confirm(self.root / "lock")


def _busy(root: Place) -> str:
    return f"{root}: another run ({leases.HOLDER}) is at work; wait for it, or use --wait SECONDS"


def _filled(folder: Place) -> bool:
    """Whether something lies in it; a folder that was emptied is one still, on some storages."""
    return folder.is_dir() if isinstance(folder, S3Path) else any(folder.glob("*"))


def _own(folder: Path) -> Path:
    """A folder of the machine's shared temporary one that nobody else may look into."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise LakeError(f"{folder}: not a folder of this user; remove it, or set TMPDIR")
        folder.chmod(0o700)
    except OSError as error:
        raise storage_error(error, str(folder)) from error
    return folder


def alive(process: str) -> bool:
    """Whether a process of that number is there."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (ValueError, PermissionError):
        return True
    return True


def is_lake(root: Place) -> bool:
    """Whether there is a lake at `root`; StorageError if that cannot be found out."""
    try:
        return (root / "stedi.toml").is_file()
    except OSError as error:
        raise storage_error(error, str(root)) from error


def open_home(root: Place) -> Home:
    """The lake at `root`; LakeError if there is none, LakeVersionError if it is too new."""
    policy = read_policy(root / "stedi.toml")
    return Home(
        root.resolve(),
        policy.consent,
        policy.memory,
        policy.maintain,
        policy.catalog,
        policy.layout,
        policy.zones,
    )
