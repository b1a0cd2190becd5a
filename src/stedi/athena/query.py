"""One SELECT that Athena runs: asked, waited for, read page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from time import sleep
from typing import Any

from stedi.athena.names import select
from stedi.athena.troubles import athena_errors
from stedi.athena.values import value
from stedi.errors import QueryError
from stedi.places.aws import client, words

WORKGROUP = "stedi"
CATALOG = "AwsDataCatalog"

# What Athena asks for SQL in most regions: per TB scanned, 10 MB at least.
USD_PER_TB = 5.0
LEAST_BYTES = 10 * 1000**2

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0  # seconds between two looks at a query


@dataclass(frozen=True)
class Answer:
    """The result of a query that has ended well; `rows` come page by page, once."""

    columns: list[str]
    rows: Iterator[dict[str, Any]]
    scanned: int
    seconds: float
    reused: bool

    @property
    def usd(self) -> float:
        """What the query costs, an estimate: a TB is taken as 10^12 bytes, no discount known."""
        return 0.0 if self.reused else max(self.scanned, LEAST_BYTES) * USD_PER_TB / 1000**4


def ask(sql: str, workgroup: str = WORKGROUP, database: str = "") -> Answer:
    """Run one SELECT as it stands and wait for its end; a query not waited for is stopped.

    Names without a database are looked up in `database`. QueryError if Athena refuses or fails
    the query, LakeError if Athena cannot be asked, UsageError without boto3.
    """
    select(sql)
    context = {"Catalog": CATALOG} | ({"Database": database} if database else {})
    with athena_errors(workgroup):
        athena = client("athena")
        number = athena.start_query_execution(
            QueryString=sql.strip().rstrip(";"), QueryExecutionContext=context, WorkGroup=workgroup
        )["QueryExecutionId"]
        with _stopping(athena, number):
            ended = _wait(athena, number)
    _refuse_failure(ended, workgroup)
    return _answer(athena, ended, workgroup)


@contextmanager
def _stopping(athena: Any, number: str) -> Iterator[None]:
    """Stop the query if the block does not see its end, by Ctrl-C or otherwise."""
    try:
        yield
    except BaseException:
        with suppress(Exception):
            athena.stop_query_execution(QueryExecutionId=number)
        raise


def _wait(athena: Any, number: str) -> Mapping[str, Any]:
    pause = _FIRST_PAUSE
    while True:
        found: Mapping[str, Any] = athena.get_query_execution(QueryExecutionId=number)
        execution: Mapping[str, Any] = found["QueryExecution"]
        if execution["Status"]["State"] in ("SUCCEEDED", "FAILED", "CANCELLED"):
            return execution
        sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def _refuse_failure(execution: Mapping[str, Any], workgroup: str) -> None:
    status = execution["Status"]
    if status["State"] == "SUCCEEDED":
        return
    told = status.get("StateChangeReason") or status.get("AthenaError", {}).get("ErrorMessage")
    reason = words(told or "Athena gives no reason")
    if "bytes scanned limit" in reason.lower():
        raise QueryError(
            f"the query reads more than the workgroup {workgroup!r} allows ({reason}); ask for "
            "fewer days or columns, or raise the workgroup's limit of bytes per query"
        )
    if status["State"] == "CANCELLED":
        raise QueryError(f"the query was stopped in Athena ({reason})")
    raise QueryError(f"Athena could not run the query: {reason}")


def _answer(athena: Any, execution: Mapping[str, Any], workgroup: str) -> Answer:
    asked = athena.get_paginator("get_query_results")
    number = execution["QueryExecutionId"]
    with athena_errors(workgroup):
        pages = iter(asked.paginate(QueryExecutionId=number))
        first = next(pages)
    kinds = first["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    told = execution.get("Statistics", {})
    return Answer(
        columns=[kind["Name"] for kind in kinds],
        rows=_rows(first, pages, kinds, workgroup),
        scanned=told.get("DataScannedInBytes", 0),
        seconds=told.get("TotalExecutionTimeInMillis", 0) / 1000,
        reused=told.get("ResultReuseInformation", {}).get("ReusedPreviousResult", False),
    )


def _rows(
    first: Mapping[str, Any],
    pages: Iterator[Mapping[str, Any]],
    kinds: list[Mapping[str, Any]],
    workgroup: str,
) -> Iterator[dict[str, Any]]:
    """Rows with values of Python; the first row of a SELECT's first page is its header."""
    names = [kind["Name"] for kind in kinds]
    found = first["ResultSet"]["Rows"]
    header = [datum.get("VarCharValue") for datum in found[0]["Data"]] if found else []
    first = {"ResultSet": {"Rows": found[1:] if header == names else found}}
    with athena_errors(workgroup):
        for page in chain([first], pages):
            for row in page["ResultSet"]["Rows"]:
                yield {
                    kind["Name"]: value(datum.get("VarCharValue"), kind["Type"])
                    for kind, datum in zip(kinds, row["Data"], strict=True)
                }
