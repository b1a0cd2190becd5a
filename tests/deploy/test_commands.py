"""One command deploys, one takes away and keeps the data; `cdk` writes down its calls."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from deploy.__main__ import main
from deploy.cloud import CloudError
from deploy.commands import ToolError, down, up
from deploy.plan import Plan
from deploy.settings import DEFAULT, DELETE_VARIABLE, SettingsError, read_settings
from proving import ROOT, deploy_python

from deploy import commands
from stedi.contract import load_tables

MADE = "stedi-jobs stedi-access stedi-rounds stedi-query stedi-watch"
GONE = "stedi-filters stedi-watch stedi-query stedi-rounds stedi-access stedi-jobs"


class Somewhere:
    """AWS, as far as the commands know it: which tables are there, and what was asked."""

    def __init__(self, tables: Iterable[str] = (), bootstrapped: bool = True) -> None:
        self.tables = set(tables)
        self.asked: list[str] = []
        self.looking: set[str] = set()
        self.folders: list[str] = []
        self.protected: list[tuple[str, bool]] = []
        self._bootstrapped = bootstrapped
        self.made_by_a_round: set[str] = {"customers_curated", "machine_learning_curated"}

    def account(self) -> str:
        return "aws://123456789012/eu-central-1"

    def bootstrapped(self) -> bool:
        return self._bootstrapped

    def columns(self, role: str, database: str, table: str) -> set[str]:
        self.looking.add(role)
        assert database == "stedi_curated"
        there = table in self.tables
        return {column.name for column in load_tables()[table].columns} if there else set()

    def make_folders(self, bucket: str, names: Sequence[str]) -> None:
        assert self.asked == [], "before the round"
        self.folders += [f"{bucket}/{name}" for name in names]

    def protect(self, stacks: Sequence[str], protected: bool) -> None:
        self.protected += [(stack, protected) for stack in stacks]

    def run_round(self, workflow: str) -> None:
        self.asked.append(workflow)
        self.tables |= self.made_by_a_round

    def empty(self, bucket: str) -> int:
        self.asked.append(bucket)
        return 3


class NoCredentials(Somewhere):
    def account(self) -> str:
        raise CloudError("the credentials cannot be used: set AWS_PROFILE or sign in again")


@pytest.fixture
def plan() -> Plan:
    given = replace(read_settings(DEFAULT), buckets="acme-stedi", email="ops@acme.test")
    people = ("arn:aws:iam::123456789012:role/data",)
    return Plan(replace(given, roles=given.roles | {"engineer": people, "privacy": ("account",)}))


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the fake cdk was called with, a line a call; it fails while `fail` is there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    written = tmp_path / "calls"
    written.touch()
    program = folder / "cdk"
    program.write_text(f'#!/bin/sh\necho "$@" >> {written}\n[ ! -e {tmp_path}/fail ]\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(commands, "HERE", tmp_path)
    monkeypatch.delenv(commands.CDK_VARIABLE, raising=False)
    monkeypatch.setenv(DELETE_VARIABLE, "")
    return written


def never() -> Path:
    raise AssertionError("nothing was to be built")


def test_without_cdk_it_says_how_to_get_it(
    plan: Plan, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(ToolError, match="cdk is not there: npm ci --prefix"):
        up(plan, Somewhere(), never, print)


def test_without_credentials_nothing_is_built(plan: Plan, calls: Path) -> None:
    with pytest.raises(CloudError, match="set AWS_PROFILE or sign in again"):
        up(plan, NoCredentials(), never, print)
    with pytest.raises(CloudError, match="set AWS_PROFILE or sign in again"):
        down(plan, NoCredentials(), never, print)


def test_an_account_that_cdk_does_not_know_is_refused_with_the_command(
    plan: Plan, calls: Path
) -> None:
    told = "run `cdk bootstrap aws://123456789012/eu-central-1` once"

    with pytest.raises(CloudError, match=told):
        up(plan, Somewhere(bootstrapped=False), never, print)


def test_the_settings_of_the_example_are_refused(calls: Path) -> None:
    with pytest.raises(SettingsError, match=r"copy deploy/settings\.toml"):
        up(Plan(read_settings(DEFAULT)), Somewhere(), never, print)


def test_a_role_that_sees_every_column_is_not_for_the_whole_account_by_default(
    plan: Plan, calls: Path
) -> None:
    forgotten = Plan(replace(plan.settings, roles={**plan.settings.roles, "privacy": ()}))

    with pytest.raises(SettingsError, match=r"\[roles\] privacy: nobody is named"):
        up(forgotten, Somewhere(), never, print)

    assert calls.read_text() == ""


def test_data_is_not_deleted_for_another_name(plan: Plan, calls: Path) -> None:
    with pytest.raises(SettingsError, match="nothing was done; the lake's name is stedi"):
        down(plan, Somewhere(), never, print, delete_data="yes")

    assert calls.read_text() == ""


def test_a_cdk_that_fails_ends_it(plan: Plan, calls: Path, tmp_path: Path) -> None:
    (tmp_path / "fail").touch()

    cloud = Somewhere()

    with pytest.raises(ToolError, match="cdk deploy ended with 1"):
        up(plan, cloud, lambda: tmp_path, print)

    assert len(calls.read_text().splitlines()) == 1
    assert cloud.protected == [], "what could not be made must be deletable"


def test_a_first_deployment_runs_a_round_before_the_filters(
    plan: Plan, calls: Path, tmp_path: Path
) -> None:
    cloud = Somewhere()

    up(plan, cloud, lambda: tmp_path, print)

    first, last = calls.read_text().splitlines()
    options = f"deploy --app {tmp_path} --exclusively --require-approval never"
    assert first == f"{options} stedi-storage stedi-catalog {MADE}"
    assert last == f"{options} stedi-filters"
    assert cloud.asked == ["stedi-round"]
    assert cloud.looking == {"stedi-engineer"}
    assert cloud.protected == [("stedi-storage", True), ("stedi-catalog", True)]


def test_a_round_that_comes_before_any_delivery_finds_a_folder_for_each_feed(
    plan: Plan, calls: Path, tmp_path: Path
) -> None:
    for wait in (True, False):
        cloud = Somewhere()
        up(plan, cloud, lambda: tmp_path, print, wait)
        feeds = ("accelerometer", "customer", "step_trainer")
        assert sorted(cloud.folders) == [f"acme-stedi-deliveries/{feed}" for feed in feeds]


def test_a_first_deployment_that_does_not_wait_says_who_sees_nothing(
    plan: Plan, calls: Path, tmp_path: Path
) -> None:
    said: list[str] = []

    up(plan, Somewhere(), lambda: tmp_path, said.append, wait=False)

    assert len(calls.read_text().splitlines()) == 1
    assert "see nothing; run `up` again" in said[-1]


def test_a_round_that_makes_no_tables_leaves_the_filters_out(
    plan: Plan, calls: Path, tmp_path: Path
) -> None:
    cloud = Somewhere()
    cloud.made_by_a_round = {"customers_curated"}

    with pytest.raises(CloudError, match=r"still no stedi_curated\.machine_learning_curated"):
        up(plan, cloud, lambda: tmp_path, print)

    assert "stedi-filters" not in calls.read_text()


def test_a_later_deployment_runs_no_round(plan: Plan, calls: Path, tmp_path: Path) -> None:
    cloud = Somewhere(["customers_curated", "machine_learning_curated"])

    up(plan, cloud, lambda: tmp_path, print)

    assert (cloud.asked, cloud.folders) == ([], [])
    assert calls.read_text().splitlines()[-1].endswith(" stedi-filters")


def test_taking_away_leaves_what_lasts_and_says_so(plan: Plan, calls: Path, tmp_path: Path) -> None:
    cloud = Somewhere()
    said: list[str] = []

    down(plan, cloud, lambda: tmp_path, said.append)

    told = f"destroy --app {tmp_path} --exclusively --force {GONE}"
    assert calls.read_text().splitlines() == [told]
    assert cloud.asked == []
    for kept in ("acme-stedi-landing", "stedi_curated", "keys and secrets"):
        assert kept in "\n".join(said)


def test_data_is_deleted_only_after_its_stacks_were_told_that_they_may(
    plan: Plan, calls: Path, tmp_path: Path
) -> None:
    cloud = Somewhere()
    seen: list[str] = []
    said: list[str] = []

    def prepared() -> Path:
        seen.append(os.environ[DELETE_VARIABLE])
        return tmp_path

    down(plan, cloud, prepared, said.append, delete_data="stedi")

    verbs = [line.split()[0] for line in calls.read_text().splitlines()]
    assert seen == ["stedi"]
    assert verbs == ["destroy", "deploy", "destroy"]
    assert calls.read_text().splitlines()[-1].endswith("stedi-catalog stedi-storage")
    assert cloud.asked == [
        f"acme-stedi-{what}"
        for what in ("deliveries", "landing", "trusted", "curated", "ops", "results")
    ]
    assert cloud.protected == [("stedi-storage", False), ("stedi-catalog", False)]
    assert "kept: the bucket acme-stedi-logs" in "\n".join(said)


@pytest.mark.parametrize("before", [True, False])
def test_settings_may_stand_before_the_command_or_after_it(
    before: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--settings", str(tmp_path / "none.toml")]

    assert main([*given, "down"] if before else ["down", *given]) == 2
    assert "none.toml: not there" in capsys.readouterr().err


def test_the_command_itself_refuses_the_example_without_a_traceback() -> None:
    done = subprocess.run(
        [deploy_python(), "-m", "deploy", "up"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "copy deploy/settings.toml" in done.stderr
    assert "Traceback" not in done.stderr
