"""A Trino of the machine's own, which reads a lake on S3 through a Glue Data Catalog.

Amazon Athena's engine (version 3) is Trino; this is the closest to it that a test can start.
`make trino` fetches it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from s3.server import READER, REGION
from stedi.athena.values import value

HERE = Path(__file__).parent
JARS = Path(sys.prefix) / "trino"
CATALOG = "awsdatacatalog"  # as Athena calls it
OPTIONS = [
    "-Xmx1500m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    # Two ways to the exact size of objects, each by another Java; without, it is estimated.
    "-Djol.skipDynamicAttach=true",
    "-Djol.skipHotspotSAAttach=true",
]


class TrinoError(Exception):
    """A query that Trino refused or failed."""


@dataclass(frozen=True)
class Result:
    """Columns with Trino's types, and rows with values of Python."""

    columns: list[tuple[str, str]]
    rows: list[tuple[Any, ...]]


@dataclass
class Trino:
    """A server, and the client that asks it; it may still be starting."""

    process: subprocess.Popen[str]
    log: Path

    @cached_property
    def port(self) -> int:
        """Where it answers; the first to ask waits for it."""
        assert self.process.stdout is not None
        port = next((line for line in self.process.stdout if line.strip().isdigit()), "")
        assert port, self.log.read_text()[-2000:]
        return int(port)

    def ask(self, sql: str) -> Result:
        """The result of one statement; TrinoError with Trino's own words."""
        kinds, rows = self.fetch(sql)
        return Result(kinds, [tuple(map(_value, kinds, row)) for row in rows])

    def fetch(self, sql: str) -> tuple[list[tuple[str, str]], list[list[Any]]]:
        """The same as Trino's JSON says it."""
        page = self._call("POST", "/v1/statement", sql)
        columns, rows = page.get("columns", []), page.get("data", [])
        while "nextUri" in page:
            page = self._call("GET", urlsplit(page["nextUri"]).path)
            columns = page.get("columns", columns)
            rows += page.get("data", [])
        if "error" in page:
            raise TrinoError(page["error"]["message"])
        return [(column["name"], column["type"]) for column in columns], rows

    def _call(self, method: str, path: str, body: str = "") -> dict[str, Any]:
        headers = {
            "X-Trino-User": "test",
            "X-Trino-Catalog": CATALOG,
            "X-Trino-Time-Zone": "UTC",
            "X-Trino-Client-Capabilities": "PARAMETRIC_DATETIME",
        }
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(method, path, body.encode(), headers)
            answer = connection.getresponse()
            text = answer.read()
        assert answer.status == 200, text
        found: dict[str, Any] = json.loads(text)
        return found


def _value(kind: tuple[str, str], given: Any) -> Any:
    """What Trino gives as text, read as Athena's text is."""
    return value(given, kind[1].replace("(6)", "")) if isinstance(given, str) else given


def java(program: str, *arguments: str) -> list[str]:
    """How to start one of the programs of this folder; skipped where Trino was not fetched."""
    if not any(JARS.glob("trino-main-*.jar")):
        missing = "no Trino on this machine: `make trino` fetches it"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    return ["java", *OPTIONS, "-cp", f"{JARS}/*", str(HERE / program), *arguments]


@contextmanager
def trino(glue: str, s3: str, folder: Path) -> Iterator[Trino]:
    """Trino over Glue and S3 at these addresses, where it may only read.

    What it writes for itself is in `folder`.
    """
    command = java("Trino.java", glue, s3, REGION, *READER)
    command.insert(1, f"-Djava.io.tmpdir={folder}")
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        assert process.stdin is not None
        try:
            yield Trino(process, folder / "log")
        finally:
            process.stdin.close()
            process.wait(30)
