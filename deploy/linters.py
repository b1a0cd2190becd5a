"""What looks at templates without knowing this lake: cfn-lint, and cfn-guard's rules.

cfn-guard and AWS's Control Tower rules come in the package cdklabs.cdk_validator_cfnguard, as
files of its JavaScript half; they are taken out of it once into a folder.
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

RULES = Path(__file__).with_name("rules")
_PATH = re.compile(r'"path": "/Resources/(\w+)')
_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
# Of AWS's rules those for what a lake has; the others would be read for nothing.
_SERVICES = (
    "athena",
    "cloudwatch",
    "glue",
    "identityandaccessmanagement",
    "keymanagementservice",
    "lambda",
    "s3",
)
_SYSTEMS = {"Linux": "ubuntu", "Darwin": "macos"}


class LinterError(Exception):
    """A linter cannot run here; the message says why."""


@dataclass(frozen=True, order=True)
class Finding:
    """What a linter found: its rule, the stack, the resource as the template names it."""

    rule: str
    stack: str
    resource: str

    def __str__(self) -> str:
        return f"{self.stack}: {self.resource}: {self.rule}"


def cfn_lint(templates: Mapping[str, Any]) -> list[Finding]:
    """What cfn-lint has to say of templates by the names of their stacks."""
    found = []
    for stack, template in templates.items():
        for match in _lint(json.dumps(template)):
            path = [str(part) for part in getattr(match, "path", None) or []]
            resource = path[1] if path[:1] == ["Resources"] and len(path) > 1 else ""
            found.append(Finding(match.rule.id, stack, resource))
    return sorted(set(found))


def _lint(text: str) -> Sequence[Any]:
    from cfnlint.decode.decode import decode_str  # type: ignore[import-untyped]

    template, errors = decode_str(text)
    return errors or list(_linter().validate_template(template))


@cache
def _linter() -> Any:
    """cfn-lint with its rules, which take longer to load than a template to look at."""
    from cfnlint.config import ConfigMixIn, ManualArgs  # type: ignore[import-untyped]
    from cfnlint.runner import Runner  # type: ignore[import-untyped]

    return Runner(ConfigMixIn(**ManualArgs(regions=["eu-central-1"])))


@cache
def _unpacked(folder: Path) -> tuple[Path, Path]:
    """cfn-guard's program for this machine and the folder of AWS's rules, below `folder`."""
    system, machine = _SYSTEMS.get(platform.system()), _MACHINES.get(platform.machine().lower())
    if system is None or machine is None:
        raise LinterError(f"there is no cfn-guard for {platform.system()} on {platform.machine()}")
    with tarfile.open(_packed()) as archive:
        archive.extractall(folder, filter="data")
    guard = folder / "package" / "bin" / system / machine / "cfn-guard"
    guard.chmod(0o755)
    return guard, folder / "package" / "rules" / "control-tower" / "cfn-guard"


def _packed() -> Path:
    """The package's JavaScript half; found without importing it, which would start Node."""
    found = find_spec("cdklabs.cdk_validator_cfnguard")
    if found is None or found.origin is None:
        raise LinterError("cfn-guard is not installed: see deploy/requirements.lock")
    return next(Path(found.origin).parent.glob("_jsii/*.tgz"))


def cfn_guard(folder: Path, templates: Mapping[str, Any], scratch: Path) -> list[Finding]:
    """Which rules of ours, in `folder`, and of AWS's the templates break without an excuse.

    A resource excuses itself from a rule by its Metadata.guard.SuppressedRules, with a reason.
    """
    program, theirs = _unpacked(scratch)
    written = scratch / "templates"
    written.mkdir(exist_ok=True)
    for stack, template in templates.items():
        (written / f"{stack}.json").write_text(json.dumps(template))
    paths = [str(written / f"{stack}.json") for stack in templates]
    rules = [folder, *(theirs / service for service in _SERVICES)]
    named = [word for rule in rules for word in ("--rules", str(rule))]
    options = ["--show-summary", "none", "--structured", "--output-format", "json"]
    done = subprocess.run(  # noqa: S603
        [program, "validate", *named, "--data", *paths, *options],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 19):  # 19: rules are broken
        raise LinterError(f"cfn-guard: {done.stderr.strip() or done.returncode}")
    return sorted(set(_broken(json.loads(done.stdout), templates)))


def _broken(report: Sequence[Any], templates: Mapping[str, Any]) -> Iterator[Finding]:
    for entry in report:
        stack = Path(entry["name"]).stem
        for broken in entry["not_compliant"]:
            rule = broken["Rule"]["name"]
            named = set(_PATH.findall(json.dumps(broken))) or {""}
            for resource in named:
                if not _excused(templates[stack], resource, rule):
                    yield Finding(rule, stack, resource)


def _excused(template: Any, resource: str, rule: str) -> bool:
    guard = template["Resources"].get(resource, {}).get("Metadata", {}).get("guard", {})
    return rule in guard.get("SuppressedRules", []) and bool(guard.get("Reasons", {}).get(rule))
