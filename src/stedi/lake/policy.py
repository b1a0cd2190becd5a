"""The policy of a lake: its stedi.toml, made, read and checked."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from stedi.errors import LakeError, LakeVersionError, storage_error

FORMAT = 1
POLICIES = ("since", "any")
MOST_BUCKETS = 4096
CATALOGS: dict[str, tuple[str, ...]] = {
    "sqlite": (),
    "rest": ("uri", "warehouse", "prefix", "token_uri", "scope"),
    "glue": ("uri", "prefix"),
}

_MEMORY = re.compile(r"[0-9]+(\.[0-9]+)? ?[KMGT]i?B", re.IGNORECASE)
_PREFIX = re.compile(r"[a-z0-9_]{0,200}")
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

# What knows each table's current version: "sqlite", a file of the lake; "rest" or "glue", a
# catalog that other programs share. To be chosen before the first run: docs/catalogs.md.
# [catalog]
# type = "sqlite"

# Tables of readings lie by day. Where one day is more than one machine should handle, let each
# day lie in so many buckets of people; the number can be raised later: docs/scale.md.
# [layout]
# buckets = 16

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

SECTIONS = frozenset({"catalog", "layout", "maintain"})
SETTINGS = SECTIONS | {"format", "consent", "memory"}


@dataclass(frozen=True)
class UpkeepPolicy:
    """How long versions of tables are kept, and how often upkeep is due (None: never)."""

    keep_days: float = 7
    keep_snapshots: int = 24
    every: timedelta | None = timedelta(days=1)


@dataclass(frozen=True)
class LayoutPolicy:
    """How many buckets of people the files of one day lie in; 0 or 1: none."""

    buckets: int = 0


@dataclass(frozen=True)
class CatalogPolicy:
    """What knows the current version of each table; no secret stands here.

    `type` is a key of CATALOGS, whose values name the other settings that it takes. `uri` is the
    address of the REST catalog, or the endpoint of Glue if it is not AWS's own; `warehouse` the
    name by which a REST server knows the warehouse; `prefix` stands before the zone in the name
    of a namespace or database; `token_uri` and `scope` are for OAuth2.
    """

    type: str = "sqlite"
    uri: str = ""
    warehouse: str = ""
    prefix: str = ""
    token_uri: str = ""
    scope: str = ""

    @property
    def in_lake(self) -> bool:
        """Whether the catalog is a file of the lake, and nobody else's."""
        return self.type == "sqlite"


@dataclass(frozen=True)
class Policy:
    """What stedi.toml says."""

    consent: str
    memory: str
    maintain: UpkeepPolicy
    catalog: CatalogPolicy = field(default_factory=CatalogPolicy)
    layout: LayoutPolicy = field(default_factory=LayoutPolicy)


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
    return Policy(
        policy["consent"],
        memory,
        _upkeep(policy.get("maintain", {}), where),
        _catalog(policy.get("catalog", {}), where),
        _layout(policy.get("layout", {}), where),
    )


def _check(policy: Mapping[str, object], where: Path) -> None:
    if unknown := sorted(policy.keys() - SETTINGS):
        raise LakeError(
            f"{where}: there is no setting {unknown[0]!r}; "
            f"there are {', '.join(sorted(SETTINGS - SECTIONS))}, "
            f"and the sections {', '.join(f'[{name}]' for name in sorted(SECTIONS))}"
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


def _layout(given: object, where: Path) -> LayoutPolicy:
    """The section [layout]; a lake without it has no buckets."""
    if not isinstance(given, dict):
        raise LakeError(f"{where}: layout is {given!r}; make it a section, [layout]")
    if unknown := [key for key in given if key != "buckets"]:
        raise LakeError(f"{where}: [layout] has no {unknown[0]!r}; its key: buckets")
    buckets = given.get("buckets", 0)
    if not _number(buckets) or not 0 <= buckets <= MOST_BUCKETS:
        raise LakeError(
            f"{where}: buckets is {buckets!r}; write a whole number from 0 to {MOST_BUCKETS}"
        )
    return LayoutPolicy(0 if buckets == 1 else buckets)


def _catalog(given: object, where: Path) -> CatalogPolicy:
    """The section [catalog]; a lake without it has a SQLite catalog."""
    if not isinstance(given, dict):
        raise LakeError(f"{where}: catalog is {given!r}; make it a section, [catalog]")
    kind = given.get("type", "sqlite")
    if not isinstance(kind, str) or kind not in CATALOGS:
        raise LakeError(f"{where}: the catalog's type is {kind!r}; use {', '.join(CATALOGS)}")
    known = ("type", *CATALOGS[kind])
    if unknown := [key for key in given if key not in known]:
        raise LakeError(
            f"{where}: a {kind} catalog has no setting {unknown[0]!r}; it has {', '.join(known)}. "
            "Tokens and keys come from the environment"
        )
    if wrong := [key for key, value in given.items() if not isinstance(value, str)]:
        raise LakeError(f'{where}: {wrong[0]} is {given[wrong[0]]!r}; write text, in "quotes"')
    policy = CatalogPolicy(**given)
    _check_addresses(policy, where)
    return policy


def _check_addresses(policy: CatalogPolicy, where: Path) -> None:
    if policy.type == "rest" and not policy.uri:
        raise LakeError(f'{where}: a rest catalog needs its address; write uri = "https://..."')
    for name, address in (("uri", policy.uri), ("token_uri", policy.token_uri)):
        if address and not _is_address(address):
            raise LakeError(
                f'{where}: {name} is no address such as "https://host:8181", without user, '
                "password or parameters"
            )
    if not _PREFIX.fullmatch(policy.prefix):
        raise LakeError(f"{where}: prefix is {policy.prefix!r}; use only a-z, 0-9 and _")


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return known and not {"@", "?", "#"} & set(text)


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
