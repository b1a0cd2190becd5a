"""What a run touches: the days and the people for which a table's roots have changed.

Landed readings that came or went touch their days. Rows of customers that came or went touch
their people: those whose row it is, those who claim a device that it names, and all devices of
these. People and devices stand in the temporary tables scope_people and scope_devices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from stedi.contract import load_tables
from stedi.contract.roots import columns_read, device_column, registry, roots
from stedi.contract.sql import PSEUDONYMS
from stedi.engines.base import Base, Erased, RefreshTask
from stedi.engines.sql.session import Session, days_of, name, rows_on
from stedi.engines.sql.views import theirs
from stedi.lake.model import Source

ROWS_TO_COMPARE = 4_000_000


@dataclass(frozen=True)
class Scope:
    """Days in order, and how many people and devices are touched on every day."""

    days: Sequence[date]
    people: int
    devices: int


def find_scope(session: Session, task: RefreshTask, base: Base) -> Scope:
    """Compare the roots of a table with those of its base."""
    days: list[date] = []
    changed: list[str] = []
    if task.erased:
        changed += _marked(session, task.erased)
    else:
        days, changed = _changed_days(session, task, base)
    changed += _changed_people(session, task, base)
    return Scope(days, *_close(session, task, base, changed))


def _marked(session: Session, erased: Erased) -> list[str]:
    session.hold_values("erased_people", {"person": erased.people})
    session.hold_values("erased_devices", {"device": erased.devices})
    return [
        "SELECT person, CAST(NULL AS STRING) AS device FROM erased_people",
        "SELECT CAST(NULL AS STRING) AS person, device FROM erased_devices",
    ]


def _delta(new: Source, old: Source) -> tuple[Source, Source]:
    """The files that have come, and those that have gone, as sources."""
    known, kept = {file.path for file in old.files}, {file.path for file in new.files}
    come = [file for file in new.files if file.path not in known]
    gone = [file for file in old.files if file.path not in kept]
    return new.of(come), old.of(gone)


def _changed_days(session: Session, task: RefreshTask, base: Base) -> tuple[list[date], list[str]]:
    """The days whose readings differ; selects of people whose readings have gone."""
    days: set[date] = set()
    people: list[str] = []
    for root in roots(task.table):
        time = load_tables()[root].time
        if time:
            come, gone = _delta(task.sources[root], base.sources[root])
            days.update(_days_between(session, come, gone, time))
            if gone.files and not task.table.time:
                people += _of_readings(session, gone)
    return sorted(days), people


def _days_between(session: Session, come: Source, gone: Source, time: str) -> Iterator[date]:
    """Days whose rows differ; of all rows that came or went if they are too many to compare."""
    if not (come.files or gone.files):
        return
    rows = _delivered(session, come, gone)
    select = " UNION ALL ".join(rows)
    if gone.files and come.rows + gone.rows <= ROWS_TO_COMPARE:
        select = f"({rows[0]} EXCEPT ALL {rows[1]}) UNION ALL ({rows[1]} EXCEPT ALL {rows[0]})"
    yield from (day for day, _ in days_of(session, select, time))


def _delivered(session: Session, *sources: Source) -> list[str]:
    """Rows as delivered, without the file that they came from, in the columns all have."""
    announced = [c.name for c in load_tables()[sources[0].name].columns if c.field]
    stored = set.intersection(*({field.name for field in source.fields} for source in sources))
    columns = ", ".join(name(column) for column in announced if column in stored)
    return [f"SELECT {columns} FROM ({session.rows_of(source)})" for source in sources]


def _of_readings(session: Session, gone: Source) -> list[str]:
    """The people whose readings have gone: whether they have any must be asked anew."""
    person = load_tables()[gone.name].owner
    if person.by != "email":
        return []
    return [
        f"SELECT DISTINCT lower(trim({name(person.column)})) AS person, "
        f"CAST(NULL AS STRING) AS device FROM ({session.rows_of(gone)})"
    ]


def _changed_people(session: Session, task: RefreshTask, base: Base) -> list[str]:
    """Selects of the people and devices in rows of customers that came or went."""
    found = []
    for root in roots(task.table):
        if load_tables()[root].time:
            continue
        new, old = task.sources[root], base.sources[root]
        come, gone = _delta(new, old)
        if come.files or gone.files:
            columns = ", ".join(map(name, columns_read(task.table, root)))
            rows = [f"SELECT {columns} FROM ({session.rows_of(s)})" for s in (come, old, gone, new)]
            found.append(
                f"SELECT DISTINCT lower(trim(email)) AS person, {name(device_column())} AS device "
                f"FROM (({rows[0]} EXCEPT {rows[1]}) UNION ALL ({rows[2]} EXCEPT {rows[3]}))"
            )
    return found


def _close(
    session: Session, task: RefreshTask, base: Base, changed: Sequence[str]
) -> tuple[int, int]:
    """Fill scope_people and scope_devices from the selects of what changed; how many of each."""
    session.hold("changed", " UNION ALL ".join(changed) if changed else _nobody())
    some = bool(changed) and session.rows("SELECT count(*) FROM changed")[0][0] > 0
    claims = " UNION ALL ".join(_claims(session, task, base) if some else []) or _nobody()
    session.hold(
        "scope_persons",
        "SELECT person FROM changed WHERE person IS NOT NULL UNION "
        f"SELECT person FROM ({claims}) WHERE device IN (SELECT device FROM changed)",
    )
    session.hold("scope_people", session.house(PSEUDONYMS), task.params)
    session.hold(
        "scope_devices",
        "SELECT device FROM changed WHERE device IS NOT NULL UNION "
        f"SELECT device FROM ({claims}) WHERE person IN (SELECT person FROM scope_people)",
    )
    if not some:
        return 0, 0
    counted = "SELECT (SELECT count(*) FROM scope_people), (SELECT count(*) FROM scope_devices)"
    people, devices = session.rows(counted)[0]
    return people, devices


def _nobody() -> str:
    return "SELECT CAST(NULL AS STRING) AS person, CAST(NULL AS STRING) AS device WHERE false"


def _claims(session: Session, task: RefreshTask, base: Base) -> list[str]:
    """Who claims which device, now or before: today's rows, and those that have gone.

    Nobody where people were erased: others who claim a device of theirs lose no row by it.
    """
    if task.erased:
        return []
    new, old = (sources[registry().name] for sources in (task.sources, base.sources))
    return [
        f"SELECT lower(trim(email)) AS person, {name(device_column())} AS device "
        f"FROM ({session.rows_of(source)})"
        for source in (new, _delta(new, old)[1])
    ]


def witnesses(session: Session, task: RefreshTask, base: Base, scope: Scope) -> None:
    """Views of readings for a query that asks only whether a person has any.

    People out of scope who are in the published version have one: their row there stands for
    all their readings. For the others the days and people in scope are looked at.
    """
    for source in (task.sources[presence] for presence in task.table.presence):
        reading = load_tables()[source.name]
        who = name(reading.owner.column)
        parts = [
            f"SELECT {name(task.table.owner.column)} AS {who} "
            f"FROM ({session.rows_of(base.published)}) WHERE NOT {theirs(task.table.name)}"
        ]
        if _judged_anew(session, task):
            asked = f"SELECT DISTINCT {who} FROM ({session.rows_of(source)})"
            parts.append(f"SELECT {who} FROM ({asked}) WHERE {theirs(source.name)}")
        if scope.days:
            rows = rows_on(session, source, reading.time, scope.days)
            parts.append(f"SELECT {who} FROM ({rows})")
        session.show(source.name, " UNION ALL ".join(parts))


def _judged_anew(session: Session, task: RefreshTask) -> bool:
    """Whether any candidate is of a person in scope: who is gone need not be looked for."""
    candidates = task.sources[task.table.candidates]
    found = f"SELECT count(*) FROM ({session.rows_of(candidates)}) WHERE {theirs(candidates.name)}"
    return bool(session.rows(found)[0][0])


def same_rows(session: Session, one: Source, other: Source) -> bool:
    """Whether two versions of a table hold the same rows."""
    if one.rows != other.rows:
        return False
    columns = ", ".join(name(field.name) for field in one.fields)
    rows = [f"SELECT {columns} FROM ({session.rows_of(source)})" for source in (one, other)]
    differ = f"SELECT count(*) FROM ({rows[0]} EXCEPT ALL {rows[1]})"
    return session.rows(differ) == [(0,)]
