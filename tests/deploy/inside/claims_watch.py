"""Alarms and budget."""

from __future__ import annotations

from aws_cdk.assertions import Match
from deploy.cron import gap_days
from deploy.plan import Plan
from looked import Templates, check, flat, listed, of


@check
def a_failure_of_any_job_is_mailed(t: Templates, plan: Plan) -> None:
    names = [plan.named(name) for name in (*(job.name for job in plan.jobs), "maintain")]
    t["watch"].has_resource_properties(
        "AWS::Events::Rule",
        {
            "State": "ENABLED",
            "EventPattern": {
                "source": ["aws.glue"],
                "detail-type": ["Glue Job State Change"],
                "detail": {"jobName": names, "state": ["FAILED", "TIMEOUT", "ERROR", "STOPPED"]},
            },
            "Targets": [Match.object_like({"Arn": {"Ref": Match.string_like_regexp("^Alarms")}})],
        },
    )
    t["watch"].has_resource_properties(
        "AWS::SNS::Subscription", {"Protocol": "email", "Endpoint": plan.settings.email}
    )
    t["watch"].has_resource_properties("AWS::SNS::Topic", {"KmsMasterKeyId": Match.any_value()})


@check
def silence_is_an_alarm(t: Templates, plan: Plan) -> None:
    days = gap_days(plan.settings.schedule) + 1
    assert days < 8, "no alarm to look at"
    t["watch"].has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {
            "MetricName": "MatchedEvents",
            "Dimensions": [{"Name": "RuleName", "Value": plan.named("finished")}],
            "ComparisonOperator": "LessThanThreshold",
            "TreatMissingData": "breaching",
            "EvaluationPeriods": days,
        },
    )
    t["watch"].has_resource_properties(
        "AWS::Events::Rule",
        {
            "Name": plan.named("finished"),
            "EventPattern": {
                "detail": {
                    "jobName": [plan.named("maintain")],
                    "state": ["SUCCEEDED"],
                }
            },
        },
    )
    for rule in ("schedule", "delivered"):
        t["watch"].has_resource_properties(
            "AWS::CloudWatch::Alarm",
            {
                "MetricName": "FailedInvocations",
                "Dimensions": [{"Name": "RuleName", "Value": plan.named(rule)}],
            },
        )
    for alarm in of(t["watch"], "AWS::CloudWatch::Alarm").values():
        assert [flat(action)[:7] for action in alarm["AlarmActions"]] == ["{Alarms"]


@check
def a_budget_warns_before_it_is_spent(t: Templates, plan: Plan) -> None:
    (budget,) = of(t["watch"], "AWS::Budgets::Budget").values()
    limit = {"Amount": plan.settings.budget_usd, "Unit": "USD"}
    assert budget["Budget"]["BudgetLimit"] == limit
    assert "CostFilters" not in budget["Budget"]
    told = [entry["Notification"] for entry in budget["NotificationsWithSubscribers"]]
    kinds = [(entry["NotificationType"], entry["Threshold"]) for entry in told]
    assert kinds == [("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)]


@check
def eventbridge_and_cloudwatch_may_publish_alarms_under_the_key(t: Templates, plan: Plan) -> None:
    del plan
    services = {"events.amazonaws.com", "cloudwatch.amazonaws.com"}
    (policy,) = of(t["watch"], "AWS::SNS::TopicPolicy").values()
    published = [e for e in policy["PolicyDocument"]["Statement"] if e["Effect"] == "Allow"]
    named = [service for e in published for service in listed(e["Principal"]["Service"])]
    assert set(named) == services
    assert {e["Action"] for e in published} == {"sns:Publish"}
    keys = of(t["storage"], "AWS::KMS::Key")
    (service,) = (key for name, key in keys.items() if name.startswith("Service"))
    for entry in service["KeyPolicy"]["Statement"]:
        if entry["Effect"] == "Allow" and "Service" in entry["Principal"]:
            assert "kms:GenerateDataKey" in entry["Action"]
            services -= set(map(flat, listed(entry["Principal"]["Service"])))
    assert not services, services
