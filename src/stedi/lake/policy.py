"""The policy of a lake: its stedi.toml, made, read and checked."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from itertools import permutations
from urllib.parse import urlsplit

from stedi.contract import ZONES
from stedi.errors import LakeError, LakeVersionError, UsageError, storage_error
from stedi.places import Place, is_remote, place

FORMAT = 1
ODD = "?#%*[]\"'\\\n\r\t"  # what engines read differently in an address
POLICIES = ("since", "any")
MOST_BUCKETS = 4096
CATALOGS: dict[str, tuple[str, ...]] = {
    "sqlite": ("file",),
    "rest": ("uri", "warehouse", "prefix", "token_uri", "scope"),
    "glue": ("uri", "prefix"),
}

_MEMORY = re.compile(r"[0-9]+(\.[0-9]+)? ?[KMGT]i?B", re.IGNORECASE)
_PREFIX = re.compile(r"[a-z0-9_]{0,200}")
_SPAN = re.compile(r"([1-9][0-9]{0,5}) ?(minute|hour|day)s?")
SECTIONS = frozenset({"catalog", "layout", "maintain", "zones"})
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
    of a namespace or database; `token_uri` and `scope` are for OAuth2. `file` is where the SQLite
    catalog of a lake on S3 lies on this machine; that of a local lake lies in it.
    """

    type: str = "sqlite"
    uri: str = ""
    warehouse: str = ""
    prefix: str = ""
    token_uri: str = ""
    scope: str = ""
    file: str = ""

    @property
    def in_lake(self) -> bool:
        """Whether the catalog is a file of this machine, and nobody else's."""
        return self.type == "sqlite"


@dataclass(frozen=True)
class Policy:
    """What stedi.toml says."""

    consent: str
    memory: str
    maintain: UpkeepPolicy
    catalog: CatalogPolicy = field(default_factory=CatalogPolicy)
    layout: LayoutPolicy = field(default_factory=LayoutPolicy)
    zones: Mapping[str, str] = field(default_factory=dict)


def read_policy(where: Place) -> Policy:
    """The policy in a stedi.toml; LakeError if it is not there or not valid."""
    try:
        text = where.read_text("utf-8")
    except FileNotFoundError:
        raise LakeError(
            f"{where.parent}: there is no lake; make one with `stedi init` or `stedi run`"
        ) from None
    except OSError as error:
        raise storage_error(error, str(where)) from error
    except UnicodeDecodeError as error:
        raise LakeError(f"{where}: not valid TOML ({error}); mend the file") from error
    return parse_policy(text, where)


def parse_policy(text: str, where: Place) -> Policy:
    """The policy in the text of a stedi.toml, which is or will be at `where`."""
    try:
        policy = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LakeError(f"{where}: not valid TOML ({error}); mend the file") from error
    _check(policy, where)
    memory = str(policy.get("memory", "1200MB"))
    return Policy(
        policy["consent"],
        memory,
        _upkeep(policy.get("maintain", {}), where),
        _catalog(policy.get("catalog", {}), where),
        _layout(policy.get("layout", {}), where),
        _zones(policy.get("zones", {}), where),
    )


def _check(policy: Mapping[str, object], where: Place) -> None:
    if unknown := sorted(policy.keys() - SETTINGS):
        raise LakeError(
            f"{where}: there is no setting {unknown[0]!r}; "
            f"there are {', '.join(sorted(SETTINGS - SECTIONS))}, "
            f"and the sections {', '.join(f'[{name}]' for name in sorted(SECTIONS))}"
        )
    if "format" not in policy:
        raise LakeVersionError(f"{where}: no format is told; begin it with `format = {FORMAT}`")
    if policy["format"] != FORMAT:
        raise LakeVersionError(
            f"{where}: the lake has format {policy['format']!r}, this version reads "
            f"{FORMAT}; use the version of stedi that made the lake"
        )
    if not _MEMORY.fullmatch(str(policy.get("memory", "1GB"))):
        raise LakeError(f"{where}: memory is {policy['memory']!r}; write it like 1200MB or 2GB")
    if policy.get("consent") not in POLICIES:
        raise LakeError(
            f"{where}: consent is {policy.get('consent')!r}; use one of {', '.join(POLICIES)}"
        )


def _upkeep(given: object, where: Place) -> UpkeepPolicy:
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


def _layout(given: object, where: Place) -> LayoutPolicy:
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


def _zones(given: object, where: Place) -> Mapping[str, str]:
    """The section [zones]: where the tables of a zone lie that do not lie below the lake."""
    if not isinstance(given, dict):
        raise LakeError(f"{where}: zones is {given!r}; make it a section, [zones]")
    if unknown := [zone for zone in given if zone not in ZONES]:
        raise LakeError(f"{where}: there is no zone {unknown[0]!r}; there are {', '.join(ZONES)}")
    for zone, address in given.items():
        _check_zone(zone, address, where)
    folders = [address.rstrip("/") for address in given.values()]
    for one, other in permutations(folders, 2):
        if f"{one}/".startswith(f"{other}/"):
            raise LakeError(f"{where}: zones lie one in another, in {other}; give each its own")
    return dict(zip(given, folders, strict=True))


def _check_zone(zone: str, address: object, where: Place) -> None:
    fine = isinstance(address, str) and is_remote(address) and not set(address) & set(ODD)
    try:
        found = place(str(address)) if fine else None
    except UsageError:
        found = None
    if found is None or str(found) != str(address).rstrip("/"):
        raise LakeError(f'{where}: zone {zone} is {address!r}; write it like "s3://bucket/folder"')
    if is_remote(str(where)) and (
        found.is_relative_to(where.parent) or where.parent.is_relative_to(found)
    ):
        raise LakeError(f"{where}: zone {zone} lies in the lake's own folder; choose one beside it")


def _catalog(given: object, where: Place) -> CatalogPolicy:
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


def _check_addresses(policy: CatalogPolicy, where: Place) -> None:
    remote = is_remote(str(where))
    if policy.type == "sqlite" and remote != bool(policy.file):
        raise LakeError(
            f"{where}: "
            + (
                'a lake on S3 has no SQLite catalog beside it; use type = "glue" or "rest" (or '
                'file = "/path/catalog.db" on this machine, for a trial)'
                if remote
                else "the SQLite catalog lies in the lake's folder; leave out file"
            )
        )
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


def _span(text: object, where: Place) -> timedelta | None:
    if text == "never":
        return None
    found = _SPAN.fullmatch(str(text))
    if found is None:
        raise LakeError(
            f'{where}: every is {text!r}; write it like "30 minutes", "6 hours", "1 day", '
            'or "never"'
        )
    return timedelta(**{f"{found[2]}s": int(found[1])})
