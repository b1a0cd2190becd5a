"""Every error the product raises on purpose.

    StediError                  exit code
    ├── UsageError              2   a wrong argument, path or option
    ├── LakeError               1   the lake cannot be opened, read or written
    │   ├── LakeVersionError        made by another version of the product
    │   ├── LakeBusyError           another run holds the lake
    │   └── StorageError            disk full, read-only, a file that vanished
    ├── ContractError           1   a table.yaml or query.sql breaks a rule
    ├── QueryError              1   a user's SQL does not parse, bind or run
    └── CheckFailed             1   a `fail` check did not pass; nothing was published

A message says what happened, where (file, value), and what to do now.
"""

from __future__ import annotations

import errno


class StediError(Exception):
    """Base of all errors with a message for people; `exit_code` is the process's."""

    exit_code = 1


class UsageError(StediError):
    """The caller asked for something that cannot be: wrong option, path or value."""

    exit_code = 2


class LakeError(StediError):
    """The lake cannot be opened, read or written."""


class LakeVersionError(LakeError):
    """The lake was made by a version of the product that this one cannot read."""


class LakeBusyError(LakeError):
    """Another run holds the lake."""


class StorageError(LakeError):
    """The storage refused: disk full, read-only, permission, or a file that vanished."""


class ContractError(StediError):
    """A table.yaml or query.sql breaks a rule of the house."""


class QueryError(StediError):
    """A query written by the user does not parse, bind or run."""


class CheckFailed(StediError):
    """A check with severity `fail` did not pass; the previous version of the table stays."""


REMEDIES = {
    errno.ENOSPC: "no space left on the device; free some space and run again",
    errno.EDQUOT: "the disk quota is used up; free some space and run again",
    errno.EROFS: "the file system is read-only; mount it writable or choose another --lake",
    errno.EACCES: "permission denied; check who owns the folder",
    errno.EPERM: "operation not permitted; check who owns the folder",
    errno.ENOENT: "the file has vanished; deliver it again or run without it",
    errno.EIO: "the device reported an input/output error; check the disk and run again",
}


def storage_error(error: OSError, where: str) -> StorageError:
    """An operating-system error as a StorageError that names the place and the remedy."""
    remedy = REMEDIES.get(error.errno or 0, error.strerror or str(error))
    place = str(error.filename or where)
    return StorageError(remedy if remedy.startswith(f"{place}: ") else f"{place}: {remedy}")
