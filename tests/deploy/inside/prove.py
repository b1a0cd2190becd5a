"""Synthesizes once, lets every tool look at the templates and at each planted mistake.

Runs in the environment of `deploy`: python prove.py SCRATCH OTHER writes SCRATCH/proof.json; OTHER
is another source of the product, of which the templates are made too. One process for all: Node
takes longer to read CDK than to make templates.
"""

from __future__ import annotations

import copy
import gc
import json
import runpy
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from deploy import node

node.use_it()

import aws_cdk as cdk  # noqa: E402
import cdk_nag  # noqa: E402
from aws_cdk import aws_glue as glue  # noqa: E402
from aws_cdk.assertions import Template  # noqa: E402
from aws_cdk.cloudformation_include import CfnInclude  # noqa: E402
from deploy.app import make_app  # noqa: E402
from deploy.build import Built, scripts  # noqa: E402
from deploy.linters import RULES, cfn_guard, cfn_lint  # noqa: E402
from deploy.plan import Plan  # noqa: E402
from deploy.settings import DEFAULT, read_settings  # noqa: E402
from looked import CHECKS, Looked  # noqa: E402
from mistakes import MISTAKES  # noqa: E402
from slices import part, together, touched  # noqa: E402

Templates = dict[str, dict[str, Any]]

for claims in sorted(Path(__file__).parent.glob("claims_*.py")):
    import_module(claims.stem)  # each puts its checks into CHECKS


def stand_in(folder: Path, plan: Plan) -> Built:
    """What `build` makes, without the wheel and the jars themselves."""
    (folder / "jars").mkdir(parents=True, exist_ok=True)
    (folder / "stedi_lakehouse-0.1.0-py3-none-any.whl").write_bytes(b"a wheel")
    (folder / "jars" / "iceberg.jar").write_bytes(b"a jar")
    (folder / "stedi.toml").write_text(plan.policy())
    scripts(folder / "scripts")
    return Built(folder)


def synthesized(plan: Plan, scratch: Path) -> Templates:
    """The templates by the short names of their stacks; cdk-nag has found nothing in them."""
    out = scratch / "cdk.out"
    make_app(plan, stand_in(scratch / "built", plan), str(out)).synth()
    prefix = f"{plan.settings.name}-"
    return {
        path.name.removesuffix(".template.json").removeprefix(prefix): json.loads(path.read_text())
        for path in sorted(out.glob("*.template.json"))
    }


class Noting(dict[str, Looked]):
    """Templates, and which of them were looked at."""

    def __init__(self, templates: Mapping[str, Looked]) -> None:
        super().__init__(templates)
        self.seen: set[str] = set()

    def __getitem__(self, name: str) -> Looked:
        self.seen.add(name)
        return super().__getitem__(name)

    def items(self) -> Any:
        self.seen |= set(self)
        return super().items()


def looks_at(templates: Mapping[str, Looked], plan: Plan) -> dict[str, set[str]]:
    """The stacks that each check looks at where it holds."""
    found = {}
    for name, check in CHECKS.items():
        noting = Noting(templates)
        with suppress(Exception):
            check(noting, plan)
        found[name] = noting.seen
    return found


def asserted(templates: Mapping[str, Looked], plan: Plan, names: Iterable[str]) -> dict[str, str]:
    """Of the checks so named those that do not hold, and why."""
    failed = {}
    for name in names:
        try:
            CHECKS[name](templates, plan)
        except Exception as error:  # jsii's own errors as well as assertions
            failed[name] = f"{type(error).__name__}: {error}"[:400]
    return failed


def nagged(templates: Mapping[str, dict[str, Any]], scratch: Path) -> dict[str, set[str]]:
    """What cdk-nag finds in each template, acknowledged or not: a template keeps no excuses."""
    out = scratch / "nag.out"
    app = cdk.App(outdir=str(out), analytics_reporting=False)
    for name, template in templates.items():
        bare = {"Resources": template["Resources"]}
        file = scratch / f"nag-{name}.json"
        file.write_text(json.dumps(bare))
        CfnInclude(cdk.Stack(app, name), "In", template_file=str(file))
    cdk.Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks(app))
    try:
        app.synth()
    except Exception as error:
        if "ValidationFailed" not in str(error):
            raise
    found: dict[str, set[str]] = {name: set() for name in templates}
    for report in json.loads((out / "validation-report.json").read_text())["pluginReports"]:
        if report["pluginName"] != "AwsSolutions":
            continue  # CDK's own look at the schema, which is cfn-lint's
        for violation in report["violations"]:
            for construct in violation["violatingConstructs"]:
                stack, _, path = construct["constructPath"].partition("/")
                found[stack].add(f"{path}: {violation['ruleName']}")
    return found


def planted(templates: Templates, plan: Plan, scratch: Path) -> dict[str, dict[str, list[str]]]:
    """For each mistake what each tool found that it does not find without it."""
    whole = {name: Looked(template) for name, template in templates.items()}
    seen = looks_at(whole, plan)
    parts = Parts()
    found: dict[str, dict[str, list[str]]] = {}
    for mistake in MISTAKES:
        made = copy.deepcopy(templates[mistake.stack])
        mistake.plant(made)
        names = touched(templates[mistake.stack], made)
        assert names, f"{mistake.name}: nothing was planted"
        parts.add(mistake.name, part(templates[mistake.stack], names), part(made, names))
        checks = [check for check, stacks in seen.items() if mistake.stack in stacks]
        failed = asserted({**whole, mistake.stack: Looked(made)}, plan, checks)
        found[mistake.name] = {"assertions": sorted(failed)}
    _linted(found, parts, scratch)
    return found


