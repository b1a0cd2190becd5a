"""What the commands ask AWS themselves, beside what CDK does: few calls, each with its refusal."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
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

    def columns(self, database: str, table: str) -> set[str]:
        """The columns of a table as the catalog has it; none if it is not there."""

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

    def columns(self, database: str, table: str) -> set[str]:
        """The columns of a table as the catalog has it; none if it is not there."""
        client = self._session().client("glue")
        with _told(f"the table {database}.{table} cannot be looked up"):
            try:
                found = client.get_table(DatabaseName=database, Name=table)
            except client.exceptions.EntityNotFoundException:
                return set()
        stored = found["Table"].get("StorageDescriptor", {}).get("Columns", [])
        return {column["Name"] for column in stored}

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
