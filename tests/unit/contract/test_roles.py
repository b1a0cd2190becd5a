"""Roles: what each sees of a table follows from its zone and columns, never from a list."""

from __future__ import annotations

from pathlib import Path

import pytest

from stedi.contract import load_tables
from stedi.contract.queries import load_queries
from stedi.contract.roles import find_role, load_roles
from stedi.errors import ContractError, UsageError

SCIENTIST = find_role("scientist")


def test_a_scientist_sees_curated_tables_without_identifying_columns() -> None:
    seen = {table.name: table for table in SCIENTIST.tables()}
    assert set(seen) == {t.name for t in load_tables().values() if t.zone == "curated"}
    for table in load_tables().values():
        shown = SCIENTIST.columns(table)
        assert all(column.pii == "none" for column in shown)
        assert bool(shown) == (table.name in seen)


def test_only_privacy_looks_people_up() -> None:
    assert [role.name for role in load_roles().values() if role.subjects] == ["privacy"]


def test_a_column_nobody_announced_counts_as_direct() -> None:
    table = load_tables()["customers_curated"]
    stored = [*(column.name for column in table.columns), "nickname"]
    assert "nickname" not in SCIENTIST.names(table, stored)
    assert "nickname" in find_role("engineer").names(table, stored)
    assert SCIENTIST.names(load_tables()["customer_landing"], ["lastupdatedate"]) == []


def test_every_role_has_saved_queries_and_no_query_is_for_nobody() -> None:
    for role in load_roles().values():
        assert any(query.open_to(role) for query in load_queries())
    for query in load_queries():
        assert query.tables
        assert any(query.open_to(role) for role in load_roles().values())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x: {zones: [moon], personal: [none], description: d}", "zones must be a list of"),
        ("x: {zones: [curated], personal: [all], description: d}", "personal must be a list of"),
        ("x: {zones: curated, personal: [none], description: d}", "zones must be a list of"),
        ("x: {zones: [curated], description: d}", "personal"),
        ("x: {zones: [curated], personal: [none], description: d, power: 9}", "power"),
        ("- x", "roles.yaml"),
        ("x: [", "roles.yaml"),
    ],
)
def test_a_wrong_file_of_roles_is_told(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "roles.yaml").write_text(text)
    with pytest.raises(ContractError, match=told):
        load_roles(tmp_path / "roles.yaml")


def test_an_unknown_role_is_told() -> None:
    with pytest.raises(UsageError, match="there are engineer, scientist, privacy"):
        find_role("emperor")
