"""Delivered files without the lines of the people to forget."""

from __future__ import annotations

import json
import time
from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from functools import partial
from threading import Lock

from stedi.contract import Table, load_tables
from stedi.erasure.hits import Hits, Rewritten, hits
from stedi.erasure.journal import Journal
from stedi.erasure.needles import Needle, Needles
from stedi.erasure.pool import each
from stedi.erasure.raw import rewrite_without, unwritable
from stedi.erasure.versions import may_be_seen
from stedi.errors import StorageError
from stedi.feeds.judge import Judge as WellFormed
from stedi.feeds.told import UNMISTAKABLE, matched
from stedi.lake.store import Store
from stedi.landing.ledger import landing_table
from stedi.places import Place, S3Path, place


class RawFiles:
    """The delivered files of one forgetting."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self._home = store.home
        self._journal = journal
        self._saving = Lock()
        self._found: dict[str, dict[str, Hits]] = {}

    def check_writable(self) -> None:
        """StorageError that names the files which cannot be rewritten; nothing is changed."""
        files = [place(path) for paths in self._present().values() for path in paths]
        kept = [one for one in (*self._home.folders, *files) if isinstance(one, S3Path)]
        may_be_seen(kept)  # a right that is missing shows now
        refused = unwritable(files)
        if refused:
            raise StorageError(
                "these delivered files cannot be rewritten, so nothing was changed:\n  "
                + "\n  ".join(dict.fromkeys(refused.values()))
            )

    @property
    def missing(self) -> list[str]:
        """Files that held lines of theirs and are no longer where they were delivered."""
        paths = [path for paths in self._journal.delivered.values() for path in paths]
        return [path for path, there in zip(paths, _there(paths), strict=True) if not there]

    def look(self) -> dict[str, dict[str, Hits]]:
        """Their lines by feed and path of the file; each is read once, nothing is changed.

        StorageError names a file that is damaged or being written.
        """
        if not self._found:
            for feed, paths in self._present().items():
                work = partial(hits, needles=self._needles(feed), mine=self._judge(feed))
                found = each(work, map(place, paths))
                self._found[feed] = dict(zip(paths, found, strict=True))
        return self._found

    def cut(self) -> dict[str, Rewritten]:
        """Rewrite them; what became of each file that held lines of theirs."""
        done: dict[str, Rewritten | None] = {}
        for feed, found in self.look().items():
            needles = self._needles(feed)
            work = partial(self._cut, needles=needles, found=found)
            done |= zip(found, each(work, map(place, found)), strict=True)
        return {path: file for path, file in done.items() if file is not None}

    def _cut(self, path: Place, needles: Needles, found: Mapping[str, Hits]) -> Rewritten | None:
        hit = found[str(path)]
        if hit.spans:
            self._home.confirm()
            with self._saving:  # before it is replaced: afterwards nobody could count them
                self._journal.cut[str(path)] = (hit.removed, hit.removed_bytes)
                self._journal.save(self._home)
        return rewrite_without(path, needles, hit)

    def _present(self) -> dict[str, list[str]]:
        """The files that are still where they were delivered, by feed."""
        return {
            feed: [path for path, there in zip(paths, _there(paths), strict=True) if there]
            for feed, paths in self._journal.delivered.items()
        }

    def _needles(self, feed: str) -> Needles:
        return needles_of(feed, self._journal.people, self._journal.devices)

    def _judge(self, feed: str) -> Judge:
        table = load_tables()[landing_table(feed)]
        theirs = self._journal.devices if table.owner.by == "device" else self._journal.people
        return Judge(table, frozenset(theirs))


def _there(paths: Sequence[str]) -> list[bool]:
    """Which files are there."""
    return each(lambda path: path.exists(), map(place, paths))


def needles_of(feed: str, people: Sequence[str], devices: Sequence[str]) -> Needles:
    """What a line of a feed tells if it is, or may be, theirs."""
    wanted = [Needle("email", person) for person in people]
    if load_tables()[landing_table(feed)].owner.by == "device":
        wanted += [Needle("serial", _serial(device)) for device in devices if device.strip()]
    return Needles(wanted)


def _serial(device: str) -> str:
    """A serial number as it is looked for; a short one only in quotation marks."""
    return device if len(device) >= UNMISTAKABLE else f'"{device}"'


class Judge:
    """Whether a line that tells an identifier of theirs is theirs.

    A record of somebody else that mentions them is not; a line that is no record is, since it
    is nobody's.
    """

    def __init__(self, table: Table, theirs: frozenset[str]) -> None:
        self._field = table.column(table.owner.column).field.lower()
        self._theirs = theirs
        self._exact = table.owner.by == "device"
        self._well_formed = WellFormed(table, int(time.time() * 1000))

    def __call__(self, line: bytes) -> bool:
        owner = self._owner(line)
        if owner is None or (owner if self._exact else matched(owner)) in self._theirs:
            return True
        return bool(self._well_formed(line.removeprefix(BOM_UTF8)).reason)

    def _owner(self, line: bytes) -> str | None:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            return None
        pairs = record.items() if isinstance(record, dict) else []
        owner = next((value for key, value in pairs if key.lower() == self._field), None)
        return owner if isinstance(owner, str) else None
