"""python -m deploy up | down | synth | check."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from deploy.build import BuildError
from deploy.cloud import Aws, CloudError
from deploy.commands import ToolError, down, synth, up
from deploy.linters import RULES, LinterError, cfn_guard, cfn_lint
from deploy.plan import Plan
from deploy.settings import SettingsError, read_settings
from stedi.errors import StediError

_FAULTS = (SettingsError, BuildError, CloudError, ToolError, LinterError, StediError, OSError)


def main(argv: Sequence[str] | None = None) -> int:
    """0 done, 1 it could not be done, 2 wrong usage or settings."""
    given = _parser().parse_args(argv)
    try:
        plan = Plan(read_settings(given.settings))

        def prepared() -> Path:
            return synth(given.settings, plan)

        if given.command == "up":
            up(plan, Aws(_say), prepared, _say, not given.no_wait)
        elif given.command == "down":
            down(plan, Aws(_say), prepared, _say, given.delete_data)
        elif given.command == "synth":
            _say(f"templates: {prepared()}")
        else:
            return _check(prepared())
    except _FAULTS as error:
        _say(f"error: {error}")
        return 2 if isinstance(error, SettingsError) else 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m deploy", description="The lake on AWS.")
    told = argparse.ArgumentParser(add_help=False)
    for where, default in ((parser, None), (told, argparse.SUPPRESS)):  # before and after
        where.add_argument(
            "--settings", type=Path, default=default, help="instead of deploy/settings.toml"
        )
    commands = parser.add_subparsers(dest="command", required=True)
    upward = commands.add_parser("up", parents=[told], help="deploy all, or what has changed")
    upward.add_argument("--no-wait", action="store_true", help="do not run the first round")
    downward = commands.add_parser("down", parents=[told], help="take it away, but not the data")
    downward.add_argument("--delete-data", metavar="NAME", help="the data too: the lake's name")
    commands.add_parser("synth", parents=[told], help="build, and write the templates")
    commands.add_parser(
        "check", parents=[told], help="the same, and let cfn-lint and cfn-guard look at them"
    )
    return parser


def _check(assembly: Path) -> int:
    """cdk-nag has looked already: templates that it objects to are not written."""
    templates = {
        path.name.removesuffix(".template.json"): json.loads(path.read_text("utf-8"))
        for path in sorted(assembly.glob("*.template.json"))
    }
    with tempfile.TemporaryDirectory(prefix="stedi-check-") as scratch:
        found = [*cfn_lint(templates), *cfn_guard(RULES, templates, Path(scratch))]
    for finding in found:
        _say(str(finding))
    _say(f"{len(templates)} templates, {len(found)} findings")
    return 1 if found else 0


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
