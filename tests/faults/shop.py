"""The workshop: an undisturbed lake after each delivery, to start from and to compare with."""

from __future__ import annotations

import json
import pickle
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faults.feeds import DELIVERIES, deliver
from faults.nursery import result_of
from stedi.api import Lake, create_lake, open_lake, tables
from stedi.errors import LakeError
from stedi.lake.home import is_lake

Contents = dict[str, list[str]]
# Written before the landing tables say that they count; compared only after a whole run.
LEDGER = "files"
OF_A_RUN = ("run", "batch")


@dataclass
class Shop:
    """Folders below `root`; `stages[n]` and `seconds[n]` belong to the run of delivery n."""

    root: Path
    seconds: list[float] = field(default_factory=list)

    @property
    def lake(self) -> Path:
        return self.root / "work" / "lake"

    @property
    def landing(self) -> Path:
        return self.root / "work" / "landing"

    def restore(self, delivery: int) -> None:
        """The lake as it was before that delivery, the files of the delivery in place."""
        shutil.rmtree(self.root / "work", ignore_errors=True)
        shutil.copytree(self._stage(delivery) / "landing", self.landing)
        if delivery:
            shutil.copytree(self._stage(delivery - 1) / "lake", self.lake)

    def contents(self, delivery: int) -> Contents:
        """What every table holds after that delivery in the undisturbed lake."""
        if delivery < 0:
            return _nothing()
        return dict(pickle.loads((self._stage(delivery) / "contents").read_bytes()))

    def keep(self, delivery: int, contents: Contents) -> None:
        """Put the working lake aside as the undisturbed one."""
        shutil.copytree(self.landing, self._stage(delivery) / "landing")
        shutil.copytree(self.lake, self._stage(delivery) / "lake")
        (self._stage(delivery) / "contents").write_bytes(pickle.dumps(contents))

    def _stage(self, delivery: int) -> Path:
        return self.root / f"after-{delivery}"


def build(root: Path) -> Shop:
    """Run every delivery undisturbed, keeping what comes out."""
    shop = Shop(root)
    for delivery in range(DELIVERIES):
        deliver(shop.landing, delivery)
        started = time.monotonic()
        result_of(lambda: run(shop))
        shop.seconds.append(time.monotonic() - started)
        shop.keep(delivery, result_of(lambda: look(shop.lake)))
    return shop


def run(shop: Shop) -> None:
    """One run over everything delivered, as `stedi run --landing` does it."""
    with opened(shop.lake) as lake:
        lake.run(shop.landing)


def opened(path: Path) -> Lake:
    """The lake there, made if there is none."""
    return open_lake(path) if is_lake(path) else create_lake(path)


def look(path: Path) -> Contents:
    """What every table of a lake holds, by the product's own reading."""
    with open_lake(path) as lake:
        return contents(lake)


def contents(lake: Lake) -> Contents:
    """Every table's rows as sorted JSON, without what differs from run to run."""
    found = _nothing()
    names = [name for name in tables() if name != "runs"]
    selects = [
        f"SELECT '{n}' AS name, CAST(to_json(t) AS VARCHAR) AS row FROM {n} t" for n in names
    ]
    for line in lake.sql(" UNION ALL ".join(selects)):
        name, row = line["name"], json.loads(line["row"])
        found[_part(name, row)].append(_canonical(name, row))
    return {name: sorted(rows) for name, rows in found.items()}


def _nothing() -> Contents:
    """Empty tables; of quarantine, which holds all feeds, a part for each."""
    feeds = [table.feed for table in tables().values() if table.feed]
    whole = [name for name in tables() if name not in ("runs", "quarantine")]
    return {name: [] for name in [*whole, *(f"quarantine of {feed}" for feed in feeds)]}


def _part(table: str, row: dict[str, Any]) -> str:
    return f"quarantine of {row['feed']}" if table == "quarantine" else table


def _canonical(table: str, row: dict[str, Any]) -> str:
    """A row in one spelling: unannounced columns as text, absent like NULL, no run."""
    announced = {column.name for column in tables()[table].columns}
    kept = {
        name: value if name in announced else str(value)
        for name, value in row.items()
        if value is not None and name not in OF_A_RUN
    }
    return json.dumps(kept, sort_keys=True)


def between(lake: Lake, before: Contents, after: Contents) -> list[str]:
    """What is wrong with a lake after a disturbed run: a table neither as before nor as after."""
    found = contents(lake)
    wrong = [
        f"{name}: {len(rows)} rows, {len(before[name])} before, {len(after[name])} after"
        for name, rows in found.items()
        if name != LEDGER and rows not in (before[name], after[name])
    ]
    return wrong + unbalanced(lake)


def unbalanced(lake: Lake) -> list[str]:
    """Lines of the account that do not add up."""
    return [f"does not balance: {line}" for line in lake.account() if not line.balanced]


def same(lake: Lake, expected: Contents) -> list[str]:
    """How a lake differs from an undisturbed one that holds `expected`."""
    found = contents(lake)
    wrong = [
        f"{name}: {len(found[name])} rows instead of {len(rows)}, or others"
        for name, rows in expected.items()
        if found[name] != rows
    ]
    return wrong + unbalanced(lake) + unrecorded(lake)


def unrecorded(lake: Lake) -> list[str]:
    """Published versions that ops.runs does not name exactly once."""
    query = 'SELECT snapshot, "table", count(*) AS lines FROM runs GROUP BY snapshot, "table", run'
    found = [*lake.sql(query)]
    twice = [row["table"] for row in found if row["lines"] != 1]
    written = {row["snapshot"] for row in found}
    names = [name for name, table in tables().items() if table.query]
    missing = [name for name in names if lake.history(name)[-1][1].id not in written]
    return [f"recorded twice: {name}" for name in twice] + [f"not recorded: {n}" for n in missing]


def survey(shop: Shop, delivery: int, acknowledged: bool = False) -> list[str]:
    """What is wrong right after a disturbed run of a delivery."""
    after = shop.contents(delivery)
    before = after if acknowledged else shop.contents(delivery - 1)
    try:
        with open_lake(shop.lake) as lake:
            return [f"after the fault: {w}" for w in between(lake, before, after)]
    except LakeError as error:
        # A lake that no run has finished making need not open.
        return [] if delivery == 0 and not acknowledged else [f"cannot be read: {error}"]


def complete(shop: Shop, delivery: int) -> list[str]:
    """What is wrong once the next run has completed."""
    run(shop)
    with open_lake(shop.lake) as lake:
        return [f"after the next run: {w}" for w in same(lake, shop.contents(delivery))]


def recover(shop: Shop, delivery: int, acknowledged: bool = False) -> list[str]:
    """Survey, then complete: everything that is wrong."""
    return survey(shop, delivery, acknowledged) + complete(shop, delivery)
