"""What the commands ask AWS themselves; botocore's stubs check each call's parameters."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from deploy.cloud import Aws, CloudError

from deploy import cloud

REGION = "eu-central-1"


class Session:
    """A session whose clients answer from scripts."""

    def __init__(self, *services: str, region: str | None = REGION) -> None:
        self.region_name = region
        self.given: dict[str, dict[str, str]] = {}
        made: Any = boto3.client
        self._clients = {
            name: made(name, region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x")
            for name in services
        }
        self.scripts = {name: Stubber(client) for name, client in self._clients.items()}
        for script in self.scripts.values():
            script.activate()

    def client(self, service: str, **credentials: str) -> Any:
        self.given[service] = credentials
        return self._clients[service]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    monkeypatch.setattr(cloud, "_POLL", 0)
    return Aws(lambda text: None)


def scripted(monkeypatch: pytest.MonkeyPatch, service: str) -> Stubber:
    return session_of(monkeypatch, service).scripts[service]


def session_of(monkeypatch: pytest.MonkeyPatch, *services: str) -> Session:
    session = Session(*services)
    monkeypatch.setattr(Aws, "_session", staticmethod(lambda: session))
    return session


def looked_up(monkeypatch: pytest.MonkeyPatch) -> Session:
    """A session in which the role stedi-engineer is taken on."""
    session = session_of(monkeypatch, "sts", "glue")
    sts = session.scripts["sts"]
    who = "arn:aws:sts::123456789012:assumed-role/admin/me"
    asked = {
        "RoleArn": "arn:aws:iam::123456789012:role/stedi-engineer",
        "RoleSessionName": "deploy",
    }
    given = {
        "AccessKeyId": "A" * 16,
        "SecretAccessKey": "secret",
        "SessionToken": "token",
        "Expiration": datetime(2030, 1, 1, tzinfo=UTC),
    }
    for _ in range(2):
        sts.add_response("get_caller_identity", {"Arn": who})
        sts.add_response("assume_role", {"Credentials": given}, asked)
    return session


def test_without_a_region_it_says_which_variable_to_set(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session("sts", region=None)
    monkeypatch.setattr(Aws, "_session", staticmethod(lambda: session))

    with pytest.raises(CloudError, match="set AWS_REGION"):
        aws.account()


def test_credentials_that_aws_refuses_are_told_as_such(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, "sts").add_client_error("get_caller_identity", "ExpiredToken")

    with pytest.raises(CloudError, match=r"the credentials cannot be used.*ExpiredToken"):
        aws.account()


def test_an_account_without_the_parameter_of_cdk_is_not_bootstrapped(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, "ssm").add_client_error("get_parameter", "ParameterNotFound")

    assert not aws.bootstrapped()


@pytest.mark.parametrize(("version", "enough"), [("5", False), ("6", True), ("30", True)])
def test_an_old_bootstrap_is_none(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, version: str, enough: bool
) -> None:
    script = scripted(monkeypatch, "ssm")
    script.add_response("get_parameter", {"Parameter": {"Value": version}})

    assert aws.bootstrapped() == enough


def test_a_table_that_is_not_there_has_no_columns(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = looked_up(monkeypatch)
    script = session.scripts["glue"]
    tables = [
        {"Name": name, "StorageDescriptor": {"Columns": [{"Name": column}]}}
        for name, column in (("t_old", "y"), ("t", "x"))
    ]
    for there in (tables[:1], tables):
        asked = {"DatabaseName": "d", "Expression": "t"}
        script.add_response("get_tables", {"TableList": there}, asked)

    assert aws.columns("stedi-engineer", "d", "t") == set()
    assert aws.columns("stedi-engineer", "d", "t") == {"x"}
    assert session.given["glue"] == {
        "aws_access_key_id": "A" * 16,
        "aws_secret_access_key": "secret",
        "aws_session_token": "token",
    }


def test_whoever_may_not_take_on_the_role_is_told_where_to_be_named(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = scripted(monkeypatch, "sts")
    script.add_response("get_caller_identity", {"Arn": "arn:aws:iam::123456789012:user/me"})
    script.add_client_error("assume_role", "AccessDenied")

    with pytest.raises(CloudError, match=r"stedi-engineer cannot be taken on.*\[roles\]"):
        aws.columns("stedi-engineer", "d", "t")


def test_a_folder_is_an_empty_object_that_ends_in_a_slash(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = scripted(monkeypatch, "s3")
    for key in ("customer/", "step_trainer/"):
        script.add_response("put_object", {}, {"Bucket": "x", "Key": key, "Body": b""})

    aws.make_folders("x", ["customer", "step_trainer"])

    script.assert_no_pending_responses()


@pytest.mark.parametrize("protected", [True, False])
def test_stacks_are_protected_and_let_go(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, protected: bool
) -> None:
    script = scripted(monkeypatch, "cloudformation")
    asked = {"StackName": "a", "EnableTerminationProtection": protected}
    script.add_response("update_termination_protection", {}, asked)

    aws.protect(["a"], protected)

    script.assert_no_pending_responses()


def test_a_table_that_may_not_be_seen_is_no_table_that_is_missing(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up(monkeypatch).scripts["glue"].add_client_error("get_tables", "AccessDeniedException")

    with pytest.raises(CloudError, match=r"the table d\.t cannot be looked up"):
        aws.columns("stedi-engineer", "d", "t")


def ended(script: Stubber, status: str, **counts: int) -> None:
    name = {"Name": "round"}
    script.add_response("start_workflow_run", {"RunId": "r1"}, name)
    for now in ("RUNNING", status):
        run = {"Status": now, "Statistics": counts}
        script.add_response("get_workflow_run", {"Run": run}, {**name, "RunId": "r1"})


def test_a_round_with_a_job_that_failed_is_an_error(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(scripted(monkeypatch, "glue"), "COMPLETED", FailedActions=1, SucceededActions=2)

    with pytest.raises(CloudError, match="1 of its jobs did not succeed"):
        aws.run_round("round")


def test_a_round_is_awaited(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    script = scripted(monkeypatch, "glue")
    ended(script, "COMPLETED", SucceededActions=6)

    aws.run_round("round")

    script.assert_no_pending_responses()


def test_a_round_that_is_under_way_is_awaited_instead(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = scripted(monkeypatch, "glue")
    script.add_client_error("start_workflow_run", "ConcurrentRunsExceededException")
    runs = [
        {"WorkflowRunId": "old", "Status": "COMPLETED"},
        {"WorkflowRunId": "now", "Status": "RUNNING"},
    ]
    script.add_response("get_workflow_runs", {"Runs": runs}, {"Name": "round"})
    asked = {"Name": "round", "RunId": "now"}
    done = {"Status": "COMPLETED", "Statistics": {"SucceededActions": 6}}
    script.add_response("get_workflow_run", {"Run": done}, asked)

    aws.run_round("round")

    script.assert_no_pending_responses()


def test_a_bucket_is_emptied_of_versions_and_of_marks(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = scripted(monkeypatch, "s3")
    listed = {
        "Versions": [{"Key": "a", "VersionId": "1"}, {"Key": "a", "VersionId": "2"}],
        "DeleteMarkers": [{"Key": "b", "VersionId": "3"}],
    }
    every = [{"Key": k, "VersionId": v} for k, v in (("a", "1"), ("a", "2"), ("b", "3"))]
    script.add_response("list_object_versions", listed, {"Bucket": "x"})
    removed = {"Bucket": "x", "Delete": {"Objects": every, "Quiet": True}}
    script.add_response("delete_objects", {}, removed)

    assert aws.empty("x") == 3


def test_an_object_that_could_not_be_removed_is_an_error(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = scripted(monkeypatch, "s3")
    listed = {"Versions": [{"Key": "a", "VersionId": "1"}]}
    script.add_response("list_object_versions", listed, {"Bucket": "x"})
    script.add_response("delete_objects", {"Errors": [{"Key": "a", "Code": "AccessDenied"}]})

    with pytest.raises(CloudError, match=r"x: a cannot be removed \(AccessDenied\)"):
        aws.empty("x")


def test_a_bucket_that_is_gone_is_empty(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, "s3").add_client_error("list_object_versions", "NoSuchBucket")

    assert aws.empty("x") == 0