class Parts:
    """Parts of templates, right and wrong, by made-up names; the same part twice has one name."""

    def __init__(self) -> None:
        self.all: Templates = {}
        self.of: dict[str, tuple[str, str]] = {}  # a mistake's right and wrong part
        self._names: dict[str, str] = {}

    def add(self, mistake: str, right: dict[str, Any], wrong: dict[str, Any]) -> None:
        """One more mistake."""
        self.of[mistake] = (self._named(right), self._named(wrong))

    def _named(self, template: dict[str, Any]) -> str:
        name = self._names.setdefault(json.dumps(template, sort_keys=True), f"P{len(self.all)}x")
        self.all[name] = template
        return name


def _linted(found: dict[str, dict[str, list[str]]], parts: Parts, scratch: Path) -> None:
    """Adds what the linters find in the wrong parts and not in the right ones."""
    nag = nagged(parts.all, scratch)
    guard = cfn_guard(RULES, parts.all, scratch)
    lint = cfn_lint({"all": together(parts.all)})
    for name, names in parts.of.items():
        before, after = ({str((f.rule, f.resource)) for f in guard if f.stack == s} for s in names)
        told = [
            {f"{f.resource.removeprefix(s)}: {f.rule}" for f in lint if f.resource.startswith(s)}
            for s in names
        ]
        found[name] |= {
            "cfn-lint": sorted(told[1] - told[0]),
            "cfn-guard": sorted(after - before),
            "cdk-nag": sorted(nag[names[1]] - nag[names[0]]),
        }


def trap(scratch: Path) -> dict[str, Any]:
    """A misspelt key below a property: as a dict it is gone, of the typed class it is refused."""
    app = cdk.App(outdir=str(scratch / "trap.out"), analytics_reporting=False)
    stack = cdk.Stack(app, "trap")
    raw: Any = {"batchSize": 1, "batchWindoe": 60}
    glue.CfnTrigger(stack, "T", type="EVENT", actions=[], event_batching_condition=raw)
    trigger = Template.from_stack(stack).find_resources("AWS::Glue::Trigger")["T"]
    typed: Any = glue.CfnTrigger.EventBatchingConditionProperty
    try:
        typed(batch_size=1, batch_windoe=60)
        refused = ""
    except TypeError as error:
        refused = str(error)
    return {"raw": trigger["Properties"]["EventBatchingCondition"], "refused": refused}


def otherwise(plan: Plan, scratch: Path) -> dict[str, Any]:
    """Another lake: its data may go, its roles are for people by name, the limits are others."""
    arn = "arn:aws:iam::123456789012:role/"
    settings = replace(
        plan.settings,
        name="other",
        buckets="acme-other",
        database_prefix="other_",
        keep_data=False,
        schedule="cron(0 6 ? * MON-FRI *)",
        workers=9,
        scan_limit_gb=1,
        budget_usd=7,
        roles={role: (f"{arn}{role}", f"{arn}admin") for role in plan.settings.roles},
        on_arrival=False,
    )
    other = Plan(settings)
    templates = synthesized(other, scratch)
    manifest = json.loads((scratch / "cdk.out" / "manifest.json").read_text())
    stacks = {
        name: entry["properties"].get("terminationProtection", False)
        for name, entry in manifest["artifacts"].items()
        if entry["type"] == "aws:cloudformation:stack"
    }
    looked = {name: Looked(template) for name, template in templates.items()}
    return {"assertions": asserted(looked, other, CHECKS), "protected": stacks}


def grown(source: Path, scratch: Path) -> Templates:
    """The templates of another source of the product, by the Node that is running."""
    for name in list(sys.modules):
        if name.partition(".")[0] in ("stedi", "deploy"):
            del sys.modules[name]
    sys.path.insert(0, str(source))
    there = runpy.run_path(__file__)  # over that source
    settings = there["read_settings"](there["DEFAULT"])
    found: Templates = there["synthesized"](there["Plan"](settings), scratch)
    return found


def main() -> None:
    gc.set_threshold(100_000)  # linters make much, and what they make stays
    scratch, other = map(Path, sys.argv[1:])
    plan = Plan(read_settings(DEFAULT))
    templates = synthesized(plan, scratch)
    for name in ("other", "grown"):
        (scratch / name).mkdir()
    proof = {
        "templates": templates,
        "assertions": dict.fromkeys(CHECKS, "")
        | asserted({name: Looked(t) for name, t in templates.items()}, plan, CHECKS),
        "cfn-lint": list(map(str, cfn_lint(templates))),
        "cfn-guard": list(map(str, cfn_guard(RULES, templates, scratch))),
        "mistakes": planted(templates, plan, scratch),
        "otherwise": otherwise(plan, scratch / "other"),
        "trap": trap(scratch),
        "grown": grown(other, scratch / "grown"),  # last: it changes what is imported
    }
    (scratch / "proof.json").write_text(json.dumps(proof))


if __name__ == "__main__":
    main()
