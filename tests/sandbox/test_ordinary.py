"""The gate is not simply closed: what people ask is answered, and rightly."""

from __future__ import annotations

import pytest

from sandbox.asking import QUICK, Outcome, Shared, Small
from sandbox.ordinary import ORDINARY
from stedi.contract.roles import find_role
from stedi.engines.spec import Limits
from stedi.lake.model import Source
from stedi.sandbox import relations


@pytest.fixture(scope="module")
def answers(shared: Shared, small: Small) -> dict[str, Outcome]:
    return dict(zip(ORDINARY, shared.ask_all([small.spec(sql) for sql in ORDINARY]), strict=True))


@pytest.mark.parametrize("sql", ORDINARY)
def test_answer(sql: str, answers: dict[str, Outcome]):
    found = answers[sql]
    assert (found.state, found.message, found.cut) == ("done", "", "")
    assert [list(row.values())[-1] for row in found.rows] == ORDINARY[sql]


def test_answered_queries_leave_nothing_open(shared: Shared, answers: dict[str, Outcome]):
    assert len(answers) > 50
    assert shared.left == []


def test_each_role_sees_what_is_its_own(shared: Shared, small: Small):
    asked = {
        ("engineer", "SELECT count(email) FROM trusted.customer_trusted"): "done",
        ("engineer", "SELECT count(*) FROM ops.files"): "done",
        ("engineer", "SELECT count(_source_file) FROM landing.customer_landing"): "done",
        ("privacy", "SELECT count(email) FROM customers_curated"): "done",
        ("scientist", "SELECT count(email) FROM customers_curated"): "failed",
        ("scientist", "SELECT count(*) FROM ops.files"): "refused",
    }
    found = shared.ask_all([small.spec(sql, role) for role, sql in asked])
    assert [one.state for one in found] == list(asked.values())


def test_sources_of_tables_that_are_not_the_roles_are_left_out(small: Small):
    spec = relations.spec(find_role("scientist"), "SELECT 1", small.sources, QUICK)
    assert {one.name for one in spec.relations} == {
        "customers_curated",
        "machine_learning_curated",
    }
    hidden = {"email", "customername", "phone", "birthday", "serialnumber"}
    assert not hidden & {name for one in spec.relations for name, _ in one.columns}


def test_a_table_without_files_has_no_rows(shared: Shared, small: Small):
    sql = "SELECT count(*) AS n FROM customers_curated"
    none = Source("customers_curated", small.sources["customers_curated"].fields, [])
    spec = relations.spec(find_role("scientist"), sql, {none.name: none}, QUICK)
    assert shared.ask_all([spec])[0].rows == [{"n": 0}]


def test_the_place_of_a_mistake_is_told_in_characters(shared: Shared, small: Small):
    text = "SELECT '\u00e4\u00f6\u00fc\U0001f600' AS a, emial FROM customers_curated"
    found = shared.ask_all(
        [small.spec(text), small.spec("SELECT 1 FORM x"), small.spec("FROM ops.runs")]
    )
    assert [one.position for one in found] == [text.index("emial"), 14, 5]


def test_rows_and_size_are_cut(shared: Shared, small: Small):
    few = Limits(seconds=20, rows=100)
    little = Limits(seconds=20, size=1 << 20)
    specs = [
        small.spec("SELECT * FROM range(100)", limits=few),
        small.spec("SELECT * FROM range(101)", limits=few),
        small.spec("SELECT repeat('x', 10000) AS r FROM range(1000)", limits=little),
        small.spec("SELECT repeat('x', 3000000) AS r", limits=little),
    ]
    exact, more, large, huge = shared.ask_all(specs)
    assert (len(exact.rows), exact.cut) == (100, "")
    assert (len(more.rows), more.cut) == (100, "rows")
    assert large.cut == "size"
    assert 20 <= len(large.rows) <= 100
    assert (len(huge.rows), huge.cut) == (0, "size")
