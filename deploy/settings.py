"""What a deployment is told: settings.toml, read into a checked value."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deploy.cron import cron_fault
from stedi.contract.roles import load_roles

DEFAULT = Path(__file__).with_name("settings.toml")
VARIABLE = "STEDI_DEPLOY_SETTINGS"
DELETE_VARIABLE = "STEDI_DEPLOY_DELETE_DATA"
ACCOUNT = "account"
WAIT_MINUTES = 30  # that a job waits for whoever else holds the lake

_WORKERS = ("G.1X", "G.2X", "G.4X", "G.8X")
_NAME = re.compile(r"[a-z][a-z0-9-]{1,19}")
_BUCKETS = re.compile(r"(?!xn--|sthree-)[a-z0-9][a-z0-9-]{1,50}[a-z0-9]")
_PREFIX = re.compile(r"[a-z][a-z0-9_]{0,50}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PRINCIPAL = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:(role|user)/[\w+=,.@/-]+")


class SettingsError(Exception):
    """The settings cannot be used; the message names file, key, value and what is allowed."""


@dataclass(frozen=True)
class Settings:
    """What a deployment is told; the keys of settings.toml without their sections.

    `scan_limit_gb` is in GB of 10^9 bytes, `budget_usd` in US dollars a month. `roles` holds the
    ARNs of those who may take on each role, or ACCOUNT: IAM says who of the account may.
    """

    name: str
    buckets: str
    database_prefix: str
    consent: str
    keep_data: bool
    schedule: str
    batch_files: int
    batch_minutes: int
    on_arrival: bool
    worker_type: str
    workers: int
    timeout_minutes: int
    scan_limit_gb: int
    email: str
    budget_usd: int
    roles: Mapping[str, tuple[str, ...]]


def _text(pattern: re.Pattern[str], told: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        return "" if isinstance(value, str) and pattern.fullmatch(value) else told

    return check


def _one_of(*known: str) -> Callable[[Any], str]:
    return lambda value: "" if value in known else f"one of {', '.join(known)}"


def _number(least: int, most: int) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        fits = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        return "" if fits else f"a whole number from {least} to {most}"

    return check


def _flag(value: Any) -> str:
    return "" if isinstance(value, bool) else "true or false"


_CHECKS: dict[str, dict[str, Callable[[Any], str]]] = {
    "lake": {
        "name": _text(_NAME, "2 to 20 lower-case letters, digits and -, a letter first"),
        "buckets": _text(_BUCKETS, "3 to 52 lower-case letters, digits and -"),
        "database_prefix": _text(_PREFIX, "lower-case letters, digits and _, a letter first"),
        "consent": _one_of("since", "any"),
        "keep_data": _flag,
    },
    "runs": {
        "schedule": cron_fault,
        "batch_files": _number(1, 100),
        "batch_minutes": _number(1, 15),
        "on_arrival": _flag,
        "worker_type": _one_of(*_WORKERS),
        "workers": _number(2, 299),
        "timeout_minutes": _number(WAIT_MINUTES + 15, 2880),
    },
    "queries": {"scan_limit_gb": _number(1, 100_000)},
    "alarms": {
        "email": _text(_EMAIL, "an e-mail address"),
        "budget_usd": _number(1, 1_000_000),
    },
}


def read_settings(where: Path | None = None) -> Settings:
    """The settings of a file, by default the one that the environment names.

    SettingsError tells of every fault at once.
    """
    where = where or Path(os.environ.get(VARIABLE, DEFAULT))
    raw = _parsed(where)
    faults = [*_unknown(raw), *_faults(raw), *_role_faults(raw.get("roles", {}))]
    if faults:
        raise SettingsError("\n".join(f"{where}: {fault}" for fault in faults))
    flat = {key: raw[section][key] for section, keys in _CHECKS.items() for key in keys}
    given = {name: tuple(raw["roles"].get(name, ())) for name in load_roles()}
    settings = Settings(**flat, roles=given)
    if os.environ.get(DELETE_VARIABLE) == settings.name:
        return replace(settings, keep_data=False)
    return settings


def _parsed(where: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(where.read_text("utf-8"))
    except FileNotFoundError:
        raise SettingsError(
            f"{where}: not there; copy {DEFAULT.name} and give it with --settings FILE"
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{where}: {error}") from error


def _unknown(raw: Mapping[str, Any]) -> list[str]:
    known: dict[str, Collection[str]] = {**_CHECKS, "roles": load_roles()}
    faults = [f"[{name}] is not a section" for name in raw if name not in known]
    for section, keys in known.items():
        given = _section(raw, section)
        if given is None:
            faults.append(f"[{section}] is missing")
            continue
        odd = [key for key in given if key not in keys]
        faults += [f"[{section}] {key}: no such key; there are {', '.join(keys)}" for key in odd]
    return faults


def _section(raw: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    given = raw.get(name)
    return given if isinstance(given, dict) else None


def _faults(raw: Mapping[str, Any]) -> list[str]:
    found = []
    for section, checks in _CHECKS.items():
        given = _section(raw, section)
        if given is None:
            continue  # said already
        for key, check in checks.items():
            if key not in given:
                found.append(f"[{section}] {key} is missing; give {check(None)}")
            elif wanted := check(given[key]):
                found.append(f"[{section}] {key} is {given[key]!r}; give {wanted}")
    return found


def _role_faults(roles: Any) -> list[str]:
    if not isinstance(roles, dict):
        return []
    wanted = f'a list of ARNs such as "arn:aws:iam::123456789012:role/data", or ["{ACCOUNT}"]'
    return [
        f"[roles] {name} is {given!r}; give {wanted}"
        for name, given in roles.items()
        if given != [ACCOUNT]
        and (not isinstance(given, list) or not all(_principal(entry) for entry in given))
    ]


def _principal(entry: Any) -> bool:
    return isinstance(entry, str) and _PRINCIPAL.fullmatch(entry) is not None
