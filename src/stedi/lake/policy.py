"""The policy of a lake: its stedi.toml, made, read and checked."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path

from stedi.errors import LakeError, LakeVersionError, storage_error

FORMAT = 1
POLICIES = ("since", "any")

_MEMORY = re.compile(r"[0-9]+(\.[0-9]+)? ?[KMGT]i?B", re.IGNORECASE)
_SPAN = re.compile(r"([1-9][0-9]{0,5}) ?(minute|hour|day)s?")
_TOML = """\
# The policy of this lake. Changes take effect at the next `stedi run`.

# Version of the lake's layout; not for editing.
format = {format}

# Readings of people who consent to research: "since" keeps those taken at or after
# their consent, "any" keeps all.
consent = "{consent}"

# Memory the embedded engine may use.
memory = "1200MB"

# Which versions of a table are kept beside the current one; --as-of reads them, and they hold
# rows that a withdrawn consent took out since. Each commit lets go of those with keep_snapshots
# newer ones (20 at least), `stedi maintain` of those more than keep_days old; it also removes
# their files.
[maintain]
keep_days = 7
keep_snapshots = 24

# How often `stedi watch` calls it: "30 minutes", "6 hours", "1 day", or "never".
# It comes earlier when many small files or versions have gathered.
every = "1 day"
"""

SETTINGS = frozenset({"format", "consent", "memory", "maintain"})


@dataclass(frozen=True)
class UpkeepPolicy:
    """How long versions of tables are kept, and how often upkeep is due (None: never)."""

    keep_days: float = 7
    keep_snapshots: int = 24
    every: timedelta | None = timedelta(days=1)


@dataclass(frozen=True)
class Policy:
    """What stedi.toml says."""

    consent: str
    memory: str
    maintain: UpkeepPolicy


def template(consent: str) -> str:
    """The stedi.toml of a new lake."""
    return _TOML.format(format=FORMAT, consent=consent)


def read_policy(where: Path) -> Policy:
    """The policy in a stedi.toml; LakeError if it is not there or not valid."""
    try:
        policy = tomllib.loads(where.read_text("utf-8"))
    except FileNotFoundError:
        raise LakeError(
            f"{where.parent}: there is no lake; make one with `stedi init` or `stedi run`"
        ) from None
    except OSError as error:
        raise storage_error(error, str(where)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LakeError(f"{where}: not valid TOML ({error}); mend the file") from error
    _check(policy, where)
    memory = str(policy.get("memory", "1200MB"))
    return Policy(policy["consent"], memory, _upkeep(policy.get("maintain", {}), where))


def _check(policy: Mapping[str, object], where: Path) -> None:
    if unknown := sorted(policy.keys() - SETTINGS):
        raise LakeError(
            f"{where}: there is no setting {unknown[0]!r}; "
            f"there are {', '.join(sorted(SETTINGS))}, and below [maintain] keep_days, "
            "keep_snapshots and every"
        )
    if policy.get("format") != FORMAT:
        raise LakeVersionError(
            f"{where}: the lake has format {policy.get('format')!r}, this version reads "
            f"{FORMAT}; use the version of stedi that made the lake"
        )
    if not _MEMORY.fullmatch(str(policy.get("memory", "1GB"))):
        raise LakeError(f"{where}: memory is {policy['memory']!r}; write it like 1200MB or 2GB")
    if policy.get("consent") not in POLICIES:
        raise LakeError(
            f"{where}: consent is {policy.get('consent')!r}; use one of {', '.join(POLICIES)}"
        )


def _upkeep(given: object, where: Path) -> UpkeepPolicy:
    """The section [maintain]; what it leaves out is as in a new lake."""
    if not isinstance(given, dict):
        raise LakeError(f"{where}: maintain is {given!r}; make it a section, [maintain]")
    known = [field.name for field in fields(UpkeepPolicy)]
    if unknown := [key for key in given if key not in known]:
        raise LakeError(f"{where}: [maintain] has no {unknown[0]!r}; its keys: {', '.join(known)}")
    default = UpkeepPolicy()
    days = given.get("keep_days", default.keep_days)
    if not _number(days, float) or not 0 <= days <= 100_000:
        raise LakeError(f"{where}: keep_days is {days!r}; write a number of days such as 7")
    count = given.get("keep_snapshots", default.keep_snapshots)
    if not _number(count) or count < 1:
        raise LakeError(f"{where}: keep_snapshots is {count!r}; write a whole number from 1 up")
    every = _span(given["every"], where) if "every" in given else default.every
    return UpkeepPolicy(days, count, every)


def _number(value: object, *more: type) -> bool:
    return isinstance(value, (int, *more)) and not isinstance(value, bool)


def _span(text: object, where: Path) -> timedelta | None:
    if text == "never":
        return None
    found = _SPAN.fullmatch(str(text))
    if found is None:
        raise LakeError(
            f'{where}: every is {text!r}; write it like "30 minutes", "6 hours", "1 day", '
            'or "never"'
        )
    return timedelta(**{f"{found[2]}s": int(found[1])})
