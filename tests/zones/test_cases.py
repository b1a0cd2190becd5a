"""Every case below this folder: tables in, one verdict query, rows and excluded counts out.

    <zone>/<table>/test_<claim>/<source table>.yaml   rows of a table that the query reads
                                expect.yaml           rows: [...], excluded: {reason: count}
                                                      policy: any (since if not given)

A source without a file is empty. Columns not given are null; times are ISO 8601, in UTC.
Columns of the result that `expect.yaml` does not give in any row are not compared.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from helpers import Row, ordered, read_source, stored
from stedi.contract import Table, find_table, load_tables, refresh_order
from stedi.engines.base import Engine, Refreshed, RefreshTask
from stedi.lake.keys import hmac_pads
from stedi.lake.model import Target
from stedi.lake.schema import contract_fields
from stedi.people import pseudonym

HERE = Path(__file__).parent
KEY = b"a key for tests of sixty-five bytes, so that it is hashed first.."
CASES = sorted(path.parent for path in HERE.glob("*/*/test_*/expect.yaml"))


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text()) if path.exists() else []


def as_value(kind: str, value: Any) -> Any:
    if kind == "timestamp" and isinstance(value, date):
        moment = value if isinstance(value, datetime) else datetime(*value.timetuple()[:3])  # noqa: DTZ001
        return moment.replace(tzinfo=UTC)
    return value


def typed(table: Table, rows: list[Row]) -> list[Row]:
    kinds = {column.name: column.type for column in table.columns}
    assert {key for row in rows for key in row} <= kinds.keys()
    return [{key: as_value(kinds[key], value) for key, value in row.items()} for row in rows]


def rows_of(name: str, case: Path) -> list[Row]:
    return typed(load_tables()[name], read_yaml(case / f"{name}.yaml"))


def judge(engine: Engine, table: Table, case: Path, folder: Path) -> Refreshed:
    sources = {
        name: stored(load_tables()[name], rows_of(name, case), folder) for name in table.sources
    }
    target = Target(table.name, str(folder / "out"), contract_fields(table), table.day_column)
    policy = read_yaml(case / "expect.yaml").get("policy", "since")
    params = {"consent": policy, **hmac_pads(KEY)}
    return engine.refresh(RefreshTask(table, sources, target, params))


def expected(table: Table, case: Path) -> list[Row]:
    """The rows of expect.yaml; `subject_id: {of: email}` stands for the pseudonym."""
    rows = typed(table, read_yaml(case / "expect.yaml")["rows"])
    for row in rows:
        if isinstance(row.get("subject_id"), dict):
            row["subject_id"] = pseudonym(KEY, row["subject_id"]["of"])
    return rows


def only(columns: set[str], rows: list[Row]) -> list[Row]:
    return ordered(
        {
            key: value.astimezone(UTC) if isinstance(value, datetime) else value
            for key, value in row.items()
            if key in columns
        }
        for row in rows
    )


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=f"{case.parent.name}-{case.name[5:]}") for case in CASES]
)
def test_case(engine: Engine, case: Path, tmp_path: Path):
    table = find_table(case.parent.name)
    result = judge(engine, table, case, tmp_path)
    wanted, rows = expected(table, case), read_source(result.staged)
    columns = {key for row in wanted for key in row}
    assert only(columns, rows) == only(columns, wanted)
    assert len(rows) == result.tally.rows_out
    assert dict(result.tally.excluded) == (read_yaml(case / "expect.yaml").get("excluded") or {})
    assert result.candidates == result.tally.rows_in
    assert result.tally.rows_in == len(rows) + sum(result.tally.excluded.values())


@pytest.mark.parametrize("table", refresh_order(), ids=lambda table: table.name)
def test_every_table_has_cases_and_every_case_reads_known_tables(table: Table):
    cases = [case for case in CASES if case.parent.name == table.name]
    assert len(cases) >= 4
    for case in cases:
        files = {path.stem for path in case.iterdir()} - {"expect"}
        assert files <= set(table.sources), case
        assert case.parent.parent.name == table.zone
