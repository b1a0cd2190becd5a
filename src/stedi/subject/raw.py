"""Delivered files without the lines of the people to forget."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

from stedi.contract import Table, load_tables
from stedi.erasure.journal import Journal
from stedi.erasure.needles import Needle, Needles
from stedi.erasure.raw import Hits, Rewritten, hits, rewrite_without, unwritable
from stedi.errors import StorageError
from stedi.lake.store import Store
from stedi.landing.ledger import landing_table


class RawFiles:
    """The delivered files of one forgetting."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self._home = store.home
        self._journal = journal
        self._saving = Lock()

    def check_writable(self) -> None:
        """StorageError that names the files which cannot be rewritten; nothing is changed."""
        refused = unwritable(path for _, path in self._present())
        if refused:
            raise StorageError(
                "these delivered files cannot be rewritten, so nothing was changed:\n  "
                + "\n  ".join(dict.fromkeys(refused.values()))
            )

    def look(self) -> dict[str, list[Hits]]:
        """Their lines in every file, by feed; changes nothing."""
        found: dict[str, list[Hits]] = {}
        needles = {feed: self._needles(feed) for feed in self._journal.delivered}
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            jobs = [
                (feed, pool.submit(hits, path, needles[feed], mine=self._judge(feed)))
                for feed, path in self._present()
            ]
            for feed, job in jobs:
                found.setdefault(feed, []).append(job.result())
        return found

    def cut(self) -> dict[str, Rewritten]:
        """Rewrite them; what became of each file that held lines of theirs."""
        needles = {feed: self._needles(feed) for feed in self._journal.delivered}
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            done = pool.map(lambda one: self._cut(one[0], one[1], needles[one[0]]), self._present())
            return {path: file for path, file in done if file is not None}

    def _cut(self, feed: str, path: str, needles: Needles) -> tuple[str, Rewritten | None]:
        found = hits(path, needles, mine=self._judge(feed))
        if found.spans:
            with self._saving:  # before the file is replaced: afterwards nobody could count them
                self._journal.cut[path] = (found.removed, found.removed_bytes)
                self._journal.save(self._home)
        return path, rewrite_without(path, needles, found)

    def _present(self) -> list[tuple[str, str]]:
        """Feed and path of the files that are still where they were delivered."""
        return [
            (feed, path)
            for feed, paths in self._journal.delivered.items()
            for path in paths
            if Path(path).exists()
        ]

    def _needles(self, feed: str) -> Needles:
        wanted = [Needle("email", person) for person in self._journal.people]
        if self._table(feed).owner.by == "device":
            wanted += [Needle("serial", device) for device in self._journal.devices]
        return Needles(wanted)

    def _table(self, feed: str) -> Table:
        return load_tables()[landing_table(feed)]

    def _judge(self, feed: str) -> Judge:
        table = self._table(feed)
        field = table.column(table.owner.column).field
        theirs = self._journal.devices if table.owner.by == "device" else self._journal.people
        return Judge(field.lower(), frozenset(theirs), table.owner.by == "device")


class Judge:
    """Whether a line that tells an identifier of theirs is theirs.

    A record of somebody else that mentions them is not; a line that is no record is.
    """

    def __init__(self, field: str, theirs: frozenset[str], exact: bool) -> None:
        self._field = field
        self._theirs = theirs
        self._exact = exact

    def __call__(self, line: bytes) -> bool:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            return True
        owners = (
            [value for key, value in record.items() if key.lower() == self._field]
            if isinstance(record, dict)
            else []
        )
        if not owners or not isinstance(owners[0], str):
            return True
        owner = owners[0] if self._exact else owners[0].strip().lower()
        return owner in self._theirs
