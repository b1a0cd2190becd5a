"""Which jobs there are follows from the tables; what table.yaml says of them is checked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from stedi.contract import Table, load_tables, refresh_order
from stedi.contract.rules import check_rules
from stedi.contract.table import FOLDER, read_table
from stedi.errors import ContractError, UsageError
from stedi.jobs import find_job, jobs

PLACE = "zones/curated/customers_curated/table.yaml: job"


def faults(**changes: object) -> list[str]:
    """What the rules say of the shipped tables, customers_curated changed."""
    tables = load_tables()
    curated = replace(tables["customers_curated"], **changes)
    return check_rules(tables | {curated.name: curated})


def test_the_published_names_each_know_their_table() -> None:
    assert {job.name: job.table and job.table.full_name for job in jobs()} == {
        "landing": None,
        "customer_landing_to_trusted": "trusted.customer_trusted",
        "accelerometer_landing_to_trusted": "trusted.accelerometer_trusted",
        "customer_trusted_to_curated": "curated.customers_curated",
        "step_trainer_trusted": "trusted.step_trainer_trusted",
        "machine_learning_curated": "curated.machine_learning_curated",
    }
    assert find_job("step_trainer_landing_to_trusted") == find_job("step_trainer_trusted")


def test_the_order_is_that_of_a_run() -> None:
    landing, *others = jobs()

    assert landing.name == "landing"
    assert [job.table for job in others] == refresh_order()
    written = set(landing.writes)
    for job in others:
        assert written >= set(job.reads), job.name
        written |= set(job.writes)


def test_the_job_that_lands_reads_feeds_and_writes_the_zone() -> None:
    (landing, *_) = jobs()

    assert set(landing.reads) == {"accelerometer", "customer", "step_trainer"}
    assert {"landing.customer_landing", "landing.quarantine"} < set(landing.writes)
    assert all(name.startswith("landing.") for name in landing.writes)


@pytest.mark.parametrize("name", ["", "Landing", "customer_trusted", "trusted.customer_trusted"])
def test_what_is_no_job_is_answered_with_those_there_are(name: str) -> None:
    with pytest.raises(UsageError, match=r"there are landing, .*, machine_learning_curated"):
        find_job(name)


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ((), f"{PLACE} is missing; name the job that refreshes the table"),
        (("Customers",), f"{PLACE}: 'Customers' is no name"),
        (("a-b",), f"{PLACE}: 'a-b' is no name"),
        (("../x",), f"{PLACE}: '../x' is no name"),
        ((7,), f"{PLACE}: '7' is no name"),
        (("landing",), f"{PLACE}: landing is the job that lands files"),
        (("curate", "curate"), f"{PLACE}: curate is named twice"),
        (("machine_learning_curated",), f"{PLACE}: machine_learning_curated is named twice"),
        (("curate", "step_trainer_landing_to_trusted"), "is named twice"),
    ],
)
def test_a_job_that_cannot_be_is_found(job: tuple[str, ...], said: str) -> None:
    assert any(said in text for text in faults(job=job))


def test_a_job_of_a_table_that_no_query_makes_is_found() -> None:
    table = replace(load_tables()["customer_landing"], job=("land_customers",))
    (found,) = check_rules(load_tables() | {table.name: table})

    assert found.startswith(
        "zones/landing/customer_landing/table.yaml: job: the table has no query"
    )


def written(folder: Path, line: str) -> Table:
    """customers_curated with another line for its job, read from a folder."""
    place = folder / "curated" / "customers_curated"
    place.mkdir(parents=True)
    text = (FOLDER / "curated" / "customers_curated" / "table.yaml").read_text()
    assert "job: customer_trusted_to_curated" in text
    changed = text.replace("job: customer_trusted_to_curated", line)
    (place / "table.yaml").write_text(changed)
    return read_table(place)


@pytest.mark.parametrize(
    ("line", "names"),
    [("job: a_b", ("a_b",)), ("job: [a_b, c_d]", ("a_b", "c_d")), ("", ()), ("job: []", ())],
)
def test_one_name_or_several(line: str, names: tuple[str, ...], tmp_path: Path) -> None:
    assert written(tmp_path, line).job == names


@pytest.mark.parametrize("line", ["job: 5", "job:", "job: true", "jobs: a_b"])
def test_what_cannot_be_names_is_refused_where_it_stands(line: str, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"customers_curated/table\.yaml"):
        written(tmp_path, line)
