"""What a process gives up for good before it sees a query: files, network, programs, resources.

Landlock (landlock(7)) leaves it the reading of the files it is told, seccomp (seccomp(2)) takes
away sockets, programs and other processes, resource limits (setrlimit(2)) bound what is left, and
root's privileges (capabilities(7)) go. All are Linux; `missing` says why where they are not to be
had, and then no query is taken.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from errno import ENOSYS, EPERM
from pathlib import Path

from stedi.engines.spec import Limits
from stedi.sandbox.syscalls import AUDIT_ARCH, CLONE, CLONE3, PRLIMIT, TGKILL, denied

# prctl(2)
_SET_PDEATHSIG, _SET_SECCOMP, _SET_NO_NEW_PRIVS, _SET_DUMPABLE = 1, 22, 38, 4
_SECCOMP_MODE_FILTER = 2
_SIGKILL = 9

# landlock(7): system calls, rights by the version that first knew them, rule type
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
_READ_FILE = 1 << 2
_PATH_BENEATH = 1

# linux/bpf_common.h, linux/seccomp.h
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NR, _ARCH, _ARG0, _ARG2 = 0, 4, 16, 32
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_X32 = 0x40000000
_Step = tuple[int, int, int, int]

# What DuckDB reads to learn how much memory and how many cores it has.
MACHINE = ("/proc/self/cgroup", "/sys/fs/cgroup")
_CLONE_THREAD = 0x00010000

# linux/capability.h: the lake may be another user's
_CAPABILITY_VERSION, _READ_SEARCH = 0x20080522, 1 << 2


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


class _Capabilities(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("_", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def missing() -> str:
    """Why this machine cannot confine a process; empty if it can."""
    if sys.platform != "linux":
        return "SQL from the console needs Linux: only there can a query be confined"
    if platform.machine() not in AUDIT_ARCH:
        return f"SQL from the console is not made for {platform.machine()} processors"
    if _landlock_version() < 1:
        return "SQL from the console needs Landlock (Linux 5.13 or later, not switched off)"
    return ""


def confine(files: Iterable[str], limits: Limits) -> None:
    """Give up everything but reading `files` and writing to what is open; OSError if it fails.

    There is no way back; threads that are there already are not confined.
    """
    _bound(limits)
    _prctl(_SET_DUMPABLE, 0)
    _prctl(_SET_NO_NEW_PRIVS, 1)
    _restrict_files([*files, *filter(os.path.exists, MACHINE)])
    _drop_privileges()
    _filter_calls()


def die_with_parent(parent: int) -> None:
    """Be killed when the process `parent`, which forked this one, ends."""
    _prctl(_SET_PDEATHSIG, _SIGKILL)
    if os.getppid() != parent:  # it ended before that took effect
        os._exit(1)


def _bound(limits: Limits) -> None:
    """Resource limits; last in line when memory is short, polite when cores are."""
    seconds = int(limits.seconds * limits.threads) + 2
    bounds = {
        resource.RLIMIT_AS: limits.address_space,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: limits.size + (1 << 20),
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
    }
    for what, most in bounds.items():
        hard = resource.getrlimit(what)[1]
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (bound, bound))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    with suppress(OSError):
        os.nice(5)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def _prctl(option: int, argument: int, pointer: object = 0) -> None:
    _call(_libc().prctl(option, ctypes.c_ulong(argument), pointer, 0, 0))


def _landlock_version() -> int:
    with suppress(OSError, AttributeError):
        return _call(_libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1))
    return 0


def _restrict_files(files: Iterable[str]) -> None:
    version = _landlock_version()
    rights = sum(bits for since, bits in _FILE_RIGHTS.items() if since <= version)
    ruleset = _Ruleset(rights, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    libc = _libc()
    handle = _call(libc.syscall(_CREATE_RULESET, ctypes.byref(ruleset), ctypes.c_size_t(size), 0))
    for file in files:
        _allow_reading(libc, handle, file)
    _call(libc.syscall(_RESTRICT_SELF, handle, 0))
    os.close(handle)


def _allow_reading(libc: ctypes.CDLL, ruleset: int, file: str) -> None:
    parent = os.open(file, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = _PathBeneath(_READ_FILE, parent)
        _call(libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0))
    finally:
        os.close(parent)


def _drop_privileges() -> None:
    """All that root has beyond others, but for reading files that Landlock allows."""
    libc, header = _libc(), (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    sets = (_Capabilities * 2)()
    _call(libc.capget(header, sets))
    kept = sets[0].permitted & _READ_SEARCH
    sets = (_Capabilities * 2)(_Capabilities(kept, kept, 0))
    _call(libc.capset(header, sets))


def _filter_calls() -> None:
    machine = platform.machine()
    steps = list(_program(machine))
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = _Program(len(steps), ctypes.cast(code, ctypes.c_void_p))
    _prctl(_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program))


def _program(machine: str) -> Iterable[_Step]:
    """The filter in classic BPF: code, jump if true, jump if false, operand."""
    yield (_LOAD, 0, 0, _ARCH)
    yield (_EQUAL, 1, 0, AUDIT_ARCH[machine])
    yield (_RETURN, 0, 0, _KILL)
    yield (_LOAD, 0, 0, _NR)
    yield (_AT_LEAST, 0, 1, _X32)
    yield (_RETURN, 0, 0, _KILL)
    for number in denied(machine):
        yield (_EQUAL, 0, 1, number)
        yield (_RETURN, 0, 0, _ERRNO | EPERM)
    yield (_EQUAL, 0, 1, CLONE3)  # its flags cannot be read here: the C library takes clone then
    yield (_RETURN, 0, 0, _ERRNO | ENOSYS)
    # threads of its own, signals to itself (abort), limits to be read but not set
    yield from _only(CLONE[machine], (_LOAD, 0, 0, _ARG0), (_ANY_BIT, 1, 0, _CLONE_THREAD))
    yield from _only(TGKILL[machine], (_LOAD, 0, 0, _ARG0), (_EQUAL, 1, 0, os.getpid()))
    for half in (_ARG2, _ARG2 + 4):
        yield from _only(PRLIMIT[machine], (_LOAD, 0, 0, half), (_EQUAL, 1, 0, 0))
    yield (_RETURN, 0, 0, _ALLOW)


def _only(number: int, load: _Step, test: _Step) -> Iterable[_Step]:
    """The call is possible only with an argument that passes the test."""
    yield (_EQUAL, 0, 4, number)
    yield load
    yield test
    yield (_RETURN, 0, 0, _ERRNO | EPERM)
    yield (_LOAD, 0, 0, _NR)
