"""The jobs on AWS Glue, each with a role that may do what its tables ask for and no more."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from deploy.build import Built
from deploy.plan import DELIVERIES, HOME, OPS, TABLES, Plan, reads_of, writes_of
from deploy.shipped import Parts, ship_all
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
_WAIT = 1800  # seconds that a job waits for whoever else holds the lake

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
        self._group = self._log_group()
        self._security = self._security_configuration()
        self.roles: dict[str, iam.Role] = {}
        for job in plan.jobs:
            self.roles[job.name] = self._role(job)
            self._job(job)

    def _log_group(self) -> logs.LogGroup:
        group = logs.LogGroup(
            self,
            "Log",
            log_group_name=f"/{self.plan.settings.name}/jobs",
            encryption_key=self._storage.service_key,
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        month = "A month finds a fault; a year would keep what nobody needs."
        reasons = {"cloudwatch_log_group_retention_period_check": month}
        excuse(resource_of(group), {**reasons, "cloudwatch_log_group_encrypted_check": ELSEWHERE})
        return group

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

    def _job(self, job: Job) -> None:
        settings = self.plan.settings
        made = glue.CfnJob(
            self,
            f"{_id(job)}Job",
            name=self.plan.named(job.name),
            description=f"Writes {', '.join(job.writes)}",
            role=self.roles[job.name].role_arn,
            glue_version=GLUE,
            worker_type=settings.worker_type,
            number_of_workers=settings.workers,
            timeout=settings.timeout_minutes,
            max_retries=0,  # a round stops at the first failure; the next takes up from there
            execution_property=glue.CfnJob.ExecutionPropertyProperty(max_concurrent_runs=1),
            command=glue.CfnJob.JobCommandProperty(
                name="glueetl",
                python_version="3",
                script_location=self._parts.scripts[job.name].url,
            ),
            default_arguments=self._arguments(job),
            security_configuration=self._security.name,
        )
        made.add_resource_dependency(self._security)

    def _arguments(self, job: Job) -> dict[str, str]:
        arguments = {
            "--lake": self.plan.lake,
            "--wait": str(_WAIT),
            "--pseudonym_key": self._storage.secrets[PSEUDONYM].secret_full_arn or "",
            "--additional-python-modules": self._parts.wheel.url,
            "--extra-jars": ",".join(jar.url for jar in self._parts.jars),
            "--user-jars-first": "true",
            "--job-language": "python",
            "--job-bookmark-option": "job-bookmark-disable",  # the tables carry their bookmarks
            "--enable-metrics": "true",
            "--enable-continuous-cloudwatch-log": "true",
            "--continuous-log-logGroup": self._group.log_group_name,
        }
        if job.table is None:
            arguments |= {
                "--landing": self.plan.landing,
                "--policy": self._parts.policy.url,
                "--forgotten_key": self._storage.secrets[FORGOTTEN].secret_full_arn or "",
            }
        return arguments

    def _role(self, job: Job) -> iam.Role:
        role = iam.Role(
            self,
            f"{_id(job)}Role",
            role_name=self.plan.named(f"job-{job.name}"),
            assumed_by=iam.ServicePrincipal(
                "glue.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            ),
            description=f"Runs the job {job.name} of the lake {self.plan.settings.name}",
        )
        self._rows(role, job)
        self._catalog(role, job)
        self._secrets(role, job)
        self._code(role, job, self._parts)
        self._logs(role)
        return role

    def _rows(self, role: iam.Role, job: Job) -> None:
        """Its own tables and those above, of all others the metadata: a run looks at versions."""
        written, read = writes_of(job), reads_of(job)
        others = [table for table in self.plan.tables if table not in [*written, *read]]
        home = self.bucket_arn(OPS, f"{HOME}/*")
        allow(role, ["s3:ListBucket"], [self.bucket_arn(zone) for zone in ZONES])
        allow(role, WRITE, [home, *(self._files(t) for t in written)], _EVERY_FILE)
        seen = [self._files(table) for table in read if table not in written]
        metadata = [self._files(table, "metadata/*") for table in others]
        allow(role, ["s3:GetObject"], [*seen, *metadata], _EVERY_FILE) if seen or metadata else None
        if job.table is None:
            allow(role, ["s3:ListBucket"], [self.bucket_arn(DELIVERIES)])
            allow(role, ["s3:GetObject"], [self.bucket_arn(DELIVERIES, "*")], _EVERY_DELIVERY)
        key = self._storage.data_key.key_arn
        allow(role, ["kms:Decrypt", "kms:GenerateDataKey"], [key])

    def _files(self, table: Table, below: str = "*") -> str:
        return self.bucket_arn(table.zone, f"{TABLES}/{table.name}/{below}")

    def _catalog(self, role: iam.Role, job: Job) -> None:
        catalog = self.glue_arn("catalog")
        allow(role, ["glue:GetDatabases"], [catalog, self.glue_arn("database/*")], _LISTED)
        databases = [self.glue_arn(f"database/{self.plan.database(zone)}") for zone in ZONES]
        tables = [self._entry(table) for table in self.plan.tables]
        allow(role, ["glue:GetDatabase", "glue:GetTable"], [catalog, *databases, *tables])
        written = writes_of(job)
        within = [self.glue_arn(f"database/{self.plan.database(t.zone)}") for t in written]
        made = [catalog, *dict.fromkeys(within), *map(self._entry, written)]
        allow(role, ["glue:CreateTable", "glue:UpdateTable"], made)

    def _entry(self, table: Table) -> str:
        return self.glue_arn(f"table/{self.plan.database(table.zone)}/{table.name}")

    def _secrets(self, role: iam.Role, job: Job) -> None:
        names = [PSEUDONYM] if job.table else [PSEUDONYM, FORGOTTEN]
        arns = [self._storage.secrets[name].secret_full_arn or "" for name in names]
        allow(role, ["secretsmanager:GetSecretValue"], arns)
        allow(role, ["kms:Decrypt"], [self._storage.service_key.key_arn])

    @staticmethod
    def _code(role: iam.Role, job: Job, parts: Parts) -> None:
        files = [parts.wheel, *parts.jars, parts.scripts[job.name]]
        files += [] if job.table else [parts.policy]
        allow(role, ["s3:GetObject"], [file.arn for file in files])

    def _logs(self, role: iam.Role) -> None:
        group = f"arn:{self.partition}:logs:{self.region}:{self.account}:log-group"
        ours = f"{group}:/{self.plan.settings.name}/jobs:*"
        actions = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
        allow(role, actions, [ours, f"{group}:/aws-glue/jobs/*"], _GLUES_LOGS)
        allow(role, ["logs:AssociateKmsKey"], [f"{group}:/aws-glue/jobs/*"], _GLUES_LOGS)
        only = {"StringEquals": {"cloudwatch:namespace": "Glue"}}
        allow(role, ["cloudwatch:PutMetricData"], ["*"], _METRICS, only)


def _id(job: Job) -> str:
    return job.name.title().replace("_", "")
