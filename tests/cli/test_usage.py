"""Wrong usage: exit code 2, a message that helps, no traceback, nothing on stdout."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.commands import Command

NOTHING_THERE: dict[str, tuple[str, str]] = {
    "an unknown command": ("nonsense", "No such command 'nonsense'"),
    "an unknown option": ("run --nonsense", "No such option: --nonsense"),
    "an argument too many": ("lineage extra", "extra"),
    "a missing argument": ("preview", "Missing argument"),
    "an unknown format": ("describe --format xml", "'table', 'json', 'csv'"),
    "an unknown dialect": ("ddl --dialect oracle", "'athena', 'spark', 'duckdb'"),
    "an unknown policy": ("init --consent never", "'since', 'any'"),
    "no lake and nothing to land": ("run", "there is no lake; give --landing DIR"),
    "no landing folder": ("run --landing nowhere", "nowhere: no such folder"),
    "an unknown table to describe": ("describe nope", "curated.machine_learning_curated"),
    "an unknown column to trace": (
        "lineage --column customer_trusted.nope",
        "trusted.customer_trusted has no column 'nope'; it has customername",
    ),
    "something to trace that is no column": ("lineage --column nope", "no table.column"),
    "a simulation without a place": ("simulate", "--out"),
    "a simulation of nobody": ("simulate --out new --people 0", "people=0 is too few"),
    "two sizes at once": ("simulate --out new --people 3 --readings 9", "give one of them"),
    "more dirt than lines": ("simulate --out new --dirty 2", "between 0 and 0.5"),
    "no readings a second": ("simulate --out new --rate 0", "rate=0.0 Hz"),
    "minutes that are no number": ("simulate --out new --minutes x", "--minutes"),
    "days of the future": ("simulate --out new --days 99999", "reach past today"),
    "a demo of nobody": ("demo --people 0", "people=0 is too few"),
}


@pytest.mark.parametrize(("line", "message"), NOTHING_THERE.values(), ids=NOTHING_THERE.keys())
def test_wrong_usage_is_refused(line: str, message: str, command: Command, tmp_path: Path) -> None:
    done = command(*line.split())

    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert not list(tmp_path.iterdir())
