"""Workgroups and saved queries."""

from __future__ import annotations

from aws_cdk.assertions import Match
from deploy.plan import Plan, qualified, queries_of
from looked import Templates, check, of


@check
def every_role_has_a_workgroup_with_a_limit_and_results_of_its_own(
    t: Templates, plan: Plan
) -> None:
    t["query"].resource_count_is("AWS::Athena::WorkGroup", len(plan.roles))
    for role in plan.roles:
        t["query"].has_resource_properties(
            "AWS::Athena::WorkGroup",
            {
                "Name": plan.named(role.name),
                "WorkGroupConfiguration": {
                    "EnforceWorkGroupConfiguration": True,
                    "BytesScannedCutoffPerQuery": plan.settings.scan_limit_gb * 10**9,
                    "ResultConfiguration": {
                        "OutputLocation": f"s3://{plan.bucket('results')}/{role.name}/",
                        "EncryptionConfiguration": {
                            "EncryptionOption": "SSE_KMS",
                            "KmsKey": Match.any_value(),
                        },
                    },
                },
            },
        )


@check
def the_saved_queries_stand_in_the_workgroups_of_those_who_may_run_them(
    t: Templates, plan: Plan
) -> None:
    named = of(t["query"], "AWS::Athena::NamedQuery").values()
    found = {(q["WorkGroup"], q["Name"]): q["QueryString"] for q in named}
    assert found == {
        (plan.named(role.name), query.name): qualified(plan, query)
        for role in plan.roles
        for query in queries_of(role)
    }
