"""Athena's API over HTTP, answers by script: what it takes and gives has botocore's shapes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
from botocore.validate import ParamValidator

NUMBER = "11111111-2222-3333-4444-555555555555"
LARGEST_PAGE = 1000


@dataclass
class Athena:
    """One query after another: the states it is seen in, and what it gives or why it does not."""

    states: list[str] = field(default_factory=lambda: ["QUEUED", "RUNNING", "SUCCEEDED"])
    reason: str = ""
    columns: list[tuple[str, str]] = field(default_factory=lambda: [("n", "integer")])
    rows: list[list[str | None]] = field(default_factory=list)
    statistics: dict[str, Any] = field(default_factory=dict)
    refused: dict[str, tuple[str, str]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    seen: threading.Event = field(default_factory=threading.Event)  # somebody waits for the query

    def operations(self) -> list[str]:
        """What was asked for, in order."""
        return [operation for operation, _ in self.asked]

    def started(self) -> dict[str, Any]:
        """What the only query was started with."""
        (given,) = [given for name, given in self.asked if name == "StartQueryExecution"]
        return given

    def answer(self, operation: str, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and body for one request."""
        self.asked.append((operation, given))
        if operation in self.refused:
            code, message = self.refused[operation]
            return 400, {"__type": code, "message": message}
        return 200, getattr(self, f"_{operation}")(given)

    def _StartQueryExecution(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"QueryExecutionId": NUMBER}

    def _StopQueryExecution(self, given: dict[str, Any]) -> dict[str, Any]:
        return {}

    def _GetQueryExecution(self, given: dict[str, Any]) -> dict[str, Any]:
        self.seen.set()
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        status = {"State": state} | ({"StateChangeReason": self.reason} if self.reason else {})
        return {
            "QueryExecution": {
                "QueryExecutionId": NUMBER,
                "StatementType": "DML",
                "Status": status,
                "Statistics": self.statistics,
            }
        }

    def _GetQueryResults(self, given: dict[str, Any]) -> dict[str, Any]:
        """A page; the first row of the first is the header, a null has no VarCharValue."""
        lines = [[name for name, _ in self.columns], *self.rows]
        start = int(given.get("NextToken", 0))
        end = start + given.get("MaxResults", LARGEST_PAGE)
        data = [
            {"Data": [{} if text is None else {"VarCharValue": text} for text in line]}
            for line in lines[start:end]
        ]
        kinds = [{"Name": name, "Type": kind} for name, kind in self.columns]
        result = {"Rows": data, "ResultSetMetadata": {"ColumnInfo": kinds}}
        return {"ResultSet": result} | ({"NextToken": str(end)} if end < len(lines) else {})


@contextmanager
def serving(athena: Athena) -> Iterator[str]:
    """The address at which it answers, while it lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(athena))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@cache
def _model() -> Any:
    return boto3.client("athena", region_name="us-east-1").meta.service_model


def _handler(athena: Athena) -> type[BaseHTTPRequestHandler]:
    model = _model()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            operation = self.headers["X-Amz-Target"].removeprefix("AmazonAthena.")
            shapes = model.operation_model(operation)
            given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            _check(given, shapes.input_shape)
            status, body = athena.answer(operation, given)
            if status == 200:
                _check(body, shapes.output_shape)
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _check(given: dict[str, Any], shape: Any) -> None:
    report = ParamValidator().validate(given, shape)
    assert not report.has_errors(), report.generate_report()
