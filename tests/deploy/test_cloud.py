"""What the commands ask AWS themselves; botocore's stubs check each call's parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from deploy.cloud import Aws, CloudError

from deploy import cloud

REGION = "eu-central-1"


class Session:
    """A session whose one client answers from a script."""

    def __init__(self, service: str, region: str | None = REGION) -> None:
        self.region_name = region
        made: Any = boto3.client
        self.client_ = made(
            service, region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x"
        )
        self.script = Stubber(self.client_)
        self.script.activate()

    def client(self, service: str) -> Any:
        assert service == self.client_.meta.service_model.service_name
        return self.client_


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    monkeypatch.setattr(cloud, "_POLL", 0)
    return Aws(lambda text: None)


def scripted(monkeypatch: pytest.MonkeyPatch, service: str) -> Stubber:
    session = Session(service)
    monkeypatch.setattr(Aws, "_session", staticmethod(lambda: session))
    return session.script


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
    script = scripted(monkeypatch, "glue")
    script.add_client_error("get_table", "EntityNotFoundException")
    script.add_response(
        "get_table",
        {"Table": {"Name": "t", "StorageDescriptor": {"Columns": [{"Name": "x"}]}}},
        {"DatabaseName": "d", "Name": "t"},
    )

    assert aws.columns("d", "t") == set()
    assert aws.columns("d", "t") == {"x"}


def test_a_table_that_may_not_be_seen_is_no_table_that_is_missing(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, "glue").add_client_error("get_table", "AccessDeniedException")

    with pytest.raises(CloudError, match=r"the table d\.t cannot be looked up"):
        aws.columns("d", "t")


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
