"""Telling in a few milliseconds that a run would find nothing to do.

At the end of a run a digest of all it depends on is left in <lake>/settled: the delivered files
as listed, the catalog's pointers to the tables, policy, key and contracts. A run that finds the
same digest has nothing to land and nothing to refresh. The file may be deleted at any time.
Where the catalog is a server none is left, a run always looks: others may commit at any time.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import suppress

from stedi.contract import load_tables
from stedi.lake.durable import write_durably
from stedi.lake.home import Home
from stedi.lake.pointers import pointers
from stedi.landing.find import Delivery
from stedi.places import Place


def is_settled(home: Home, delivery: Delivery | None) -> bool:
    """Whether the last run ended with this very delivery, lake, policy and contracts."""
    try:
        known = _file(home).read_text("utf-8").strip()
        return known == _digest(home, delivery)
    except (OSError, sqlite3.Error):
        return False


def settle(home: Home, delivery: Delivery | None) -> None:
    """Remember that nothing is left to do; a full disk or the like only costs the next run."""
    if not home.catalog_policy.in_lake:
        return
    with suppress(OSError, sqlite3.Error):
        write_durably(_file(home), _digest(home, delivery) + "\n")


def _file(home: Home) -> Place:
    return home.root / "settled"


def _digest(home: Home, delivery: Delivery | None) -> str:
    feeds = delivery.feeds if delivery else {}
    listed = {feed: [(f.path, f.size, f.modified) for f in files] for feed, files in feeds.items()}
    tables = {table.full_name: (repr(table), table.query) for table in load_tables().values()}
    policy = repr((home.consent, home.memory, home.maintain, home.catalog_policy, home.zones))
    key = hashlib.sha256(home.key()).hexdigest()
    seen = [delivery is None, listed, tables, policy, key, pointers(home)]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()
