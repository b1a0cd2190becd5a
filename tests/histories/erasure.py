"""Forgotten people by the rules: which lines are theirs, and a second lake that knows them too."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from histories.lines import Line, Malformed, Step, text_of
from stedi.api import Lake
from stedi.engines.arrow import write_rows
from stedi.landing.keepout import KEY_CHECK

TOLD = (
    "SELECT email AS told FROM customer_landing UNION "
    'SELECT "user" FROM accelerometer_landing UNION SELECT text FROM quarantine'
)


@dataclass(frozen=True)
class Erasure:
    """People who were forgotten together, and every device they had claimed by then."""

    people: frozenset[str]
    devices: frozenset[str]

    def takes(self, line: Line) -> bool:
        """Whether a line is theirs: a shared device's too, and a malformed one that names them."""
        if isinstance(line, Malformed):
            return any(person in line.text.lower() for person in self.people)
        if isinstance(line, Step):
            return line.row["serialNumber"] in self.devices
        return line.person in self.people


def any_takes(erasures: Iterable[Erasure], line: Line) -> bool:
    """Whether a line is of somebody forgotten."""
    return any(erasure.takes(line) for erasure in erasures)


def claimed(lake: Lake, people: Iterable[str]) -> frozenset[str]:
    """Every device that landed records claim for these people."""
    sought = set(people)
    rows = lake.sql("SELECT DISTINCT email, serialnumber FROM customer_landing")
    return frozenset(r["serialnumber"] for r in rows if r["email"].strip(" ").lower() in sought)


def told(lake: Lake) -> str:
    """Everything landed that may name people, in lower case."""
    return "\n".join(row["told"] for row in lake.sql(TOLD)).lower()


def left(path: Path, lines: Sequence[Line], erased: Erasure) -> tuple[Line, ...]:
    """The lines of a file that was written again: none may be gone but those of the forgotten."""
    known = {text_of(line): line for line in lines}
    found = tuple(known[text] for text in path.read_bytes().splitlines())
    others, before = ([one for one in some if not erased.takes(one)] for some in (found, lines))
    assert others == before, f"{path}: {before} became {others}"
    return found


def tell(old: Lake, new: Lake) -> None:
    """Let a new lake know who was forgotten in an old one."""
    known = old.store.table("forgotten")
    if KEY_CHECK in known.summary:
        shutil.copy(old.home.root / "forgotten.key", new.home.root)
        new.store.prepare()
        table = new.store.table("forgotten")
        table.ensure()
        files = [write_rows(list(old.table("forgotten")), table.target())]
        table.publish(files, {KEY_CHECK: known.summary[KEY_CHECK]})
