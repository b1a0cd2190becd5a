"""`stedi sql --athena` from end to end: Athena's API in front, Trino behind it, over one lake."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from stedi.api import Lake
from stedi.cli.app import run
from stedi.contract.queries import load_queries
from stedi.places import aws
from trino.server import Trino

pytest.importorskip("boto3", reason="no boto3: it comes with stedi-lakehouse[aws]")

from cli.athena_server import Athena, serving

pytestmark = pytest.mark.xdist_group("trino")  # one server is enough
Says = Callable[..., str]


@dataclass
class TrinoAthena(Athena):
    """An Athena that has Trino run what it is asked."""

    engine: Trino | None = None

    def _StartQueryExecution(self, given: dict[str, Any]) -> dict[str, Any]:
        assert self.engine is not None
        kinds, rows = self.engine.fetch(given["QueryString"])
        self.states = ["SUCCEEDED"]
        self.columns = [(name, athenas(kind)) for name, kind in kinds]
        self.rows = [[text(cell) for cell in row] for row in rows]
        return super()._StartQueryExecution(given)


def athenas(kind: str) -> str:
    """Athena's word for a type of Trino."""
    return kind.partition("(")[0] + kind.partition(")")[2]


def text(cell: Any) -> str | None:
    """A cell as Athena gives it."""
    if cell is None or isinstance(cell, str):
        return cell
    return str(cell).lower() if isinstance(cell, bool) else repr(cell)


@pytest.fixture
def says(
    server: Trino, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Says]:
    """Run one `stedi sql`, Athena at hand; what it prints."""
    handler = signal.getsignal(signal.SIGTERM)

    def go(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["stedi", "sql", *map(str, arguments)])
        capsys.readouterr()
        code = run()
        out, err = capsys.readouterr()
        assert code == 0, err
        return out

    with serving(TrinoAthena(engine=server)) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_ATHENA", address)
        aws._client.cache_clear()
        yield go
    aws._client.cache_clear()
    signal.signal(signal.SIGTERM, handler)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("customers_delivered_again", "json"),
        ("last_runs", "table"),
        ("readings_by_day", "csv"),
        ("subjects_by_readings", "table"),
    ],
)
def test_it_prints_what_the_lake_itself_would(name: str, form: str, says: Says, lake: Lake) -> None:
    (query,) = [query.sql for query in load_queries() if query.name == name]

    there = says(query, "--athena", "--lake", lake.home.root, "--format", form)
    here = says(query, "--lake", lake.home.root, "--format", form)

    assert len(there.splitlines()) > 2
    assert there == here
