"""The arguments of a Glue job: `--name value` or `--name=value`, among many of Glue's own."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from stedi.errors import UsageError
from stedi.lake.keys import FORGOTTEN_VARIABLE, KEY_VARIABLE

KEYS = {"pseudonym_key": KEY_VARIABLE, "forgotten_key": FORGOTTEN_VARIABLE}
OURS = ("lake", "landing", "policy", "consent", "wait", "full", *KEYS)
GLUE = ("JOB_NAME",)


@dataclass(frozen=True)
class Arguments:
    """What a job is told; `unread` are the names of arguments that are none of ours.

    `keys` are the lake's, or ARNs of secrets, by the variable of the environment that they stand
    for. An argument of a job is no place for a secret: give it the ARN.
    """

    lake: str
    landing: str | None
    consent: str | None
    wait: float
    full: bool
    policy: str | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
    unread: Sequence[str] = ()


def read(argv: Sequence[str]) -> Arguments:
    """The arguments after the script's name; UsageError for a value missing or out of place."""
    given = _names(argv)
    found = _resolved(argv, [name for name in OURS if name in given])
    if "lake" not in found:
        raise UsageError("argument --lake is missing: give the job --lake with the lake's address")
    return Arguments(
        lake=found["lake"],
        landing=found.get("landing"),
        consent=found.get("consent"),
        wait=_seconds(found.get("wait", "0")),
        full=_switch(found.get("full", "false")),
        policy=found.get("policy"),
        keys={KEYS[name]: found[name] for name in KEYS if name in found},
        unread=[name for name in given if name not in (*OURS, *GLUE)],
    )


def _names(argv: Sequence[str]) -> list[str]:
    options = (word[2:].partition("=")[0] for word in argv[1:] if word.startswith("--"))
    return [name for name in dict.fromkeys(options) if name]


def _resolved(argv: Sequence[str], wanted: list[str]) -> Mapping[str, str]:
    """The values of `wanted`, by Glue's own reading where the job runs on Glue."""
    try:
        from awsglue.utils import GlueArgumentError, getResolvedOptions
    except ImportError:
        return _parsed(argv, wanted)
    try:
        found: Mapping[str, str] = getResolvedOptions(list(argv), wanted)
    except (GlueArgumentError, RuntimeError) as error:
        raise UsageError(f"the job's arguments: {error}") from error
    return {name: found[name] for name in wanted}


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"the job's arguments: {message}")


def _parsed(argv: Sequence[str], wanted: list[str]) -> Mapping[str, str]:
    parser = _Parser(add_help=False, allow_abbrev=False)
    for name in wanted:
        parser.add_argument(f"--{name}", required=True)
    found, _ = parser.parse_known_args(list(argv[1:]))
    return {name: getattr(found, name) for name in wanted}


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"--wait is {text!r}; give seconds, such as --wait 600") from None


def _switch(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise UsageError(f"--full is {text!r}; give true or false")
    return text.lower() == "true"
