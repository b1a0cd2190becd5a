"""A round: the jobs one after the other, started by the clock and by new delivered files.

A workflow has one trigger that starts it. It waits for events, and both rules send it some: the
schedule and the arrival of files. Each next job waits until the one before has succeeded.
"""

from __future__ import annotations

from aws_cdk import aws_events as events
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from constructs import Construct

from deploy.plan import DELIVERIES, Plan
from deploy.stacks.base import LakeStack, allow

ROUND = "round"


class RoundsStack(LakeStack):
    """The workflow, its triggers and what starts it."""

    def __init__(self, scope: Construct, plan: Plan) -> None:
        super().__init__(scope, plan, "rounds", "When the jobs of the lake run")
        self._workflow = glue.CfnWorkflow(
            self,
            "Round",
            name=plan.named(ROUND),
            description="One round: land what was delivered, refresh each table, look after all",
            max_concurrent_runs=1,
        )
        self._last: glue.CfnTrigger | None = None
        self._first_trigger(plan.steps[0])
        for before, job in zip(plan.steps, plan.steps[1:], strict=False):
            self._next_trigger(before, job)
        self._starter = self._starter_role()
        self._rule("Schedule", schedule=plan.settings.schedule)
        state = "ENABLED" if plan.settings.on_arrival else "DISABLED"
        self._rule("Delivered", pattern=self._delivered(), state=state)

    def _first_trigger(self, job: str) -> None:
        settings = self.plan.settings
        self._trigger(
            job,
            "EVENT",
            event_batching_condition=glue.CfnTrigger.EventBatchingConditionProperty(
                batch_size=settings.batch_files, batch_window=60 * settings.batch_minutes
            ),
        )

    def _next_trigger(self, before: str, job: str) -> None:
        succeeded = glue.CfnTrigger.ConditionProperty(
            job_name=self.plan.named(before), logical_operator="EQUALS", state="SUCCEEDED"
        )
        self._trigger(
            job,
            "CONDITIONAL",
            start_on_creation=True,
            predicate=glue.CfnTrigger.PredicateProperty(logical="AND", conditions=[succeeded]),
        )

    def _trigger(
        self,
        job: str,
        kind: str,
        start_on_creation: bool | None = None,
        predicate: glue.CfnTrigger.PredicateProperty | None = None,
        event_batching_condition: glue.CfnTrigger.EventBatchingConditionProperty | None = None,
    ) -> None:
        made = glue.CfnTrigger(
            self,
            job.title().replace("_", "") + "Trigger",
            name=self.plan.named(f"start-{job}"),
            type=kind,
            workflow_name=self._workflow.name,
            actions=[glue.CfnTrigger.ActionProperty(job_name=self.plan.named(job))],
            start_on_creation=start_on_creation,
            predicate=predicate,
            event_batching_condition=event_batching_condition,
        )
        # Glue refuses a trigger while another is added to the same workflow.
        made.add_resource_dependency(self._last or self._workflow)
        self._last = made

    def _starter_role(self) -> iam.Role:
        role = iam.Role(
            self,
            "StarterRole",
            assumed_by=iam.ServicePrincipal(
                "events.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            ),
            description="Tells the round that it is time, or that files were delivered",
        )
        allow(role, ["glue:NotifyEvent"], [self._workflow_arn])
        return role

    @property
    def _workflow_arn(self) -> str:
        return self.glue_arn(f"workflow/{self.plan.named(ROUND)}")

    def _delivered(self) -> dict[str, object]:
        return {
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "account": [self.account],
            "detail": {"bucket": {"name": [self.plan.bucket(DELIVERIES)]}},
        }

    def _rule(
        self,
        name: str,
        schedule: str | None = None,
        pattern: dict[str, object] | None = None,
        state: str = "ENABLED",
    ) -> None:
        rule = events.CfnRule(
            self,
            name,
            name=self.plan.named(name.lower()),
            state=state,
            schedule_expression=schedule,
            event_pattern=pattern,
            targets=[
                events.CfnRule.TargetProperty(
                    id="round", arn=self._workflow_arn, role_arn=self._starter.role_arn
                )
            ],
        )
        rule.add_resource_dependency(self._workflow)
        rule.node.add_dependency(self._starter.node.find_child("DefaultPolicy"))
