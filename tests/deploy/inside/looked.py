"""Templates to be looked at, and the claims about them: what no linter can know of this lake.

Runs in the environment of `deploy`. A claim is a function in a module `claims_*`: it takes the
templates by their stacks' short names and the plan, and raises where it does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aws_cdk.assertions import Template
from deploy.plan import Plan


class Looked:
    """A template, whose resources cross over from Node once for each type."""

    def __init__(self, template: Mapping[str, Any]) -> None:
        self.template = template
        self._made: Template | None = None
        self._found: dict[str, dict[str, Any]] = {}

    @property
    def made(self) -> Template:
        self._made = self._made or Template.from_json(self.template)
        return self._made

    def find_resources(self, kind: str) -> dict[str, Any]:
        if kind not in self._found:
            self._found[kind] = dict(self.made.find_resources(kind))
        return self._found[kind]

    def has_resource_properties(self, kind: str, wanted: Mapping[str, Any]) -> None:
        self.made.has_resource_properties(kind, wanted)

    def resource_count_is(self, kind: str, count: int) -> None:
        self.made.resource_count_is(kind, count)


Templates = Mapping[str, Looked]
Check = Callable[[Templates, Plan], None]
CHECKS: dict[str, Check] = {}


def check(function: Check) -> Check:
    CHECKS[function.__name__] = function
    return function


def of(template: Looked, kind: str) -> dict[str, Any]:
    """The resources of a type: their properties by logical name."""
    found = template.find_resources(kind)
    return {name: entry["Properties"] for name, entry in found.items()}


def flat(value: Any) -> str:
    """A value as text, with `{Name}` for what only AWS knows."""
    if isinstance(value, dict) and len(value) == 1:
        ((function, inner),) = value.items()
        if function == "Ref":
            return "{" + inner.removeprefix("AWS::") + "}"
        if function == "Fn::Join":
            return inner[0].join(map(flat, inner[1]))
        if function == "Fn::Sub":
            return str(inner).replace("${AWS::", "{").replace("${", "{")
        if function == "Fn::GetAtt":
            return "{" + ".".join(inner) + "}"
        if function == "Fn::ImportValue":
            return "{" + flat(inner) + "}"
    return str(value)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def policies(template: Looked) -> list[dict[str, Any]]:
    """Policies of roles, those too into which CDK puts what does not fit into the first."""
    kinds = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
    return [policy for kind in kinds for policy in of(template, kind).values()]


def resources_of(template: Looked, role: str, *actions: str) -> set[str]:
    """Buckets and paths on which a role may do one of the actions."""
    prefix = "arn:{Partition}:s3:::"
    return {
        resource.removeprefix(prefix)
        for granted, resources in statements(template, role)
        for resource in resources
        if granted & set(actions)
    }


def statements(template: Looked, role: str) -> Iterator[tuple[set[str], set[str]]]:
    """Actions and resources of every statement in the policies of a role."""
    for policy in policies(template):
        if role in [flat(named).strip("{}") for named in policy["Roles"]]:
            for entry in policy["PolicyDocument"]["Statement"]:
                yield set(listed(entry["Action"])), set(map(flat, listed(entry["Resource"])))


def role_named(template: Looked, name: str) -> str:
    """The logical name of the role of that name."""
    roles = of(template, "AWS::IAM::Role")
    return next(logical for logical, role in roles.items() if role.get("RoleName") == name)


def grants(template: Looked) -> Iterator[tuple[str, dict[str, Any], set[str]]]:
    """Principal, resource and permissions of every grant."""
    for grant in of(template, "AWS::LakeFormation::PrincipalPermissions").values():
        who = flat(grant["Principal"]["DataLakePrincipalIdentifier"])
        yield who, grant["Resource"], set(grant["Permissions"])
