"""What jobs and people may do by IAM."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from deploy.plan import Plan, reads_of, writes_of
from looked import (
    Templates,
    check,
    flat,
    listed,
    of,
    policies,
    resources_of,
    role_named,
    statements,
)

INLINE_LIMIT = 10_240  # characters of all inline policies of a role, without blanks
MANAGED_LIMIT = 6_144
RESOURCE_LIMIT = 500


@check
def every_job_writes_the_files_of_its_own_tables_and_no_others(t: Templates, plan: Plan) -> None:
    for job in plan.jobs:
        role = role_named(t["jobs"], plan.named(f"job-{job.name}"))
        written = resources_of(t["jobs"], role, "s3:PutObject", "s3:DeleteObject")
        own = {(x.zone, x.name) for x in plan.tables if x.full_name in job.writes}
        own |= {("ops", "files"), ("ops", "runs")}
        tables = {f"{plan.bucket(zone)}/tables/{name}/*" for zone, name in own}
        home = {"lock", "readers/*", "running", "scratch/*"}
        if job.table is None:
            home |= {"stedi.toml", "key.check"}
            renewed = ("forgotten", "erasures")
            tables |= {f"{plan.bucket('ops')}/tables/{name}/metadata/*" for name in renewed}
        assert written == tables | {f"{plan.bucket('ops')}/lake/{path}" for path in home}, job.name


@check
def upkeep_works_on_the_tables_and_neither_makes_one_nor_opens_a_secret(
    t: Templates, plan: Plan
) -> None:
    role = role_named(t["jobs"], plan.named("job-maintain"))
    home = ("lock", "readers/*", "running", "scratch/*", "maintained")
    tables = {f"{plan.bucket(x.zone)}/tables/{x.name}/*" for x in plan.tables}
    written = resources_of(t["jobs"], role, "s3:PutObject", "s3:DeleteObject")
    assert written == tables | {f"{plan.bucket('ops')}/lake/{path}" for path in home}
    actions = {action for granted, _ in statements(t["jobs"], role) for action in granted}
    assert "glue:UpdateTable" in actions
    assert not actions & {"glue:CreateTable", "glue:DeleteTable", "secretsmanager:GetSecretValue"}
    told = next(
        job["DefaultArguments"]
        for job in of(t["jobs"], "AWS::Glue::Job").values()
        if job["Name"] == plan.named("maintain")
    )
    assert "--pseudonym_key" not in told


@check
def every_job_reads_the_rows_of_what_it_is_made_from_and_no_others(
    t: Templates, plan: Plan
) -> None:
    for job in plan.jobs:
        role = role_named(t["jobs"], plan.named(f"job-{job.name}"))
        seen = resources_of(t["jobs"], role, "s3:GetObject")
        rows = {r for r in seen if "/tables/" in r and not r.endswith("/metadata/*")}
        tables = [*reads_of(job), *writes_of(job)]
        assert rows == {f"{plan.bucket(r.zone)}/tables/{r.name}/*" for r in tables}, job.name
        delivered = f"{plan.bucket('deliveries')}/*" in seen
        assert delivered == (job.table is None), job.name


@check
def every_job_changes_its_own_entries_of_the_catalog_and_no_others(
    t: Templates, plan: Plan
) -> None:
    for job in plan.jobs:
        role = role_named(t["jobs"], plan.named(f"job-{job.name}"))
        changed = set()
        for actions, resources in statements(t["jobs"], role):
            if actions & {"glue:CreateTable", "glue:UpdateTable", "glue:DeleteTable"}:
                changed |= {r.rpartition(":")[2] for r in resources if ":table/" in r}
        begun = [x for x in plan.tables if x.zone == "ops"] if job.table is None else []
        wanted = {f"table/{plan.database(w.zone)}/{w.name}" for w in [*writes_of(job), *begun]}
        assert changed == wanted, job.name


@check
def no_right_to_data_is_a_wildcard(t: Templates, plan: Plan) -> None:
    del plan
    harmless = {"lakeformation:GetDataAccess", "cloudwatch:PutMetricData"}
    harmless |= {"athena:ListDataCatalogs", "athena:ListWorkGroups"}
    for stack, template in t.items():
        for policy in policies(template):
            for entry in policy["PolicyDocument"]["Statement"]:
                actions = set(listed(entry["Action"]))
                assert not [action for action in actions if "*" in action], (stack, actions)
                for resource in map(flat, listed(entry["Resource"])):
                    assert resource != "*" or actions <= harmless, (stack, actions)
                    assert not re.search(r":s3:::[^/]*\*", resource), (stack, resource)


@check
def every_policy_fits_into_its_role(t: Templates, plan: Plan) -> None:
    del plan
    for stack, template in t.items():
        assert len(template.template["Resources"]) <= RESOURCE_LIMIT, stack
        inline: dict[str, int] = {}
        for policy in of(template, "AWS::IAM::Policy").values():
            for role in map(flat, policy["Roles"]):
                inline[role] = inline.get(role, 0) + _length(policy)
        assert all(size <= INLINE_LIMIT for size in inline.values()), (stack, inline)
        for name, policy in of(template, "AWS::IAM::ManagedPolicy").items():
            assert _length(policy) <= MANAGED_LIMIT, (stack, name)


def _length(policy: Mapping[str, Any]) -> int:
    return len(json.dumps(_spelled(policy["PolicyDocument"]), separators=(",", ":")))


def _spelled(value: Any) -> Any:
    """With what AWS puts in at its real length: accounts, regions, keys and secrets."""
    if isinstance(value, list):
        return [_spelled(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and next(iter(value)) in ("Fn::Join", "Fn::Sub", "Ref"):
        text = flat(value).replace("{Partition}", "aws").replace("{AccountId}", "1" * 12)
        return text.replace("{Region}", "ap-southeast-1")
    if len(value) == 1 and next(iter(value)).startswith("Fn::"):
        return "x" * 100
    return {key: _spelled(entry) for key, entry in value.items()}


@check
def services_and_people_take_on_their_roles_and_nobody_else(t: Templates, plan: Plan) -> None:
    here = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    services = {"jobs": "glue", "catalog": "lakeformation", "rounds": "events"}
    for stack, service in services.items():
        for role in of(t[stack], "AWS::IAM::Role").values():
            (entry,) = role["AssumeRolePolicyDocument"]["Statement"]
            assert entry == {
                "Action": "sts:AssumeRole",
                "Effect": "Allow",
                "Principal": {"Service": f"{service}.amazonaws.com"},
                "Condition": here,
            }, (stack, entry)
    for stack, template in t.items():
        made = of(template, "AWS::IAM::Role")
        assert bool(made) == (stack in {*services, "access"}), stack
        assert not [name for name, role in made.items() if "ManagedPolicyArns" in role], stack
        assert not [name for name, role in made.items() if "Policies" in role], stack
    assert len(of(t["access"], "AWS::IAM::Role")) == len(plan.roles)
    for role in plan.roles:
        logical = role_named(t["access"], plan.named(role.name))
        made = of(t["access"], "AWS::IAM::Role")[logical]
        (entry,) = made["AssumeRolePolicyDocument"]["Statement"]
        assert set(entry) == {"Action", "Effect", "Principal"}, role.name
        assert (entry["Action"], entry["Effect"]) == ("sts:AssumeRole", "Allow")
        assert set(entry["Principal"]) == {"AWS"}, role.name
        given = {flat(arn) for arn in listed(entry["Principal"]["AWS"])}
        account = {"arn:{Partition}:iam::{AccountId}:root"}
        named = set(plan.settings.roles[role.name]) - {"account"}
        assert given == (named or account), role.name
