"""What is said when something goes wrong, and when it costs too much."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from deploy.cron import gap_days
from deploy.plan import Plan
from deploy.stacks.base import LakeStack
from deploy.stacks.storage import StorageStack

_BAD = ["FAILED", "TIMEOUT", "ERROR", "STOPPED"]
_DAY = 86_400
_LOOKED_BACK = 7  # days


class WatchStack(LakeStack):
    """A topic that mails; rules, alarms and a budget that tell it."""

    def __init__(self, scope: Construct, plan: Plan, storage: StorageStack) -> None:
        super().__init__(scope, plan, "watch", "Alarms and budget of the lake")
        self._topic = self._alarm_topic(storage)
        self._failed_rule()
        last = self._rule("Finished", [plan.steps[-1]], ["SUCCEEDED"])
        self._too_quiet(last)
        self._not_started("schedule")
        self._not_started("delivered")
        self._budget()

    def _alarm_topic(self, storage: StorageStack) -> sns.Topic:
        topic = sns.Topic(
            self,
            "Alarms",
            topic_name=self.plan.named("alarms"),
            master_key=storage.service_key,
            enforce_ssl=True,
        )
        sns.CfnSubscription(
            self,
            "Mail",
            topic_arn=topic.topic_arn,
            protocol="email",
            endpoint=self.plan.settings.email,
        )
        self._let_publish(topic, "events", None)  # it knows no conditions here
        here = {"StringEquals": {"aws:SourceAccount": self.account}}
        self._let_publish(topic, "cloudwatch", here)
        return topic

    @staticmethod
    def _let_publish(
        topic: sns.Topic, service: str, conditions: dict[str, dict[str, str]] | None
    ) -> None:
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(f"{service}.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions=conditions,
            )
        )

    def _failed_rule(self) -> None:
        rule = self._rule("Failed", self.plan.steps, _BAD)
        rule.targets = [events.CfnRule.TargetProperty(id="alarms", arn=self._topic.topic_arn)]

    def _rule(self, name: str, jobs: list[str], states: list[str]) -> events.CfnRule:
        return events.CfnRule(
            self,
            name,
            name=self.plan.named(name.lower()),
            state="ENABLED",
            event_pattern={
                "source": ["aws.glue"],
                "detail-type": ["Glue Job State Change"],
                "detail": {"jobName": [self.plan.named(job) for job in jobs], "state": states},
            },
        )

    def _too_quiet(self, finished: events.CfnRule) -> None:
        """No round ended although the schedule alone would have started one, with a day to spare.

        CloudWatch looks back seven days at most: a schedule with longer gaps has no such alarm.
        """
        days = gap_days(self.plan.settings.schedule) + 1
        if days > _LOOKED_BACK:
            return
        self._alarm(
            "NoRoundFinished",
            f"No round of the lake has come to its end for {days} days",
            metric="MatchedEvents",
            rule=finished.name or "",
            below=1,
            days=days,
        )

    def _not_started(self, rule: str) -> None:
        self._alarm(
            f"{rule.capitalize()}NotDelivered",
            f"The rule {rule} could not start a round",
            metric="FailedInvocations",
            rule=self.plan.named(rule),
        )

    def _alarm(
        self, name: str, description: str, metric: str, rule: str, below: int = 0, days: int = 0
    ) -> None:
        less = cloudwatch.CfnAlarm
        less(
            self,
            name,
            alarm_name=self.plan.named(name.lower()),
            alarm_description=description,
            namespace="AWS/Events",
            metric_name=metric,
            dimensions=[less.DimensionProperty(name="RuleName", value=rule)],
            statistic="Sum",
            period=_DAY if days else 300,
            evaluation_periods=days or 1,
            threshold=below or 1,
            comparison_operator=("LessThanThreshold" if below else "GreaterThanOrEqualToThreshold"),
            treat_missing_data="breaching" if below else "notBreaching",
            actions_enabled=True,
            alarm_actions=[self._topic.topic_arn],
            ok_actions=[self._topic.topic_arn],
        )

    def _budget(self) -> None:
        """Of the whole account: a filter by a tag nobody activated would see no cost at all."""
        of = budgets.CfnBudget
        mail = of.SubscriberProperty(subscription_type="EMAIL", address=self.plan.settings.email)
        made = of(
            self,
            "Budget",
            budget=of.BudgetDataProperty(
                budget_name=self.plan.named("monthly"),
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=of.SpendProperty(amount=self.plan.settings.budget_usd, unit="USD"),
            ),
            notifications_with_subscribers=[
                of.NotificationWithSubscribersProperty(
                    notification=of.NotificationProperty(
                        notification_type=kind,
                        comparison_operator="GREATER_THAN",
                        threshold=percent,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=[mail],
                )
                for kind, percent in (("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))
            ],
        )
        made.apply_removal_policy(cdk.RemovalPolicy.DESTROY)
