"""Rights that are told whole: what is not written here nobody has."""

from __future__ import annotations

import re
from typing import Any

from deploy.plan import Plan, sees_all
from looked import Templates, check, flat, listed, of, policies, role_named

from stedi.contract import ZONES

_ATHENA = (
    *("BatchGetNamedQuery", "GetNamedQuery", "GetQueryExecution", "GetQueryResults"),
    *("GetWorkGroup", "ListNamedQueries", "ListQueryExecutions"),
    *("StartQueryExecution", "StopQueryExecution"),
)
_NAMES = (
    *("GetDataCatalog", "GetDatabase", "GetTableMetadata", "ListDatabases"),
    "ListTableMetadata",
)


@check
def whoever_sees_no_identifying_columns_has_these_rights_and_no_others(
    t: Templates, plan: Plan
) -> None:
    for role in plan.roles:
        if not sees_all(role):
            logical = role_named(t["access"], plan.named(role.name))
            found = {
                (action, _short(flat(resource)), str(entry.get("Condition", "")))
                for policy in policies(t["access"])
                if logical in [flat(name).strip("{}") for name in policy["Roles"]]
                for entry in policy["PolicyDocument"]["Statement"]
                for action in listed(entry["Action"])
                for resource in listed(entry["Resource"])
            }
            wanted = _rights(plan, role)
            assert found == wanted, sorted(found ^ wanted)


def _short(arn: str) -> str:
    """Without partition, region and account; a key as KEY and its name."""
    if found := re.search(r"FnGetAtt(\w+?Key)[0-9A-F]{8}Arn", arn):
        return f"KEY {found[1]}"
    return arn.replace("arn:{Partition}:", "").replace("{Region}:{AccountId}:", "")


def _rights(plan: Plan, role: Any) -> set[tuple[str, str, str]]:
    results, files = plan.bucket("results"), f"s3:::{plan.bucket('results')}/{role.name}/*"
    databases = [f"glue:database/{plan.database(zone)}" for zone in role.zones]
    tables = [f"glue:table/{plan.database(x.zone)}/{x.name}" for x in role.tables()]
    own = {"StringLike": {"s3:prefix": f"{role.name}/*"}}
    objects = ("AbortMultipartUpload", "GetObject", "ListMultipartUploadParts", "PutObject")
    looked = ("GetDatabase", "GetPartitions", "GetTable", "GetTables")
    group, names = f"athena:workgroup/{plan.named(role.name)}", "athena:datacatalog/AwsDataCatalog"
    return {
        *((f"athena:{verb}", group, "") for verb in _ATHENA),
        *((f"athena:{verb}", names, "") for verb in _NAMES),
        *((f"athena:{verb}", "*", "") for verb in ("ListDataCatalogs", "ListWorkGroups")),
        *((f"s3:{verb}", files, "") for verb in objects),
        ("s3:GetBucketLocation", f"s3:::{results}", ""),
        ("s3:ListBucket", f"s3:::{results}", str(own)),
        *((f"kms:{verb}", "KEY ResultsKey", "") for verb in ("Decrypt", "GenerateDataKey")),
        *(("glue:GetDatabases", where, "") for where in ("glue:catalog", "glue:database/*")),
        *((f"glue:{v}", w, "") for v in looked for w in ("glue:catalog", *databases, *tables)),
        ("lakeformation:GetDataAccess", "*", ""),
    }


@check
def keys_are_for_the_account_and_for_services_that_encrypt(t: Templates, plan: Plan) -> None:
    root = "arn:{Partition}:iam::{AccountId}:root"
    whole = {(root, "kms:*", "")}
    logs = "{'ArnLike': {'kms:EncryptionContext:aws:logs:arn': {'Fn::Join': "
    via = "{'StringEquals': {'kms:ViaService': {'Fn::Join': "
    plain = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey")
    of_secrets = ("CreateGrant", "Decrypt", "DescribeKey", "Encrypt")
    of_secrets += ("GenerateDataKey*", "ReEncrypt*")
    service = whole | {
        *(
            (f"{name}.amazonaws.com", verb, "")
            for name in ("events", "cloudwatch")
            for verb in plain
        ),
        *(
            ("logs.{Region}.amazonaws.com", verb, logs)
            for verb in (*plain, "kms:ReEncrypt*", "kms:Describe*")
        ),
        *((root, f"kms:{verb}", via) for verb in of_secrets),
    }
    for name, key in of(t["storage"], "AWS::KMS::Key").items():
        found = {
            (flat(principal), action, str(entry.get("Condition", "")).partition("[")[0])
            for entry in key["KeyPolicy"]["Statement"]
            if entry["Effect"] == "Allow"
            for principals in entry["Principal"].values()
            for principal in listed(principals)
            for action in listed(entry["Action"])
        }
        wanted = service if name.startswith("Service") else whole
        assert found == wanted, (name, sorted(found ^ wanted))


