"""The jobs of the lake as AWS Glue jobs: a face, no logic of its own.

Each script in this folder calls `main` with its job's name. stdout is data: a JSON object a line
for each table that the job wrote. stderr is talk.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from stedi.api import Lake, open_lake, open_to_land
from stedi.contract import load_tables
from stedi.errors import StediError
from stedi.glue.arguments import Arguments, read
from stedi.jobs import Job, find_job

if TYPE_CHECKING:
    from stedi.outcome import RunResult


def main(name: str, argv: Sequence[str] | None = None, engine: str = "spark") -> None:
    """Run one job with Glue's arguments (of the process, unless given).

    Where it cannot be done the reason goes to stderr, and SystemExit has the exit code: 1 a
    check or the lake, 2 a wrong argument.
    """
    try:
        arguments = read(sys.argv if argv is None else argv)
        _run(find_job(name), arguments, engine)
    except StediError as error:
        _say(f"error: {error}")
        raise SystemExit(error.exit_code) from error


def _run(job: Job, given: Arguments, engine: str) -> None:
    from stedi.outcome import Watch

    arguments = _fitting(job, given)
    os.environ.update(arguments.keys)
    if arguments.unread:
        _say(f"note: not read by this job: --{', --'.join(arguments.unread)}")
    job.refuse(arguments.landing, arguments.full)
    watch = Watch(noted=lambda text: _say(f"note: {text}"))
    with _open(job, arguments, engine) as lake:
        result = lake.job(
            job.name, arguments.landing, watch, arguments.wait, arguments.consent, arguments.full
        )
    for line in lines(job, result):
        sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
    _say(f"{job.name}: {'done' if result.changed else 'nothing new, nothing changed'}")


def _fitting(job: Job, given: Arguments) -> Arguments:
    """Without what belongs to other jobs: all jobs may be given the same arguments."""
    return replace(given, landing=None, policy=None) if job.table else replace(given, full=False)


def _open(job: Job, arguments: Arguments, engine: str) -> Lake:
    if job.table:
        return open_lake(arguments.lake, engine)
    consent, policy = arguments.consent, arguments.policy
    return open_to_land(arguments.lake, arguments.landing, consent, engine, policy)


def lines(job: Job, result: RunResult) -> Iterator[Mapping[str, object]]:
    """What the job did to each table that it wrote: rows in, out and excluded by reason."""
    from stedi.run import left_out

    names = {table.feed: table.full_name for table in load_tables().values() if table.feed}
    for feed, count in result.landed.items():
        if count.files:
            rows = (count.lines, count.landed, left_out(count))
            yield _line(job, result, names[feed], *rows, f"{count.files} files")
    for refreshed in result.refreshed:
        account = refreshed.account
        rows = (account.rows_in, account.rows_out, dict(account.excluded))
        warnings = [found.check.name for found in refreshed.warnings]
        made = _line(job, result, account.table, *rows, account.scope)
        yield made | ({"warnings": warnings} if warnings else {})


def _line(
    job: Job,
    result: RunResult,
    table: str,
    rows_in: int,
    rows_out: int,
    excluded: Mapping[str, int],
    scope: str,
) -> dict[str, object]:
    return {
        "job": job.name,
        "run": result.run,
        "table": table,
        "rows_in": rows_in,
        "rows_out": rows_out,
        "excluded": dict(excluded),
        "scope": scope,
    }


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
