"""What the commands ask AWS themselves, beside what CDK does: few calls, each with its refusal."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

_POLL = 20  # seconds between looks at a round
_BOOTSTRAP = "/cdk-bootstrap/hnb659fds/version"
_NEWEST_NEEDED = 6  # of the bootstrap stack: from then on assets and roles are as CDK 2 wants them


class CloudError(Exception):
    """AWS refused, or something there is not as it has to be; the message says what to do."""


class Cloud(Protocol):
    """What `up` and `down` need to know of AWS and do there."""

    def account(self) -> str:
        """Account and region, as aws://ACCOUNT/REGION; CloudError without credentials."""

    def bootstrapped(self) -> bool:
        """Whether CDK may deploy into this account and region."""

    def columns(self, role: str, database: str, table: str) -> set[str]:
        """The columns of a table as the catalog shows them to a role; none if it is not there."""

    def make_folders(self, bucket: str, names: Sequence[str]) -> None:
        """Put an empty object for each folder, which tools show as that folder."""

    def protect(self, stacks: Sequence[str], protected: bool) -> None:
        """Let nobody delete the stacks by a slip, or let them be deleted again."""

    def run_round(self, workflow: str) -> None:
        """Start a round and wait until it ends; CloudError if a job of it failed."""

    def empty(self, bucket: str) -> int:
        """Remove every object and version in a bucket; how many. 0 if there is no bucket."""


class Aws:
    """AWS, by boto3's usual ways to credentials and region."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def account(self) -> str:
        """Account and region, as aws://ACCOUNT/REGION; CloudError without credentials."""
        session = self._session()
        if not session.region_name:
            raise CloudError("no region: set AWS_REGION, or a profile that names one")
        with _told("the credentials cannot be used: set AWS_PROFILE or sign in again"):
            identity = session.client("sts").get_caller_identity()
        return f"aws://{identity['Account']}/{session.region_name}"

    def bootstrapped(self) -> bool:
        """Whether CDK may deploy into this account and region."""
        client = self._session().client("ssm")
        with _told(f"the parameter {_BOOTSTRAP} cannot be read"):
            try:
                found = client.get_parameter(Name=_BOOTSTRAP)
            except client.exceptions.ParameterNotFound:
                return False
        return int(found["Parameter"]["Value"]) >= _NEWEST_NEEDED

    def columns(self, role: str, database: str, table: str) -> set[str]:
        """The columns of a table as the catalog shows them to a role; none if it is not there.

        Lake Formation shows a table to those who are granted it, not to whoever deploys. A list
        leaves out what is not there; asked for one table, it may refuse whether or not it is.
        """
        client = self._session().client("glue", **self._taken_on(role))
        pages = client.get_paginator("get_tables")
        with _told(f"the table {database}.{table} cannot be looked up"):
            listed = pages.paginate(DatabaseName=database, Expression=table)
            found = [entry for page in listed for entry in page["TableList"]]
        return {
            column["Name"]
            for entry in found
            if entry["Name"] == table  # the expression is a pattern
            for column in entry.get("StorageDescriptor", {}).get("Columns", [])
        }

    def _taken_on(self, role: str) -> dict[str, str]:
        """Credentials of a role, as a client takes them."""
        sts = self._session().client("sts")
        with _told(
            f"the role {role} cannot be taken on: whoever deploys has to be named for it under "
            "[roles] in the settings, and may sts:AssumeRole"
        ):
            arn = sts.get_caller_identity()["Arn"]
            partition, account = arn.split(":")[1], arn.split(":")[4]
            whole = f"arn:{partition}:iam::{account}:role/{role}"
            given = sts.assume_role(RoleArn=whole, RoleSessionName="deploy")["Credentials"]
        return {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }

    def make_folders(self, bucket: str, names: Sequence[str]) -> None:
        """Put an empty object for each folder, which tools show as that folder."""
        client = self._session().client("s3")
        with _told(f"the bucket {bucket} cannot be written"):
            for name in names:
                client.put_object(Bucket=bucket, Key=f"{name}/", Body=b"")

    def protect(self, stacks: Sequence[str], protected: bool) -> None:
        """Let nobody delete the stacks by a slip, or let them be deleted again."""
        client = self._session().client("cloudformation")
        for stack in stacks:
            with _told(f"the protection of stack {stack} cannot be changed"):
                client.update_termination_protection(
                    StackName=stack, EnableTerminationProtection=protected
                )

    def run_round(self, workflow: str) -> None:
        """Start a round, or wait for the one that runs; CloudError if a job of it failed."""
        client = self._session().client("glue")
        with _told(f"the workflow {workflow} cannot be run"):
            run = _started(client, workflow)
            while True:
                found = client.get_workflow_run(Name=workflow, RunId=run)["Run"]
                if found["Status"] not in ("RUNNING", "STOPPING"):
                    return _succeeded(workflow, found)
                done = found.get("Statistics", {}).get("SucceededActions", 0)
                self._say(f"the first round: {done} jobs done")
                time.sleep(_POLL)

    def empty(self, bucket: str) -> int:
        """Remove every object and version in a bucket; how many. 0 if there is no bucket."""
        client = self._session().client("s3")
        removed = 0
        with _told(f"the bucket {bucket} cannot be emptied"):
            try:
                for batch in _versions(client, bucket):
                    done = client.delete_objects(
                        Bucket=bucket, Delete={"Objects": batch, "Quiet": True}
                    )
                    _all_removed(bucket, done)
                    removed += len(batch)
            except client.exceptions.NoSuchBucket:
                return 0
        return removed

    @staticmethod
    def _session() -> Any:
        import boto3

        # boto3 itself reads AWS_DEFAULT_REGION alone.
        return boto3.Session(region_name=os.environ.get("AWS_REGION"))


def _started(client: Any, workflow: str) -> str:
    """The round that was started, or the one that is under way."""
    try:
        return str(client.start_workflow_run(Name=workflow)["RunId"])
    except client.exceptions.ConcurrentRunsExceededException:
        runs = client.get_workflow_runs(Name=workflow)["Runs"]
        under_way = [run["WorkflowRunId"] for run in runs if run["Status"] == "RUNNING"]
        if not under_way:
            raise
        return str(under_way[0])


def _succeeded(workflow: str, run: Mapping[str, Any]) -> None:
    counts = run.get("Statistics", {})
    bad = sum(counts.get(f"{how}Actions", 0) for how in ("Failed", "Timeout", "Stopped", "Errored"))
    if run["Status"] != "COMPLETED" or bad:
        raise CloudError(
            f"the round {workflow} ended as {run['Status']}, {bad} of its jobs did not succeed; "
            "look at the jobs in Glue, then run `python -m deploy up` again"
        )


def _all_removed(bucket: str, done: Mapping[str, Any]) -> None:
    """S3 answers with what it left where it removed the rest."""
    for left in done.get("Errors", []):
        raise CloudError(f"{bucket}: {left['Key']} cannot be removed ({left['Code']})")


def _versions(client: Any, bucket: str) -> Iterator[list[dict[str, str]]]:
    pages = client.get_paginator("list_object_versions").paginate(Bucket=bucket)
    for page in pages:
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if found:
            yield [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in found]


class _told:
    """Turns what boto3 raises into CloudError with a first sentence of our own."""

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        if isinstance(error, (BotoCoreError, ClientError)):
            raise CloudError(f"{self._sentence} ({error})") from error
