"""Commands over a lake on S3: exit codes, messages, and never a traceback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import sites
from cli.commands import Command
from helpers import deliver, record
from s3.lakes import delivered
from s3.server import S3Server, free_ports
from stedi.places import S3Path


@pytest.fixture(scope="module")
def site(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Path]:
    """A folder of a bucket with ./landing, one record of each feed, and keys in the environment."""
    with delivered(s3, tmp_path_factory.mktemp("catalogs")) as found:
        yield found.work


@pytest.fixture
def keyed(command: Command, site: S3Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """A command whose environment holds the lake's keys."""
    for variable, key in sites.KEYS.items():
        monkeypatch.setenv(variable, key)
    return command


READS = {
    "status": "customers_curated",
    "account": "machine_learning_curated",
    "check": "customer_trusted",
    "history": "accelerometer_landing",
    "preview customer_trusted": "Ada Byron",
    "subject show ada@test.com": "ada@test.com",
}


def test_a_lake_is_made_run_asked_kept_and_forgotten_in(keyed: Command, site: S3Path) -> None:
    lake, landing = site / "lake", site / "landing"

    def ok(*line: object) -> str:
        done = keyed(*line, "--lake", lake)
        assert (done.code, "Traceback" in done.err) == (0, False), done
        return done.out

    ok("init", "--policy", sites.policy(lake))
    ok("run", "--landing", landing)
    ok("run", "--landing", landing, "--dry-run")
    ok("job", "landing", "--landing", landing)
    for line, says in READS.items():
        assert says in ok(*line.split()), line
    counted = ok("sql", "SELECT count(*) AS n FROM machine_learning_curated", "--format", "json")
    assert json.loads(counted) == [{"n": 1}]
    assert "1" in ok("sql", "SELECT count(*) AS n FROM customer_landing", "--format", "csv")
    ok("maintain")
    ok("subject", "forget", "ada@test.com", "--yes")
    gone = ok("sql", "SELECT count(*) AS n FROM customer_landing", "--format", "json")
    assert json.loads(gone) == [{"n": 0}]
    held = b"".join(sites.files(site).values()).lower()
    assert b"ada@test.com" not in held


REFUSED = {
    "status --lake s3://{bucket}/nowhere": (1, "s3://{bucket}/nowhere: there is no lake"),
    "status --lake s3://": (2, "not an address such as s3://bucket/folder"),
    "status --lake s3://{bucket}/a//b": (2, "without empty parts"),
    "run --lake s3://{bucket}/new": (2, "--landing"),
    "run --lake s3://{bucket}/new --landing s3://{bucket}/none": (2, "none: no such folder"),
    "run --lake s3://{bucket}/new --landing nowhere": (2, "nowhere: no such folder"),
    "init --lake s3://{bucket}/site": (2, "not empty and not a lake"),
    "init --lake s3://{bucket}/new --policy s3://{bucket}/none.toml": (1, "none.toml"),
    "init --lake s3://no-such-bucket/lake": (1, "no such bucket"),
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_cannot_be_is_refused_with_a_message(keyed: Command, site: S3Path, line: str) -> None:
    code, says = REFUSED[line]
    done = keyed(*line.format(bucket=site.bucket).split())
    assert (done.code, done.out) == (code, ""), done
    assert done.err.startswith("error: ")
    assert says.format(bucket=site.bucket) in done.err
    assert not (S3Path(site.bucket) / "new").exists()


def test_without_keys_no_lake_is_made(command: Command, site: S3Path) -> None:
    done = command("init", "--lake", site / "unkeyed", "--policy", sites.policy(site / "unkeyed"))
    assert done.code == 2
    assert "STEDI_PSEUDONYM_KEY" in done.err


def test_a_storage_that_is_away_is_named(
    keyed: Command, site: S3Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stedi.places.aws.ATTEMPTS", 2)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{free_ports(1)[0]}")
    done = keyed("status", "--lake", site / "lake")
    assert done.code == 1
    assert "AWS_ENDPOINT_URL_S3" in done.err
    assert "Traceback" not in done.err


def test_files_of_a_bucket_are_landed_in_a_lake_of_this_machine(
    command: Command, site: S3Path, tmp_path: Path
) -> None:
    deliver(site / "other", "customer", "1.json", [record("customer")])
    done = command("run", "--lake", tmp_path / "lake", "--landing", site / "other")
    assert done.code == 0, done
    sql = "SELECT _source_file AS file FROM customer_landing"
    told = command("sql", sql, "--lake", tmp_path / "lake", "--format", "json")
    assert json.loads(told.out) == [{"file": f"{site}/other/customer/1.json"}]
