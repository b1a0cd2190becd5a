"""Errors of the libraries below, given a name, a place and a remedy."""

from __future__ import annotations

import errno
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from pyiceberg.exceptions import (
    CommitFailedException,
    CommitStateUnknownException,
    NoSuchNamespaceError,
    RESTError,
    TableAlreadyExistsError,
)
from sqlalchemy.exc import SQLAlchemyError

from stedi.errors import LakeBusyError, LakeError, storage_error
from stedi.places import Place

_FULL = re.compile(r"disk is full|No space left", re.IGNORECASE)
_READ_ONLY = re.compile(r"readonly|read-only", re.IGNORECASE)
_BROKEN = re.compile(r"disk I/O error|Input/output error", re.IGNORECASE)
_SERVERS = frozenset({"requests", "botocore"})  # libraries that need not be installed
_LOCKED = re.compile(r"is locked", re.IGNORECASE)


@contextmanager
def lake_errors(root: Place) -> Iterator[None]:
    """Turn errors of the file system and the catalog into errors of the product."""
    try:
        yield
    except CommitFailedException as error:
        raise LakeBusyError(
            f"{root}: another writer changed a table meanwhile ({error}); run again"
        ) from error
    except Exception as error:
        told = _told(error, root)
        if told is None:
            raise
        raise told from error


def _told(error: Exception, root: Place) -> LakeError | None:
    if isinstance(error, (sqlite3.Error, SQLAlchemyError)):
        return _of_catalog(error, root / "catalog.db")
    if _of_a_server(error):  # before OSError: those of requests are some
        return _of_server(error, root / "stedi.toml")
    return _of_system(error, root) if isinstance(error, OSError) else None


def _of_a_server(error: Exception) -> bool:
    """Whether a REST or Glue catalog, or the way to it, failed."""
    if isinstance(error, (RESTError, NoSuchNamespaceError, TableAlreadyExistsError)):
        return True
    return any(kind.__module__.partition(".")[0] in _SERVERS for kind in type(error).__mro__)


def _of_server(error: Exception, policy: Place) -> LakeError:
    text = " ".join(str(error).split())
    if isinstance(error, CommitStateUnknownException):
        return LakeBusyError(
            f"{policy}: the catalog did not say whether a commit came through ({text}); run again, "
            "a run finds out"
        )
    if isinstance(error, TableAlreadyExistsError):
        return LakeBusyError(
            f"{policy}: the catalog has a table of this name already ({text}); run again; if that "
            "fails too, the name is taken: set a prefix below [catalog]"
        )
    return LakeError(
        f"{policy}: the catalog cannot be used ({type(error).__name__}: {text}); check [catalog], "
        "the secrets in the environment, and that the server runs"
    )


def _of_system(error: OSError, root: Place) -> LakeError:
    number = None if error.errno else _number(str(error))
    return storage_error(OSError(number, str(error)) if number else error, str(root))


def _number(text: str) -> int | None:
    """The system's error number that a library's message tells of."""
    kinds = ((errno.ENOSPC, _FULL), (errno.EROFS, _READ_ONLY), (errno.EIO, _BROKEN))
    return next((number for number, pattern in kinds if pattern.search(text)), None)


def _of_catalog(error: Exception, catalog: Place) -> LakeError:
    text = str(getattr(error, "orig", error))
    if number := _number(text):
        return storage_error(OSError(number, text), str(catalog))
    if _LOCKED.search(text):
        return LakeBusyError(f"{catalog}: another process holds the catalog; run again")
    return LakeError(
        f"{catalog}: the catalog cannot be used ({text}); check that the file is whole and the "
        "folder is writable"
    )
