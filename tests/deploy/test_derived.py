"""A new folder in zones/ is deployed without a line changed in deploy/; files travel whole."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from proving import ROOT, inside

from stedi.contract.table import FOLDER

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("deploy")]


@pytest.fixture
def grown(proof: dict[str, Any]) -> dict[str, Any]:
    """The templates of a lake with one more curated table, `daily_curated`."""
    found: dict[str, Any] = proof["grown"]
    return found


_WHEEL = """
import sys
from pathlib import Path
from deploy.build import build_wheel
build_wheel(Path(sys.argv[1]))
"""


def of(template: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    resources = template["Resources"].values()
    return [entry["Properties"] for entry in resources if entry["Type"] == f"AWS::{kind}"]


def test_a_new_table_gets_a_job_with_its_script(grown: dict[str, Any]) -> None:
    jobs = {job["Name"]: job for job in of(grown["jobs"], "Glue::Job")}

    assert "stedi-count-days" in jobs
    assert "count_days-" in json.dumps(jobs["stedi-count-days"]["Command"])


def test_a_new_table_gets_a_trigger_after_what_it_reads(grown: dict[str, Any]) -> None:
    triggers = of(grown["rounds"], "Glue::Trigger")
    after = {
        entry["Actions"][0]["JobName"]: entry["Predicate"]["Conditions"][0]["JobName"]
        for entry in triggers
        if "Predicate" in entry
    }
    order = ["stedi-count-days"]
    while order[-1] in after:
        order.append(after[order[-1]])

    assert "stedi-accelerometer-landing-to-trusted" in order


def test_a_new_table_gets_a_filter_without_its_identifying_column(grown: dict[str, Any]) -> None:
    (made,) = [
        entry
        for entry in of(grown["filters"], "LakeFormation::DataCellsFilter")
        if entry["TableName"] == "daily_curated"
    ]

    assert made["ColumnNames"] == ["x"]


def test_only_the_new_job_and_upkeep_may_write_the_new_table(grown: dict[str, Any]) -> None:
    writers = [
        entry["Roles"][0]["Ref"]
        for entry in of(grown["jobs"], "IAM::Policy")
        for statement in entry["PolicyDocument"]["Statement"]
        if "s3:PutObject" in statement["Action"]
        and "/tables/daily_curated/*" in json.dumps(statement["Resource"])
    ]

    assert {re.sub("Role.*", "", name) for name in writers} == {"CountDays", "Maintain"}


def test_the_app_names_no_table_job_or_role_of_this_lake() -> None:
    from stedi.contract import load_tables
    from stedi.contract.roles import load_roles
    from stedi.jobs import jobs

    names = {*load_tables(), *(job.name for job in jobs() if job.table), *load_roles()}
    names -= {"files", "runs"}  # words of their own
    text = "\n".join(
        path.read_text()
        for path in (ROOT / "deploy").rglob("*.py")
        if "node_modules" not in str(path)
    )
    quoted = set(re.findall(r"[\"']([a-z_]+)[\"']", text))

    assert not names & quoted


def test_a_wheel_is_shipped_under_a_name_that_pip_accepts(tmp_path: Path) -> None:
    from deploy.naming import shipped_name
    from packaging.utils import parse_wheel_filename

    wheel = tmp_path / "stedi_lakehouse-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"one")
    first = shipped_name(wheel)
    wheel.write_bytes(b"two")

    assert shipped_name(wheel) != first
    name, version, _, _ = parse_wheel_filename(first)
    assert (name, str(version)) == ("stedi-lakehouse", "0.1.0")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    inside(ROOT / "src", "-c", _WHEEL, folder)
    (built,) = folder.glob("*.whl")
    return built


def test_jobs_get_beside_the_wheel_what_it_asks_for_on_aws(wheel: Path) -> None:
    from deploy.build import modules

    with zipfile.ZipFile(wheel) as opened:
        (name,) = [name for name in opened.namelist() if name.endswith(".dist-info/METADATA")]
        told = opened.read(name).decode()
    asked = re.findall(r"^Requires-Dist: (\S+); extra == .aws.$", told, re.M)

    assert {entry.partition("==")[0] for entry in asked} >= {"boto3", "fsspec"}
    assert sorted(modules()) == sorted(asked)


def test_what_is_shipped_has_the_files_of_the_zones(wheel: Path) -> None:
    listed = _names(wheel)
    assert "stedi/glue/landing.py" in listed
    for path in FOLDER.rglob("*.*"):
        assert f"stedi/zones/{path.relative_to(FOLDER)}" in listed


def _names(wheel: Path) -> list[str]:
    return zipfile.ZipFile(wheel).namelist()


def test_the_environment_of_the_app_is_locked_without_hosts() -> None:
    lock = (ROOT / "deploy" / "requirements.lock").read_text()
    wanted = re.findall(
        r"^([a-z0-9-]+==\S+)", (ROOT / "deploy" / "requirements.in").read_text(), re.M
    )
    packages = json.loads((ROOT / "deploy" / "package-lock.json").read_text())["packages"]

    assert "://" not in lock
    assert wanted
    assert not [entry for entry in wanted if f"{entry} \\" not in lock]
    assert all("resolved" not in entry for entry in packages.values())
    assert packages["node_modules/aws-cdk"]["integrity"].startswith("sha512-")
