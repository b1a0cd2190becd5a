"""The jobs on AWS Glue, each with a role that may do what its tables ask for and no more."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from deploy.build import Built, modules
from deploy.plan import (
    DELIVERIES,
    HOME,
    OPS,
    TABLES,
    UPKEEP,
    WORKING,
    Plan,
    home_of,
    reads_of,
    renews,
    writes_of,
)
from deploy.settings import WAIT_MINUTES
from deploy.shipped import Shipped, ship_all
from deploy.stacks.base import LakeStack, allow, excuse, resource_of
from deploy.stacks.storage import FORGOTTEN, PSEUDONYM, StorageStack
from stedi.contract import ZONES, Table
from stedi.jobs import Job

GLUE = "6.0"
WRITE = (
    "s3:GetObject",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
)
ELSEWHERE = "It is under the lake's key, of another stack, which the rule does not follow."
_EVERY_FILE = "A table's files and the lake's own have names that nobody knows beforehand."
_EVERY_DELIVERY = "Delivered files lie at any depth, under names that their senders choose."
_LISTED = "The list of databases is asked for as a whole; it tells names, no rows."
_GLUES_LOGS = "Glue names its log groups and streams itself; they hold no rows."
_METRICS = "PutMetricData knows no resources; the condition keeps it to Glue's namespace."


class JobsStack(LakeStack):
    """One Glue job and one role for each job of the lake."""

    def __init__(self, scope: Construct, plan: Plan, storage: StorageStack, built: Built) -> None:
        super().__init__(scope, plan, "jobs", "Glue jobs of the lake")
        self._storage = storage
        self._parts = ship_all(self, built)
        self._security = self._security_configuration()
        self.roles = {job.name: self._role(job) for job in plan.jobs}
        self.roles[UPKEEP] = self._upkeep_role()
        for job in plan.jobs:
            self._job(job.name, f"Writes {', '.join(job.writes)}", self._arguments(job))
        self._job(UPKEEP, "Looks after all tables where that is due", self._told())
        for step in plan.steps:
            self._log_groups(step)

    def _log_groups(self, step: str) -> None:
        """Where Glue 5.0 and later write under a security configuration, by its documentation."""
        folder = f"{self._security.name}-role/{self._role_name(step)}"
        for what in ("error", "output"):
            group = logs.LogGroup(
                self,
                f"{_id(step)}{what.capitalize()}Log",
                log_group_name=f"{self.plan.logs}/{folder}/{what}",
                encryption_key=self._storage.service_key,
                retention=logs.RetentionDays.ONE_MONTH,
                removal_policy=cdk.RemovalPolicy.DESTROY,
            )
            month = "A month finds a fault; a year would keep what nobody needs."
            reasons = {"cloudwatch_log_group_retention_period_check": month}
            reasons["cloudwatch_log_group_encrypted_check"] = ELSEWHERE
            excuse(resource_of(group), reasons)

    def _security_configuration(self) -> glue.CfnSecurityConfiguration:
        of = glue.CfnSecurityConfiguration
        service, data = self._storage.service_key.key_arn, self._storage.data_key.key_arn
        return of(
            self,
            "Encryption",
            name=self.plan.named("jobs"),
            encryption_configuration=of.EncryptionConfigurationProperty(
                cloud_watch_encryption=of.CloudWatchEncryptionProperty(
                    cloud_watch_encryption_mode="SSE-KMS", kms_key_arn=service
                ),
                job_bookmarks_encryption=of.JobBookmarksEncryptionProperty(
                    job_bookmarks_encryption_mode="CSE-KMS", kms_key_arn=service
                ),
                s3_encryptions=[
                    of.S3EncryptionProperty(s3_encryption_mode="SSE-KMS", kms_key_arn=data)
                ],
            ),
        )

    def _job(self, step: str, description: str, arguments: dict[str, str]) -> None:
        settings = self.plan.settings
        made = glue.CfnJob(
            self,
            f"{_id(step)}Job",
            name=self.plan.named(step),
            description=description,
            role=self.roles[step].role_arn,
            glue_version=GLUE,
            worker_type=settings.worker_type,
            number_of_workers=settings.workers,
            timeout=settings.timeout_minutes,
            max_retries=0,  # a round stops at the first failure; the next takes up from there
            execution_property=glue.CfnJob.ExecutionPropertyProperty(max_concurrent_runs=1),
            command=glue.CfnJob.JobCommandProperty(
                name="glueetl",
                python_version="3",
                script_location=self._parts.scripts[step].url,
            ),
            default_arguments=arguments,
            security_configuration=self._security.name,
        )
        made.add_resource_dependency(self._security)

    def _told(self) -> dict[str, str]:
        """What every job is told."""
        return {
            "--lake": self.plan.lake,
            "--wait": str(60 * WAIT_MINUTES),
            "--additional-python-modules": ",".join([*modules(), self._parts.wheel.url]),
            "--job-language": "python",
            "--job-bookmark-option": "job-bookmark-disable",  # the tables carry their bookmarks
            "--enable-metrics": "true",
            "--custom-logGroup-prefix": self.plan.logs,
        }

    def _arguments(self, job: Job) -> dict[str, str]:
        arguments = self._told() | {
            "--pseudonym_key": self._storage.secrets[PSEUDONYM].secret_full_arn or "",
            "--extra-jars": ",".join(jar.url for jar in self._parts.jars),
            "--user-jars-first": "true",
        }
        if job.table is None:
            arguments |= {
                "--landing": self.plan.landing,
                "--policy": self._parts.policy.url,
                "--forgotten_key": self._storage.secrets[FORGOTTEN].secret_full_arn or "",
            }
        return arguments

    def _role(self, job: Job) -> iam.Role:
        role = self._bare_role(job.name)
        self._rows(role, job)
        self._catalog(role, job)
        self._secrets(role, job)
        policy = [] if job.table else [self._parts.policy]
        self._code(role, [self._parts.scripts[job.name], *self._parts.jars, *policy])
        self._logs(role)
        return role

    def _role_name(self, step: str) -> str:
        return self.plan.named(f"job-{step}")

    def _bare_role(self, step: str) -> iam.Role:
        return iam.Role(
            self,
            f"{_id(step)}Role",
            role_name=self._role_name(step),
            assumed_by=iam.ServicePrincipal(
                "glue.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            ),
            description=f"Runs the job {step} of the lake {self.plan.settings.name}",
        )

    def _upkeep_role(self) -> iam.Role:
        """Files and entries of all tables, none of them made; no secret, no delivered file."""
        role = self._bare_role(UPKEEP)
        files = [self._files(table) for table in self.plan.tables]
        self._home(role, (*WORKING, "maintained"))
        allow(role, WRITE, files, _EVERY_FILE)
        entries = [self._entry(table) for table in self.plan.tables]
        self._look_up(role)
        allow(role, ["glue:UpdateTable"], [self.glue_arn("catalog"), *self._databases(), *entries])
        self._code(role, [self._parts.scripts[UPKEEP]])
        self._logs(role)
        return role

    def _rows(self, role: iam.Role, job: Job) -> None:
        """Its own tables and those above, of all others the metadata: a run looks at versions."""
        written, read = writes_of(job), reads_of(job)
        others = [table for table in self.plan.tables if table not in [*written, *read]]
        self._home(role, home_of(job))
        allow(role, WRITE, [self._files(table) for table in written], _EVERY_FILE)
        renewed = [self._files(table, "metadata/*") for table in renews(job)]
        allow(role, ["s3:PutObject"], renewed, _EVERY_FILE) if renewed else None
        seen = [self._files(table) for table in read if table not in written]
        metadata = [self._files(table, "metadata/*") for table in others]
        allow(role, ["s3:GetObject"], [*seen, *metadata], _EVERY_FILE) if seen or metadata else None
        if job.table is None:
            allow(role, ["s3:ListBucket"], [self.bucket_arn(DELIVERIES)])
            allow(role, ["s3:GetObject"], [self.bucket_arn(DELIVERIES, "*")], _EVERY_DELIVERY)

    def _home(self, role: iam.Role, written: Sequence[str]) -> None:
        """All of the lake's own folder to be read; what every job has to do with buckets."""
        allow(role, ["s3:ListBucket"], [self.bucket_arn(zone) for zone in ZONES])
        home = self.bucket_arn(OPS, HOME)
        allow(role, ["s3:GetObject"], [f"{home}/*"], _EVERY_FILE)
        allow(role, WRITE, [f"{home}/{path}" for path in written], _EVERY_FILE)
        key = self._storage.data_key.key_arn
        allow(role, ["kms:Decrypt", "kms:GenerateDataKey"], [key])

    def _files(self, table: Table, below: str = "*") -> str:
        return self.bucket_arn(table.zone, f"{TABLES}/{table.name}/{below}")

    def _databases(self) -> list[str]:
        return [self.glue_arn(f"database/{self.plan.database(zone)}") for zone in ZONES]

    def _look_up(self, role: iam.Role) -> None:
        catalog = self.glue_arn("catalog")
        allow(role, ["glue:GetDatabases"], [catalog, self.glue_arn("database/*")], _LISTED)
        tables = [self._entry(table) for table in self.plan.tables]
        seen = [catalog, *self._databases(), *tables]
        allow(role, ["glue:GetDatabase", "glue:GetTable"], seen)

    def _catalog(self, role: iam.Role, job: Job) -> None:
        self._look_up(role)
        written = writes_of(job)
        within = [self.glue_arn(f"database/{self.plan.database(t.zone)}") for t in written]
        above = [self.glue_arn("catalog"), *dict.fromkeys(within)]
        allow(role, ["glue:CreateTable"], [*above, *map(self._entry, written)])
        changed = [*written, *renews(job)]
        allow(role, ["glue:UpdateTable"], [*above, *map(self._entry, changed)])

    def _entry(self, table: Table) -> str:
        return self.glue_arn(f"table/{self.plan.database(table.zone)}/{table.name}")

    def _secrets(self, role: iam.Role, job: Job) -> None:
        names = [PSEUDONYM] if job.table else [PSEUDONYM, FORGOTTEN]
        arns = [self._storage.secrets[name].secret_full_arn or "" for name in names]
        allow(role, ["secretsmanager:GetSecretValue"], arns)
        allow(role, ["kms:Decrypt"], [self._storage.service_key.key_arn])

    def _code(self, role: iam.Role, files: Sequence[Shipped]) -> None:
        allow(role, ["s3:GetObject"], [file.arn for file in (self._parts.wheel, *files)])

    def _logs(self, role: iam.Role) -> None:
        group = f"arn:{self.partition}:logs:{self.region}:{self.account}:log-group"
        places = [f"{group}:{self.plan.logs}/*", f"{group}:/aws-glue/jobs/*"]
        actions = ["CreateLogGroup", "CreateLogStream", "PutLogEvents", "AssociateKmsKey"]
        allow(role, [f"logs:{verb}" for verb in actions], places, _GLUES_LOGS)
        only = {"StringEquals": {"cloudwatch:namespace": "Glue"}}
        allow(role, ["cloudwatch:PutMetricData"], ["*"], _METRICS, only)


def _id(step: str) -> str:
    return step.title().replace("_", "")
