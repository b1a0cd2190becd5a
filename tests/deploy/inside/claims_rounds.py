"""Jobs, and when they run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from deploy.cron import cron_fault
from deploy.plan import Plan
from looked import Looked, Templates, check, flat, listed, of

from stedi.contract import load_tables


@check
def every_job_runs_its_script_with_the_wheel_on_glue_6(t: Templates, plan: Plan) -> None:
    t["jobs"].resource_count_is("AWS::Glue::Job", len(plan.jobs) + 1)
    jobs = {job["Name"]: job for job in of(t["jobs"], "AWS::Glue::Job").values()}
    for name in (*(job.name for job in plan.jobs), "maintain"):
        made = jobs[plan.named(name)]
        assert made["GlueVersion"] == "6.0", name
        assert made["MaxRetries"] == 0
        assert made["ExecutionProperty"] == {"MaxConcurrentRuns": 1}
        assert made["WorkerType"] == plan.settings.worker_type
        assert made["SecurityConfiguration"] == plan.named("jobs")
        assert made["Command"]["Name"] == "glueetl"
        script = flat(made["Command"]["ScriptLocation"])
        assert re.search(rf"/{name}-[0-9a-f]{{16}}\.py$", script), script


@check
def every_job_is_told_its_lake_and_only_landing_where_files_come_from(
    t: Templates, plan: Plan
) -> None:
    jobs = {job["Name"]: job for job in of(t["jobs"], "AWS::Glue::Job").values()}
    for job in plan.jobs:
        told = {k: flat(v) for k, v in jobs[plan.named(job.name)]["DefaultArguments"].items()}
        assert told["--lake"] == plan.lake
        assert told["--job-bookmark-option"] == "job-bookmark-disable"
        wheel = told["--additional-python-modules"]
        name = re.search(r"/([^/,]+)\.whl$", wheel)
        assert name, wheel
        assert re.fullmatch(r"[^-]+-[^-]+-0[0-9a-f]{16}-py3-none-any", name[1]), wheel
        assert "PseudonymKey" in told["--pseudonym_key"]
        own = {"--landing", "--policy", "--forgotten_key"}
        assert own & set(told) == (set() if job.table else own), job.name
    landing = jobs[plan.named("landing")]["DefaultArguments"]
    assert landing["--landing"] == plan.landing
    assert "ForgottenKey" in flat(landing["--forgotten_key"])


@check
def a_round_starts_one_job_after_the_other_and_stops_at_the_first_failure(
    t: Templates, plan: Plan
) -> None:
    triggers = of(t["rounds"], "AWS::Glue::Trigger").values()
    after: dict[str, str | None] = {}
    for trigger in triggers:
        (action,) = trigger["Actions"]
        assert trigger["WorkflowName"] == plan.named("round")
        after[action["JobName"]] = _waits_for(trigger)
    names = [plan.named(name) for name in (*(job.name for job in plan.jobs), "maintain")]
    assert after == dict(zip(names, [None, *names], strict=False)), after
    assert len(triggers) == len(names)


def _waits_for(trigger: Mapping[str, Any]) -> str | None:
    if trigger["Type"] == "EVENT":
        assert "Predicate" not in trigger
        return None
    assert trigger["Type"] == "CONDITIONAL"
    assert trigger["StartOnCreation"] is True
    (condition,) = trigger["Predicate"]["Conditions"]
    assert trigger["Predicate"]["Logical"] == "AND"
    assert condition["LogicalOperator"] == "EQUALS"
    assert condition["State"] == "SUCCEEDED"
    return str(condition["JobName"])


@check
def every_trigger_starts_and_awaits_a_job_that_is_there(t: Templates, plan: Plan) -> None:
    del plan
    there = {job["Name"] for job in of(t["jobs"], "AWS::Glue::Job").values()}
    for trigger in of(t["rounds"], "AWS::Glue::Trigger").values():
        awaited = trigger.get("Predicate", {}).get("Conditions", [])
        named = {entry["JobName"] for entry in [*trigger["Actions"], *awaited]}
        assert named <= there, named - there


@check
def a_table_is_refreshed_after_all_that_it_is_made_from(t: Templates, plan: Plan) -> None:
    triggers = of(t["rounds"], "AWS::Glue::Trigger").values()
    after = {_waits_for(trigger): trigger["Actions"][0]["JobName"] for trigger in triggers}
    order: list[str] = []
    while (following := after.get(order[-1] if order else None)) and following not in order:
        order.append(following)
    position = {name: number for number, name in enumerate(order)}
    for job in plan.jobs:
        if job.table is None:
            continue
        for source in job.table.sources:
            made_by = load_tables()[source].job[:1] or ("landing",)
            assert position[plan.named(made_by[0])] < position[plan.named(job.name)], source


@check
def triggers_are_made_one_after_the_other(t: Templates, plan: Plan) -> None:
    """Glue refuses to add two at once to one workflow, Lake Formation two grants."""
    del plan
    _chained(t["rounds"], "AWS::Glue::Trigger")
    _chained(t["access"], "AWS::LakeFormation::PrincipalPermissions")
    _chained(t["filters"], "AWS::LakeFormation::PrincipalPermissions", between=1)


def _chained(template: Looked, kind: str, between: int = 0) -> None:
    found = template.find_resources(kind)
    before = {name: set(listed(entry.get("DependsOn", []))) for name, entry in found.items()}
    last = [name for name in found if not any(name in names for names in before.values())]
    first = [name for name, names in before.items() if not names & set(found)]
    assert (len(last), len(first)) == ((1, 1) if not between else (len(found), len(found)))


@check
def a_round_begins_by_the_clock_and_when_files_are_delivered(t: Templates, plan: Plan) -> None:
    rules = {rule["Name"]: rule for rule in of(t["rounds"], "AWS::Events::Rule").values()}
    assert set(rules) == {plan.named("schedule"), plan.named("delivered")}
    for rule in rules.values():
        awaited = plan.settings.on_arrival or rule["Name"] == plan.named("schedule")
        assert rule["State"] == ("ENABLED" if awaited else "DISABLED")
        (target,) = rule["Targets"]
        assert flat(target["Arn"]).endswith(f":workflow/{plan.named('round')}")
        assert "StarterRole" in flat(target["RoleArn"])
    schedule = rules[plan.named("schedule")]["ScheduleExpression"]
    assert schedule == plan.settings.schedule
    assert not cron_fault(schedule), schedule
    pattern = rules[plan.named("delivered")]["EventPattern"]
    assert pattern["detail"] == {"bucket": {"name": [plan.bucket("deliveries")]}}
    assert pattern["detail-type"] == ["Object Created"]


@check
def the_bucket_of_deliveries_tells_of_new_files(t: Templates, plan: Plan) -> None:
    t["storage"].has_resource_properties(
        "AWS::S3::Bucket",
        {
            "BucketName": plan.bucket("deliveries"),
            "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
        },
    )


@check
def events_gather_before_a_round_begins(t: Templates, plan: Plan) -> None:
    t["rounds"].has_resource_properties(
        "AWS::Glue::Trigger",
        {
            "Type": "EVENT",
            "EventBatchingCondition": {
                "BatchSize": plan.settings.batch_files,
                "BatchWindow": 60 * plan.settings.batch_minutes,
            },
        },
    )
    t["rounds"].has_resource_properties("AWS::Glue::Workflow", {"MaxConcurrentRuns": 1})
