"""What table.yaml says under `presence` is what the query does; otherwise the rules say so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stedi.contract import Table, load_tables
from stedi.contract.rules import check_rules

PLACE = "zones/curated/customers_curated"
WANTED = "write SELECT DISTINCT lower(trim(`user`)) FROM accelerometer_trusted"
ASKED = "SELECT DISTINCT lower(trim(`user`)) AS person FROM accelerometer_trusted"


def curated(**changes: object) -> dict[str, Table]:
    """The shipped tables, customers_curated changed."""
    tables = load_tables()
    return tables | {"customers_curated": replace(tables["customers_curated"], **changes)}


def asking(sql: str) -> list[str]:
    """What the rules say if that is how customers_curated asks for readings."""
    query = load_tables()["customers_curated"].query
    assert ASKED in query
    return check_rules(curated(query=query.replace(ASKED, sql)))


@pytest.mark.parametrize(
    "more",
    [
        ASKED.replace("DISTINCT ", ""),
        ASKED.replace("lower(trim(`user`))", "`user`"),
        ASKED.replace("lower(trim(`user`))", "trim(lower(`user`))"),
        ASKED.replace("AS person", "AS person, x"),
        ASKED.replace("lower(trim(`user`)) AS person", "`timestamp` AS person"),
        f"{ASKED} WHERE x > 0",
        f"{ASKED} GROUP BY `user` HAVING count(*) > 9",
        "SELECT lower(trim(`user`)) AS person, count(*) AS n FROM accelerometer_trusted GROUP BY 1",
        "SELECT r.email AS person FROM customer_trusted AS r "
        "JOIN accelerometer_trusted AS a ON a.`user` = r.email",
    ],
)
def test_a_query_that_asks_more_than_presence_is_found(more: str) -> None:
    (found,) = [text for text in asking(more) if "asks more" in text]

    assert found.startswith(f"{PLACE}/query.sql: asks more of accelerometer_trusted than who has")
    assert found.endswith(WANTED)


def test_one_plain_question_does_not_excuse_another() -> None:
    second = f"{ASKED}), more AS (SELECT max(x) AS x FROM accelerometer_trusted"

    assert len([text for text in asking(second) if WANTED in text]) == 1


@pytest.mark.parametrize(
    "same",
    [
        ASKED,
        ASKED.replace("`user`", "USER").lower(),
        ASKED.replace(" AS person", " person"),
        f"{ASKED} -- whoever walks",
    ],
)
def test_how_the_question_is_spelled_does_not_matter(same: str) -> None:
    assert asking(same) == []


def test_readings_that_are_not_declared_are_found() -> None:
    (found,) = check_rules(curated(presence=()))

    assert found.startswith(f"{PLACE}/query.sql: reads accelerometer_trusted, a table of readings")
    assert found.endswith("name it under presence in table.yaml")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no_such_table", "query.sql does not read no_such_table; drop it"),
        ("step_trainer_trusted", "query.sql does not read step_trainer_trusted; drop it"),
        ("customer_trusted", "customer_trusted has no event time, its rows are no readings"),
    ],
)
def test_presence_of_anything_but_readings_that_are_read_is_found(name: str, said: str) -> None:
    (found,) = check_rules(curated(presence=("accelerometer_trusted", name)))

    assert found.startswith(f"{PLACE}/table.yaml: presence: {said}")


def test_presence_in_a_table_of_readings_is_found() -> None:
    table = load_tables()["machine_learning_curated"]
    declared = replace(table, presence=("accelerometer_trusted",))
    (found,) = check_rules(load_tables() | {table.name: declared})

    assert "machine_learning_curated/table.yaml: presence: the table has an event time" in found


def test_presence_of_devices_is_found() -> None:
    steps = "SELECT DISTINCT lower(trim(serialnumber)) AS person FROM step_trainer_trusted"
    query = load_tables()["customers_curated"].query.replace(ASKED, steps)
    found = check_rules(curated(query=query, presence=("step_trainer_trusted",)))

    assert any("must both be known by an e-mail address" in text for text in found)


def test_a_query_that_does_not_parse_is_reported_once() -> None:
    (found,) = check_rules(curated(query="SELEC", presence=()))

    assert found == f"{PLACE}/query.sql: holds COLUMN; write exactly one SELECT"
