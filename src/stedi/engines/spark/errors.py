"""Spark's errors as the product's own: what is wrong, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from stedi.errors import QueryError, StorageError, storage_error

_LENGTH = 300


@contextmanager
def spark_errors(where: str) -> Iterator[None]:
    """Turn what Spark raises into StorageError that names what was at work."""
    try:
        yield
    except OSError as error:
        raise storage_error(error, where) from error
    except Exception as error:
        if not _of_spark(error):
            raise
        why = f"{where}: Spark failed: {_brief(error)}; look there and run again"
        raise StorageError(why) from error


@contextmanager
def query_errors() -> Iterator[None]:
    """Turn what Spark finds wrong with a query into QueryError."""
    try:
        yield
    except Exception as error:
        if not getattr(error, "getCondition", lambda: None)():  # no fault of the query's
            raise
        raise QueryError(_brief(error)) from error


def _of_spark(error: Exception) -> bool:
    """Told by the name of its library, so that nobody needs it who has no Spark."""
    return type(error).__module__.partition(".")[0] in ("py4j", "pyspark")


def _brief(error: Exception) -> str:
    """The first lines of a message, without the plans and stack traces that follow."""
    text = str(error).partition("\n\tat ")[0].partition(";\n'")[0].partition("JVM stacktrace")[0]
    return " ".join(text.split())[:_LENGTH]