@check
def buckets_let_in_nobody_by_themselves_but_access_logs(t: Templates, plan: Plan) -> None:
    let = {}
    buckets = of(t["storage"], "AWS::S3::Bucket")
    for policy in of(t["storage"], "AWS::S3::BucketPolicy").values():
        name = buckets[flat(policy["Bucket"]).strip("{}")]["BucketName"]
        for entry in policy["PolicyDocument"]["Statement"]:
            if entry["Effect"] == "Deny":
                continue
            source = flat(entry["Condition"]["ArnLike"]["aws:SourceArn"]).strip("{}")
            here = {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
            assert entry["Condition"]["StringEquals"] == here
            assert set(entry["Condition"]) == {"ArnLike", "StringEquals"}
            assert entry["Principal"] == {"Service": "logging.s3.amazonaws.com"}
            assert entry["Action"] == "s3:PutObject"
            folder = flat(entry["Resource"]).partition("/")[2]
            let[name, folder] = buckets[source.removesuffix(".Arn")]["BucketName"]
    every = (*ZONES, "deliveries", "results")
    assert let == {(plan.bucket("logs"), f"{what}/*"): plan.bucket(what) for what in every}, let


@check
def jobs_are_given_these_arguments_and_no_others(t: Templates, plan: Plan) -> None:
    assets = "s3://cdk-hnb659fds-assets-{AccountId}-{Region}"
    wheel = f"{assets}/stedi_lakehouse-[0-9.]+-0[0-9a-f]{{16}}-py3-none-any.whl"
    every = {
        "--lake": plan.lake,
        "--wait": "1800",
        "--additional-python-modules": rf"boto3==[\d.]+,fsspec==[\d.]+,{wheel}",
        "--job-language": "python",
        "--job-bookmark-option": "job-bookmark-disable",
        "--enable-metrics": "true",
        "--custom-logGroup-prefix": f"/{plan.settings.name}/jobs",
    }
    made = every | {
        "--pseudonym_key": r".*OutputRefPseudonymKey\w+.*",
        "--extra-jars": rf"{assets}/iceberg-[0-9a-f]{{16}}\.jar",
        "--user-jars-first": "true",
    }
    landing = made | {
        "--landing": plan.landing,
        "--policy": rf"{assets}/stedi-[0-9a-f]{{16}}\.toml",
        "--forgotten_key": r".*OutputRefForgottenKey\w+.*",
    }
    wanted = {plan.named("landing"): landing, plan.named("maintain"): every}
    for job in of(t["jobs"], "AWS::Glue::Job").values():
        expected = wanted.get(job["Name"], made)
        given = {name: flat(value) for name, value in job["DefaultArguments"].items()}
        assert set(given) == set(expected), (job["Name"], set(given) ^ set(expected))
        for name, value in given.items():
            pattern = expected[name].replace("{AccountId}", r"\{AccountId\}")
            pattern = pattern.replace("{Region}", r"\{Region\}")
            assert re.fullmatch(pattern, value), (job["Name"], name, value)


@check
def logs_of_every_job_are_kept_for_a_month_under_the_key(t: Templates, plan: Plan) -> None:
    groups = {g["LogGroupName"]: g for g in of(t["jobs"], "AWS::Logs::LogGroup").values()}
    roles = [plan.named(f"job-{step}") for step in (*(j.name for j in plan.jobs), "maintain")]
    folder = f"/{plan.settings.name}/jobs/{plan.named('jobs')}-role"
    assert set(groups) == {f"{folder}/{r}/{what}" for r in roles for what in ("error", "output")}
    for group in groups.values():
        assert group["RetentionInDays"] == 30
        assert "ServiceKey" in flat(group["KmsKeyId"])
