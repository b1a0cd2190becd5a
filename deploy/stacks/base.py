"""What all stacks share: the plan, its tags, and rights that say why they hold a wildcard."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct, IConstruct

from deploy.plan import Plan

KEPT = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
_TOKEN = re.compile(r"\$\{Token\[(AWS\.\w+)\.\d+\]\}")


class LakeStack(cdk.Stack):
    """A stack of one lake, in whichever account and region the credentials are for."""

    def __init__(self, scope: Construct, plan: Plan, what: str, description: str) -> None:
        tags = {"lake": plan.settings.name}
        super().__init__(scope, plan.named(what), description=description, tags=tags)
        self.plan = plan

    @property
    def removal(self) -> cdk.RemovalPolicy:
        """What becomes of data when its stack goes: it stays, unless told otherwise.

        What a creation that failed has made goes again, so that it can be repeated.
        """
        return KEPT if self.plan.settings.keep_data else cdk.RemovalPolicy.DESTROY

    def bucket_arn(self, what: str, path: str = "") -> str:
        """The ARN of a bucket, or of `path` in it."""
        name = self.plan.bucket(what)
        return (
            f"arn:{self.partition}:s3:::{name}/{path}"
            if path
            else f"arn:{self.partition}:s3:::{name}"
        )

    def glue_arn(self, path: str) -> str:
        """The ARN of something of Glue: catalog, database/X, table/X/Y, job/X, workflow/X."""
        return f"arn:{self.partition}:glue:{self.region}:{self.account}:{path}"


def allow(
    role: iam.Role,
    actions: Sequence[str],
    resources: Sequence[str],
    why: str = "",
    conditions: Mapping[str, Mapping[str, object]] | None = None,
) -> None:
    """Give a role rights; ValueError for a wildcard of which nobody says `why`."""
    role.add_to_policy(
        iam.PolicyStatement(actions=list(actions), resources=list(resources), conditions=conditions)
    )
    open_ended = [resource for resource in resources if "*" in resource]
    if open_ended and not why:
        raise ValueError(f"{role.node.path}: say why {open_ended} have to be wildcards")
    acknowledge(role, {f"AwsSolutions-IAM5[Resource::{_shown(r)}]": why for r in open_ended})


def acknowledge(where: IConstruct, reasons: Mapping[str, str]) -> None:
    """Exceptions to cdk-nag's rules, each with its reason, where they stand."""
    found = [cdk.Acknowledgment(id=rule, reason=why) for rule, why in reasons.items()]
    if found:
        cdk.Validations.of(where).acknowledge(*found)


def excuse(where: cdk.CfnResource, reasons: Mapping[str, str]) -> None:
    """Exceptions to rules of cfn-guard, as AWS's registry of such rules writes them down."""
    entry = {"SuppressedRules": list(reasons), "Reasons": dict(reasons)}
    where.add_metadata("guard", entry)


def resource_of(construct: IConstruct) -> cdk.CfnResource:
    """The CloudFormation resource of a construct that makes one."""
    made = construct.node.default_child
    if not isinstance(made, cdk.CfnResource):
        raise TypeError(f"{construct.node.path} makes no resource of its own")
    return made


def _shown(resource: str) -> str:
    """An ARN as cdk-nag writes it in the id of a finding."""
    return _TOKEN.sub(lambda found: f"<{found[1].replace('.', '::')}>", resource)
