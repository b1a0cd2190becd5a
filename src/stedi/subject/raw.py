"""Delivered files without the lines of the people to forget."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Lock

from stedi.contract import Table, load_tables
from stedi.erasure.journal import Journal
from stedi.erasure.needles import Needle, Needles
from stedi.erasure.pool import each
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
        refused = unwritable(path for paths in self._present().values() for path in paths)
        if refused:
            raise StorageError(
                "these delivered files cannot be rewritten, so nothing was changed:\n  "
                + "\n  ".join(dict.fromkeys(refused.values()))
            )

    def look(self) -> dict[str, list[Hits]]:
        """Their lines in every file, by feed; changes nothing."""
        found: dict[str, list[Hits]] = {}
        for feed, paths in self._present().items():
            needles, mine = self._needles(feed), self._judge(feed)
            found[feed] = each(partial(hits, needles=needles, mine=mine), map(Path, paths))
        return found

    def cut(self) -> dict[str, Rewritten]:
        """Rewrite them; what became of each file that held lines of theirs."""
        done = {
            path: file
            for feed, paths in self._present().items()
            for path, file in zip(paths, each(self._cutting(feed), map(Path, paths)), strict=True)
        }
        return {path: file for path, file in done.items() if file is not None}

    def _cutting(self, feed: str) -> Callable[[Path], Rewritten | None]:
        needles, mine = self._needles(feed), self._judge(feed)

        def cut(path: Path) -> Rewritten | None:
            found = hits(path, needles, mine=mine)
            if found.spans:
                with self._saving:  # before it is replaced: afterwards nobody could count them
                    self._journal.cut[str(path)] = (found.removed, found.removed_bytes)
                    self._journal.save(self._home)
            return rewrite_without(path, needles, found)

        return cut

    def _present(self) -> dict[str, list[str]]:
        """The files that are still where they were delivered, by feed."""
        return {
            feed: [path for path in paths if Path(path).exists()]
            for feed, paths in self._journal.delivered.items()
        }

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
