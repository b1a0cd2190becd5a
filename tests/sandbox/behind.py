"""Statements given to DuckDB with one fence alone: `python behind.py none|settings|process`.

Reads JSON (a query's spec, statements) and tells, also in JSON, of each statement what DuckDB
said, or `done`. `settings`: as the product sets DuckDB up, without its gate, in a process that may
do all. `process`: a confined process with DuckDB as it comes, without the gate.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import duckdb

from stedi.engines.duckdb import caged
from stedi.engines.lent import Lines
from stedi.engines.spec import Spec
from stedi.sandbox.confine import confine


def opened(fence: str, spec: Spec) -> duckdb.DuckDBPyConnection:
    if fence == "settings":
        return caged._open(spec, Lines([]))
    if fence == "process":
        confine(spec.files, spec.limits)
    return duckdb.connect()


def outcome(fence: str, spec: Spec, statement: str) -> str:
    """In a process of its own, which tells by a pipe; a crash has nothing to tell."""
    ear, mouth = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(mouth, said(fence, spec, statement).encode()[:4096])
        os._exit(0)
    os.close(mouth)
    with os.fdopen(ear) as pipe:
        text = pipe.read()
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return text or f"ended by {-ended}"


def said(fence: str, spec: Spec, statement: str) -> str:
    try:
        opened(fence, spec).execute(statement).fetchall()
    except (duckdb.Error, OSError) as error:
        return str(error)
    return "done"


def main() -> None:
    told: dict[str, Any] = json.loads(sys.stdin.read())
    spec = Spec.from_json(told["spec"].encode())
    found = {one: outcome(sys.argv[1], spec, one) for one in told["statements"]}
    os.write(1, json.dumps(found).encode())
    os._exit(0)


if __name__ == "__main__":
    main()
