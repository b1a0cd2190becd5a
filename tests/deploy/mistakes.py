"""Mistakes planted into the templates, each with the tools that catch it.

`caught` is exact: a tool that is not named there has looked and found nothing new. "assertions"
are those of inside/claims_*.py, "cfn-guard" our rules and AWS's, "cdk-nag" AWS Solutions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Template = dict[str, Any]
TOOLS = ("assertions", "cfn-lint", "cfn-guard", "cdk-nag")


@dataclass(frozen=True)
class Mistake:
    """A claim that is broken, the stack, what is done to its template, who notices."""

    name: str
    stack: str
    plant: Callable[[Template], None]
    caught: tuple[str, ...]


def the(template: Template, kind: str, part: str = "") -> Template:
    """The first resource of a type whose logical name has `part`."""
    found = template["Resources"].items()
    return next(r for name, r in found if r["Type"] == f"AWS::{kind}" and part in name)


def properties(template: Template, kind: str, part: str = "") -> Template:
    found: Template = the(template, kind, part)["Properties"]
    return found


def _set(kind: str, part: str, *path: str | int, value: Any) -> Callable[[Template], None]:
    def plant(template: Template) -> None:
        place: Any = properties(template, kind, part)
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return plant


def _drop(kind: str, part: str, *path: str | int) -> Callable[[Template], None]:
    def plant(template: Template) -> None:
        place: Any = properties(template, kind, part)
        for step in path[:-1]:
            place = place[step]
        del place[path[-1]]

    return plant


def _misspelt(template: Template) -> None:
    job = properties(template, "Glue::Job", "Landing")
    job["GlueVersoin"] = job.pop("GlueVersion")


def _everything(template: Template) -> None:
    policy = properties(template, "IAM::Policy", "Landing")
    policy["PolicyDocument"]["Statement"].append(
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    )


def _another_zone(template: Template) -> None:
    policy = properties(template, "IAM::Policy", "CustomerLandingToTrusted")
    arn = {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":s3:::change-me-stedi-curated/*"]]}
    policy["PolicyDocument"]["Statement"].append(
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": arn}
    )


def _no_policy(template: Template) -> None:
    name = next(n for n, r in template["Resources"].items() if r["Type"] == "AWS::S3::BucketPolicy")
    del template["Resources"][name]


def _deleted_with_its_stack(template: Template) -> None:
    the(template, "SecretsManager::Secret", "Pseudonym")["DeletionPolicy"] = "Delete"


def _in_the_open(template: Template) -> None:
    secret = properties(template, "SecretsManager::Secret", "Pseudonym")
    del secret["GenerateSecretString"]
    secret["SecretString"] = "0123456789abcdef" * 4


def _whole_table(template: Template) -> None:
    made = properties(template, "LakeFormation::DataCellsFilter", "Customers")
    del made["ColumnNames"]
    made["ColumnWildcard"] = {}


def _all_tables_of_the_zone(template: Template) -> None:
    grant = properties(template, "LakeFormation::PrincipalPermissions", "ScientistDatabase")
    grant["Resource"]["LFTagPolicy"]["ResourceType"] = "TABLE"
    grant["Permissions"] = ["SELECT"]


def _without_its_job(template: Template) -> None:
    rule = properties(template, "Events::Rule", "Failed")
    del rule["EventPattern"]["detail"]["jobName"][2]


def _unencrypted_topic(template: Template) -> None:
    del properties(template, "SNS::Topic")["KmsMasterKeyId"]
    name = next(n for n, r in template["Resources"].items() if r["Type"] == "AWS::SNS::TopicPolicy")
    del template["Resources"][name]


def _at_once(template: Template) -> None:
    del the(template, "Glue::Trigger", "MachineLearning")["DependsOn"]


def _more(kind: str, part: str, document: str, statement: Template) -> Callable[[Template], None]:
    def plant(template: Template) -> None:
        properties(template, kind, part)[document]["Statement"].append(statement)

    return plant


def _arn(path: str) -> Template:
    return {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, f":s3:::{path}"]]}


def _handed_out_by_anybody(template: Template) -> None:
    role = properties(template, "IAM::Role", "Places")
    del role["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]


def _kept_when_it_could_not_be_made(template: Template) -> None:
    the(template, "S3::Bucket", "Curated")["DeletionPolicy"] = "Retain"


_OTHERS = {"AWS": "arn:aws:iam::999999999999:root"}
_LET = {"Effect": "Allow", "Principal": _OTHERS}
_FILES = {
    "Effect": "Allow",
    "Action": "s3:GetObject",
    "Resource": _arn("change-me-stedi-curated/tables/*"),
}
_CERTIFICATES = {
    "Effect": "Allow",
    "Action": "s3:PutObject",
    "Resource": _arn("change-me-stedi-ops/tables/erasures/*"),
}
_TRUSTED, _CURATED = "CustomerLandingToTrusted", "MachineLearningCurated"
_CONDITION = ("Predicate", "Conditions", 0)
_RESULT = ("WorkGroupConfiguration", "ResultConfiguration")
_ALLOWED = {"Permissions": ["ALL"], "Principal": {}}
_ALLOWED["Principal"] = {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}
_KEEPS = {"Status": "Enabled"}
_EVERY = ("assertions", "cfn-guard")

MISTAKES = [
    Mistake(
        "a job on an older Glue",
        "jobs",
        _set("Glue::Job", _CURATED, "GlueVersion", value="5.0"),
        _EVERY,
    ),
    Mistake("a misspelt property", "jobs", _misspelt, ("assertions", "cfn-lint", "cfn-guard")),
    Mistake(
        "a job without the wheel",
        "jobs",
        _drop("Glue::Job", _TRUSTED, "DefaultArguments", "--additional-python-modules"),
        _EVERY,
    ),
    Mistake(
        "a job that tries again", "jobs", _set("Glue::Job", _TRUSTED, "MaxRetries", value=2), _EVERY
    ),
    Mistake(
        "a job told another lake",
        "jobs",
        _set("Glue::Job", _TRUSTED, "DefaultArguments", "--lake", value="s3://x/lake"),
        ("assertions",),
    ),
    Mistake(
        "a job on a worker that is none",
        "jobs",
        _set("Glue::Job", _TRUSTED, "WorkerType", value="G.9X"),
        ("assertions", "cfn-lint"),
    ),
    Mistake(
        "a job that may do anything", "jobs", _everything, ("assertions", "cfn-guard", "cdk-nag")
    ),
    Mistake("a job that may write another zone", "jobs", _another_zone, ("assertions", "cdk-nag")),
    Mistake(
        "a job that may write certificates",
        "jobs",
        _more("IAM::Policy", _TRUSTED, "PolicyDocument", _CERTIFICATES),
        ("assertions", "cdk-nag"),
    ),
    Mistake(
        "a job whose logs are everybody's",
        "jobs",
        _drop("Glue::Job", _TRUSTED, "DefaultArguments", "--custom-logGroup-prefix"),
        ("assertions",),
    ),
    Mistake(
        "a bad cron",
        "rounds",
        _set("Events::Rule", "Schedule", "ScheduleExpression", value="cron(15 3 * * * *)"),
        ("assertions", "cfn-lint"),
    ),
    Mistake(
        "a trigger for a job that is not there",
        "rounds",
        _set("Glue::Trigger", _CURATED, "Actions", 0, "JobName", value="stedi-machine-learning"),
        ("assertions",),
    ),
    Mistake(
        "a trigger after a failure",
        "rounds",
        _set("Glue::Trigger", _TRUSTED, *_CONDITION, "State", value="FAILED"),
        ("assertions",),
    ),
    Mistake(
        "a table refreshed before what it is made from",
        "rounds",
        _set("Glue::Trigger", _CURATED, *_CONDITION, "JobName", value="stedi-landing"),
        ("assertions",),
    ),
    Mistake("triggers made at once", "rounds", _at_once, ("assertions",)),
    Mistake(
        "files of another bucket awaited",
        "rounds",
        _set("Events::Rule", "Delivered", "EventPattern", "detail", "bucket", "name", value=["x"]),
        ("assertions",),
    ),
    Mistake(
        "deliveries that tell nobody",
        "storage",
        _drop("S3::Bucket", "Deliveries", "NotificationConfiguration"),
        _EVERY,
    ),
    Mistake(
        "a bucket that keeps old versions",
        "storage",
        _set("S3::Bucket", "Landing", "VersioningConfiguration", value=_KEEPS),
        _EVERY,
    ),
    Mistake(
        "a bucket without a key",
        "storage",
        _drop("S3::Bucket", "Trusted", "BucketEncryption"),
        _EVERY,
    ),
    Mistake(
        "a bucket open to the public",
        "storage",
        _drop("S3::Bucket", "Curated", "PublicAccessBlockConfiguration"),
        ("assertions", "cfn-guard"),
    ),
    Mistake(
        "a bucket that takes plain requests",
        "storage",
        _no_policy,
        ("assertions", "cdk-nag"),
    ),
    Mistake(
        "uploads never finished that stay",
        "storage",
        _set(
            "S3::Bucket",
            "Ops",
            "LifecycleConfiguration",
            "Rules",
            0,
            value={
                "Id": "none",
                "Status": "Enabled",
                "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
            },
        ),
        _EVERY,
    ),
    Mistake(
        "a key that is never rotated",
        "storage",
        _set("KMS::Key", "Data", "EnableKeyRotation", value=False),
        ("assertions", "cfn-guard", "cdk-nag"),
    ),
    Mistake("a key deleted with its stack", "storage", _deleted_with_its_stack, ("assertions",)),
    Mistake(
        "a bucket kept though it could not be made",
        "storage",
        _kept_when_it_could_not_be_made,
        ("assertions",),
    ),
    Mistake(
        "a key that another account may use",
        "storage",
        _more("KMS::Key", "Data", "KeyPolicy", _LET | {"Action": "kms:Decrypt", "Resource": "*"}),
        ("assertions",),
    ),
    Mistake(
        "a bucket that another account may read",
        "storage",
        _more(
            "S3::BucketPolicy",
            "Curated",
            "PolicyDocument",
            _LET | {"Action": "s3:GetObject", "Resource": _arn("change-me-stedi-curated/*")},
        ),
        ("assertions",),
    ),
    Mistake(
        "rows handed out for another account",
        "catalog",
        _handed_out_by_anybody,
        ("assertions",),
    ),
    Mistake("a key in the template", "storage", _in_the_open, _EVERY),
    Mistake(
        "a database whose tables IAM opens",
        "catalog",
        _set(
            "Glue::Database",
            "Curated",
            "DatabaseInput",
            "CreateTableDefaultPermissions",
            value=[_ALLOWED],
        ),
        _EVERY,
    ),
    Mistake(
        "a feed read by wrong names",
        "catalog",
        _drop(
            "Glue::Table",
            "Customer",
            "TableInput",
            "StorageDescriptor",
            "SerdeInfo",
            "Parameters",
            "mapping.customername",
        ),
        ("assertions",),
    ),
    Mistake(
        "an identifying column no longer left out",
        "filters",
        _set(
            "LakeFormation::DataCellsFilter",
            "Customers",
            "ColumnNames",
            value=["email", "registrationdate"],
        ),
        ("assertions",),
    ),
    Mistake("all columns instead of some", "filters", _whole_table, _EVERY),
    Mistake(
        "a job that is refused where a table is not made yet",
        "access",
        _set(
            "LakeFormation::PrincipalPermissions",
            "GrantCustomerLandingToTrustedDatabase",
            "Permissions",
            value=["DESCRIBE"],
        ),
        ("assertions",),
    ),
    Mistake(
        "a scientist who reads files",
        "access",
        _more("IAM::Policy", "Scientist", "PolicyDocument", _FILES),
        ("assertions", "cdk-nag"),
    ),
    Mistake(
        "a scientist who may look at everything",
        "access",
        _set(
            "IAM::Role",
            "Scientist",
            "ManagedPolicyArns",
            value=["arn:aws:iam::aws:policy/ReadOnlyAccess"],
        ),
        ("assertions", "cdk-nag"),
    ),
    Mistake("all tables of a zone", "access", _all_tables_of_the_zone, ("assertions",)),
    Mistake(
        "results in the clear",
        "query",
        _drop("Athena::WorkGroup", "Scientist", *_RESULT, "EncryptionConfiguration"),
        _EVERY,
    ),
    Mistake(
        "results where others read them",
        "query",
        _set(
            "Athena::WorkGroup", "Scientist", *_RESULT, "OutputLocation", value="s3://x/engineer/"
        ),
        ("assertions",),
    ),
    Mistake(
        "queries without a limit",
        "query",
        _drop(
            "Athena::WorkGroup", "Engineer", "WorkGroupConfiguration", "BytesScannedCutoffPerQuery"
        ),
        _EVERY,
    ),
    Mistake("a failure that nobody hears of", "watch", _without_its_job, ("assertions",)),
    Mistake(
        "an alarm that tells nobody",
        "watch",
        _set("CloudWatch::Alarm", "NoRound", "AlarmActions", value=[]),
        _EVERY,
    ),
    Mistake("alarms in the clear", "watch", _unencrypted_topic, ("assertions", "cdk-nag")),
]
