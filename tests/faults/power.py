"""A power cut: what was never synced is gone.

The log of system calls (see shim.c) says which bytes and which names were synced after their
last change. The pessimistic reading of POSIX: a file written after its last fsync is empty; a
file, folder or new name whose folder was not synced since is not there. Names taken away come
back with their old bytes at worst, as orphans; that is not simulated.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from faults import system_faults
from faults.nursery import fork, result_of, wait
from faults.shop import Shop, complete, opened, survey
from stedi.lake import durable, io, store


@dataclass
class Unsynced:
    """Paths whose bytes, and paths whose names, a power cut would take."""

    bytes: set[Path] = field(default_factory=set)
    names: set[Path] = field(default_factory=set)

    def hear(self, line: str) -> None:
        kind, _, rest = line.partition(" ")
        path, _, other = rest.partition("\t")
        match kind:
            case "C" | "M":
                self.names.add(Path(path))
            case "W" | "T":
                self.bytes.add(Path(path))
            case "S":
                self._synced(Path(path))
            case "R":
                self._renamed(Path(path), Path(other))
            case "U" | "D":
                self._gone(Path(path))

    def _synced(self, path: Path) -> None:
        self.bytes.discard(path)
        self.names = {name for name in self.names if name.parent != path}

    def _renamed(self, old: Path, new: Path) -> None:
        if old in self.bytes:
            self.bytes.add(new)
        self._gone(old)
        self.names.add(new)

    def _gone(self, path: Path) -> None:
        self.bytes.discard(path)
        self.names.discard(path)

    def cut(self) -> None:
        """Take from the disk what was not synced."""
        for path in self.names:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        for path in self.bytes:
            if path.is_file():
                path.write_bytes(b"")


def unsynced(log: Path) -> Unsynced:
    """What the calls in a log leave at the mercy of the power."""
    found = Unsynced()
    for line in log.read_text().splitlines():
        found.hear(line)
    return found


def cut_when_done(shop: Shop, delivery: int, sync: bool, closed: bool) -> list[str]:
    """What is wrong when the power goes as soon as the run reported done."""
    shop.restore(delivery)
    log = shop.root / "calls"
    log.unlink(missing_ok=True)
    code = wait(fork(lambda: _watched_run(shop, log, sync, closed)))
    assert code == 0, f"the run ended with {code}"
    unsynced(log).cut()
    wrong = result_of(lambda: survey(shop, delivery, acknowledged=True))
    return wrong or result_of(lambda: complete(shop, delivery))


def _watched_run(shop: Shop, log: Path, sync: bool, closed: bool) -> None:
    """A run whose calls are noted until it reports done, or until the lake is closed."""
    if not sync:
        _forget_to_sync()
    system_faults.arm(shop.lake.parent, log=log)
    lake = opened(shop.lake)
    lake.run(shop.landing)
    if closed:
        lake.close()
    system_faults.disarm()


def _forget_to_sync() -> None:
    for module in (durable, io, store):
        for name in ("sync_files", "sync_path"):
            if hasattr(module, name):
                setattr(module, name, lambda *_: None)
