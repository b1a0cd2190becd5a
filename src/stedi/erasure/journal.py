"""What a forgetting is about and how far it has come, so that a kill at any point loses nothing.

<lake>/forgetting.json, mode 0600, holds the identifiers in clear for as long as rows of theirs
may be about: without them it could not be finished or proved. It goes with the certificate.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from stedi.erasure import versions
from stedi.errors import LakeBusyError, LakeError, storage_error
from stedi.lake.durable import sync_path, write_durably
from stedi.lake.home import Home
from stedi.places import Place, S3Path


@dataclass
class Removed:
    """What left one place: files written again, rows or lines gone, bytes gone (unpacked)."""

    files: int = 0
    rows: int = 0
    bytes: int = 0


@dataclass
class Journal:
    """One forgetting.

    `devices` are all serial numbers that the people ever claimed; `identifiers` (kind, value)
    are theirs alone and are what the proof searches for; `delivered` are the delivered files
    with rows of theirs, by feed; `published` the files of promoted tables as they were before.
    `removed` counts by place; `cut` lines and bytes by file.
    """

    erasure: str
    people: list[str]
    devices: list[str]
    identifiers: list[tuple[str, str]]
    delivered: dict[str, list[str]]
    published: dict[str, list[str]] = field(default_factory=dict)
    proving: bool = False
    removed: dict[str, Removed] = field(default_factory=dict)
    cut: dict[str, tuple[int, int]] = field(default_factory=dict)

    def save(self, home: Home) -> None:
        """Write it down before anything it speaks of is done."""
        try:
            write_durably(where(home), json.dumps(asdict(self)), 0o600)
        except OSError as error:
            raise storage_error(error, str(where(home))) from error

    def clear(self, home: Home) -> None:
        """It is finished."""
        path = where(home)
        try:
            if isinstance(path, S3Path):
                return versions.erase(path)
            path.unlink(missing_ok=True)
            sync_path(path.parent)
        except OSError as error:
            raise storage_error(error, str(path)) from error


def where(home: Home) -> Place:
    """The journal's file."""
    return home.root / "forgetting.json"


def pending(home: Home) -> Journal | None:
    """The forgetting that was interrupted; None if there is none."""
    try:
        raw = json.loads(where(home).read_text("utf-8"))
        removed = {place: Removed(**counts) for place, counts in raw.pop("removed").items()}
        identifiers = [(kind, value) for kind, value in raw.pop("identifiers")]
        return Journal(**raw, identifiers=identifiers, removed=removed)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_error(error, str(where(home))) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LakeError(
            f"{where(home)}: the journal of a forgetting cannot be read; move it away and run "
            "`stedi subject forget` for these people again"
        ) from error


def refuse_if_pending(home: Home) -> None:
    """LakeBusyError while rows of people who are being forgotten may still be about."""
    found = pending(home)
    if found and not found.proving:
        raise LakeBusyError(
            f"{home.root}: a forgetting was interrupted, finish it first: "
            "stedi subject forget --resume"
        )


def same_people(found: Journal, people: Sequence[str]) -> bool:
    """Whether it is about these people."""
    return sorted(found.people) == sorted(people)
