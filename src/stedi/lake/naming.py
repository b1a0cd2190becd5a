"""Errors of the libraries below, given a name, a place and a remedy."""

from __future__ import annotations

import errno
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyiceberg.exceptions import CommitFailedException
from sqlalchemy.exc import SQLAlchemyError

from stedi.errors import LakeBusyError, LakeError, storage_error

_FULL = re.compile(r"disk is full|No space left", re.IGNORECASE)
_READ_ONLY = re.compile(r"readonly|read-only", re.IGNORECASE)
_BROKEN = re.compile(r"disk I/O error|Input/output error", re.IGNORECASE)
_LOCKED = re.compile(r"is locked", re.IGNORECASE)


@contextmanager
def lake_errors(root: Path) -> Iterator[None]:
    """Turn errors of the file system and the catalog into errors of the product."""
    try:
        yield
    except OSError as error:
        raise _of_system(error, root) from error
    except (sqlite3.Error, SQLAlchemyError) as error:
        raise _of_catalog(error, root / "catalog.db") from error
    except CommitFailedException as error:
        raise LakeBusyError(
            f"{root}: another writer changed a table meanwhile ({error}); run again"
        ) from error


def _of_system(error: OSError, root: Path) -> LakeError:
    number = None if error.errno else _number(str(error))
    return storage_error(OSError(number, str(error)) if number else error, str(root))


def _number(text: str) -> int | None:
    """The system's error number that a library's message tells of."""
    kinds = ((errno.ENOSPC, _FULL), (errno.EROFS, _READ_ONLY), (errno.EIO, _BROKEN))
    return next((number for number, pattern in kinds if pattern.search(text)), None)


def _of_catalog(error: Exception, catalog: Path) -> LakeError:
    text = str(getattr(error, "orig", error))
    if number := _number(text):
        return storage_error(OSError(number, text), str(catalog))
    if _LOCKED.search(text):
        return LakeBusyError(f"{catalog}: another process holds the catalog; run again")
    return LakeError(
        f"{catalog}: the catalog cannot be used ({text}); check that the file is whole and the "
        "folder is writable"
    )
