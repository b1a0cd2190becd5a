"""What a process can still do, run by test_confined.py: `python inside.py loose|confined`.

Reads JSON (a file that is allowed, one that is not, a folder, ports to connect to) and tells, also
in JSON, of each deed the name of the error or `done`.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import resource
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Sequence
from errno import errorcode
from pathlib import Path
from typing import Any

from stedi.engines.spec import MB, Limits
from stedi.sandbox.confine import confine
from stedi.sandbox.syscalls import DENIED, PRLIMIT, TGKILL

LIMITS = Limits(address_space=1024 * MB, size=4 * MB)
LIBC = ctypes.CDLL(None, use_errno=True)
MACHINE = os.uname().machine
COLUMN = ("x86_64", "aarch64").index(MACHINE)


def call(number: int | None, *arguments: Any) -> int:
    """A system call by its number."""
    found = int(LIBC.syscall(number, *arguments))
    if found < 0:
        raise OSError(ctypes.get_errno(), "")
    return found


def numbered(name: str, *arguments: Any) -> int:
    return call(DENIED[name][COLUMN], *arguments)


def connect(kind: int, to: Any, how: int = socket.SOCK_STREAM) -> None:
    with socket.socket(kind, how) as one:
        one.connect(to)


def fork() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def execute() -> None:
    """By another process, since it does not come back; without one here, if there is none."""
    try:
        child = os.fork()
    except PermissionError:
        os.execv("/bin/true", ["true"])
    if child == 0:
        os.execv("/bin/true", ["true"])
    os.waitpid(child, 0)


def thread() -> None:
    done: list[int] = []
    one = threading.Thread(target=done.append, args=[1])
    one.start()
    one.join()
    assert done


def set_limit(how: str) -> None:
    """The same again, which every process may."""
    bounds = (ctypes.c_uint64 * 2)(*resource.getrlimit(resource.RLIMIT_CORE))
    if how == "setrlimit":
        numbered("setrlimit", resource.RLIMIT_CORE, ctypes.byref(bounds))
    else:
        call(PRLIMIT[MACHINE], 0, resource.RLIMIT_CORE, ctypes.byref(bounds), None)


def shared(make: str, size: Sequence[int], remove: tuple[int, int]) -> None:
    """What stays when its process has ended."""
    number = numbered(make, 0, *size, 0o1600)
    arguments = (0, 0) if make == "semget" else (0,)
    call(remove[COLUMN], number, *arguments, None)


def queue_signal() -> None:
    text = struct.pack("iii", 0, 0, -1).ljust(128, b"\0")  # SI_QUEUE
    numbered("rt_sigqueueinfo", os.getppid(), 0, text)


def touch_shared() -> None:
    path = Path(f"/dev/shm/stedi-{os.getpid()}")
    path.touch()
    path.unlink()


def deeds(told: dict[str, Any]) -> dict[str, Callable[[], object]]:
    own, other, folder = told["own"], told["other"], Path(told["folder"])
    return {
        "read its file": Path(own).read_bytes,
        "read the limits": lambda: resource.getrlimit(resource.RLIMIT_AS),
        "start a thread": thread,
        "read another file": Path(other).read_bytes,
        "read by a link": Path(told["link"]).read_bytes,
        "read a dotted path": Path(f"{folder}/../other").read_bytes,
        "read the users": Path("/etc/passwd").read_bytes,
        "read the parent's environment": Path(f"/proc/{os.getppid()}/environ").read_bytes,
        "read its own memory": lambda: Path("/proc/self/mem").open("rb").close(),
        "list a folder": lambda: list(folder.iterdir()),
        "list the root": lambda: list(Path("/").iterdir()),
        "write its file": lambda: Path(own).open("r+b").close(),
        "append to its file": lambda: Path(own).open("ab").close(),
        "truncate its file": lambda: os.truncate(own, 3),
        "change its file's mode": lambda: Path(own).chmod(0o600),
        "change its file's times": lambda: os.utime(own),
        "change its file's owner": lambda: os.chown(own, os.getuid(), os.getgid()),
        "create a file": (folder / "new").touch,
        "create a folder": (folder / "made").mkdir,
        "rename a file": lambda: (folder / "a").rename(folder / "b"),
        "link a file": lambda: os.link(folder / "c", folder / "d"),
        "link by name": lambda: (folder / "e").symlink_to(own),
        "remove a file": (folder / "f").unlink,
        "remove a folder": (folder / "g").rmdir,
        "make a pipe with a name": lambda: os.mkfifo(folder / "h"),
        "create in /dev/shm": touch_shared,
        "write to /dev/null": lambda: Path("/dev/null").open("wb").close(),
        "connect by TCP": lambda: connect(socket.AF_INET, ("127.0.0.1", told["tcp"])),
        "connect by a Unix socket": lambda: connect(socket.AF_UNIX, told["unix"]),
        "send by UDP": lambda: connect(
            socket.AF_INET, ("127.0.0.1", told["tcp"]), socket.SOCK_DGRAM
        ),
        "open an IPv6 socket": lambda: socket.socket(socket.AF_INET6).close(),
        "open a netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close(),
        "open a socket pair": lambda: [one.close() for one in socket.socketpair()],
        "fork": fork,
        "start a program": execute,
        "signal its parent": lambda: os.kill(os.getppid(), 0),
        "signal its parent's thread": lambda: call(TGKILL[MACHINE], os.getppid(), os.getppid(), 0),
        "queue a signal": queue_signal,
        "hold its parent": lambda: os.close(os.pidfd_open(os.getppid())),
        "set its limits": lambda: set_limit("prlimit"),
        "set its limits in the old way": lambda: set_limit("setrlimit"),
        "make a file in memory": lambda: os.close(os.memfd_create("x")),
        "share memory": lambda: shared("shmget", [4096], (31, 195)),
        "make a queue": lambda: shared("msgget", [], (71, 187)),
        "make a semaphore": lambda: shared("semget", [1], (66, 191)),
        "outlive its parent": lambda: numbered("prctl", 1, 0, 0, 0, 0),
        "watch files": lambda: os.close(numbered("inotify_init1", 0)),
        "lock its file": lambda: _lock(own),
    }


def _lock(own: str) -> None:
    with Path(own).open("rb") as file:
        numbered("flock", file.fileno(), 1 | 4)


def beyond() -> dict[str, Callable[[], object]]:
    """What goes beyond the limits, for the last."""
    return {
        "more memory than it has": lambda: mmap.mmap(-1, 2048 * MB).close(),
        "more file than it has": lambda: os.pwrite(1, b"x", 64 * MB),
    }


def outcome(deed: Callable[[], object]) -> str:
    try:
        deed()
    except OSError as error:
        return errorcode.get(error.errno or 0, str(error))
    return "done"


def main() -> None:
    told = json.loads(sys.stdin.read())
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    report = os.dup(2)
    if sys.argv[1] == "confined":
        confine([told["own"]], LIMITS)
    found = {name: outcome(deed) for name, deed in deeds(told).items()}
    found |= {name: outcome(deed) for name, deed in beyond().items()}
    os.write(report, json.dumps(found).encode())
    os._exit(0)


if __name__ == "__main__":
    main()
