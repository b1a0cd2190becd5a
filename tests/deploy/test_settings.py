"""Settings are read into a checked value, or refused with all that is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest
from deploy.cron import cron_fault, gap_days
from deploy.plan import Plan, qualified, queries_of
from deploy.settings import DEFAULT, DELETE_VARIABLE, SettingsError, read_settings

from stedi.contract import ZONES, load_tables
from stedi.contract.queries import load_queries
from stedi.contract.roles import find_role


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = DEFAULT.read_text()
    assert old in text
    where = tmp_path / "settings.toml"
    where.write_text(text.replace(old, new))
    return where


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('name = "stedi"', 'name = "Stedi Lake"', "[lake] name is 'Stedi Lake'; give 2 to 20"),
        ('name = "stedi"', "", "[lake] name is missing; give 2 to 20 lower-case letters"),
        ('consent = "since"', 'consent = "maybe"', "give one of since, any"),
        ("keep_data = true", 'keep_data = "yes"', "give true or false"),
        ("workers = 2", "workers = 1", "give a whole number from 2 to 299"),
        ("workers = 2", "workers = true", "give a whole number from 2 to 299"),
        ("workers = 2", "workres = 2", "[runs] workres: no such key; there are schedule"),
        ("timeout_minutes = 120", "timeout_minutes = 30", "a whole number from 45 to 2880"),
        ("on_arrival = true", "on_arrival = 1", "[runs] on_arrival is 1; give true or false"),
        ("[alarms]", "[alarm]", "[alarm] is not a section"),
        ("[alarms]", "[alarm]", "[alarms] is missing"),
        ("data@example.com", "nobody", "give an e-mail address"),
        ("scientist = []", 'scientist = ["*"]', "[roles] scientist is ['*']; give a list of ARNs"),
        ("scientist = []", 'scientist = ["account", "x"]', 'or ["account"]'),
        ("scientist = []", 'guest = ["x"]', "[roles] guest: no such key; there are engineer"),
        ("[lake]", "[lake", "Expected ']'"),
    ],
)
def test_a_setting_that_does_not_fit_is_refused_with_what_would(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(changed(tmp_path, old, new))

    assert told in str(refused.value)


def test_a_file_that_is_not_there_is_refused_with_what_to_copy(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"not there; copy settings\.toml"):
        read_settings(tmp_path / "none.toml")


@pytest.mark.parametrize(
    "wrong",
    [
        "rate(1 day)",
        "cron(15 3 * * *)",
        "cron(15 3 * * * *)",
        "cron(15 3 ? * ? *)",
        "cron(60 3 * * ? *)",
        "cron(15 24 * * ? *)",
        "cron(15 3 0 * ? *)",
        "cron(15 3 * 13 ? *)",
        "cron(15 3 ? * 8 *)",
        "cron(15 3 ? * FOO *)",
        "cron(*/0 3 * * ? *)",
        "15 3 * * ? *",
        7,
    ],
)
def test_a_schedule_that_eventbridge_would_refuse_is_refused_here(wrong: object) -> None:
    assert "six fields" in cron_fault(wrong)


@pytest.mark.parametrize(
    "right",
    [
        "cron(15 3 * * ? *)",
        "cron(0/15 * * * ? *)",
        "cron(0 8 1 * ? *)",
        "cron(0 18 ? * MON-FRI *)",
        "cron(0,30 9-17 ? JAN,JUL 2#1 2026-2030)",
        "cron(0 0 L * ? *)",
    ],
)
def test_a_schedule_is_taken(right: str) -> None:
    assert cron_fault(right) == ""


@pytest.mark.parametrize(
    ("schedule", "days"),
    [
        ("cron(15 3 * * ? *)", 1),
        ("cron(0/15 * ? * * *)", 1),
        ("cron(0 18 ? * MON-FRI *)", 3),
        ("cron(0 18 ? * 2,4 *)", 5),
        ("cron(0 18 ? * FRI-MON *)", 4),
        ("cron(0 18 ? * SUN *)", 7),
        ("cron(0 8 1 * ? *)", 31),
        ("cron(0 8 ? * 2#1 *)", 31),
        ("cron(0 8 ? JAN * *)", 31),
    ],
)
def test_the_longest_pause_of_a_schedule_is_known_in_days(schedule: str, days: int) -> None:
    assert not cron_fault(schedule)
    assert gap_days(schedule) == days


def test_the_account_as_a_whole_may_be_named(tmp_path: Path) -> None:
    given = read_settings(changed(tmp_path, "engineer = []", 'engineer = ["account"]'))

    assert given.roles["engineer"] == ("account",)


def test_data_may_go_only_if_the_lake_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DELETE_VARIABLE, "another")
    assert read_settings(DEFAULT).keep_data
    monkeypatch.setenv(DELETE_VARIABLE, "stedi")
    assert not read_settings(DEFAULT).keep_data


def test_no_secret_stands_in_the_settings() -> None:
    text = DEFAULT.read_text().lower()

    assert not [word for word in ("password", "_key =", "token", "akia") if word in text]


def test_the_policy_of_the_lake_is_one_that_the_lake_reads(tmp_path: Path) -> None:
    from stedi.lake.policy import read_policy

    where = tmp_path / "stedi.toml"
    where.write_text(Plan(read_settings(DEFAULT)).policy())
    policy = read_policy(where)

    assert policy.consent == "since"
    assert (policy.catalog.type, policy.catalog.prefix) == ("glue", "stedi_")


def test_saved_queries_name_the_databases_of_their_tables_and_are_else_as_they_stand() -> None:
    plan = Plan(read_settings(DEFAULT))
    for query in load_queries():
        text = qualified(plan, query)
        bare = text
        for zone in ZONES:
            bare = bare.replace(f'"stedi_{zone}".', "")

        assert bare == query.sql
        for name in query.tables:
            assert f'"stedi_{load_tables()[name].zone}".{name}' in text


def test_a_scientist_gets_no_query_over_tables_that_scientists_do_not_see() -> None:
    names = {query.name for query in queries_of(find_role("scientist"))}

    assert "counts_curated" in names
    assert "customers_delivered_again" not in names
