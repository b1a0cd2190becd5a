"""What a run touches: the days and the people for which a table's roots have changed.

Landed readings that came or went touch their days. Rows of customers that came or went touch
their people: those whose row it is, those who claim a device that it names, and all devices of
these. People and devices stand in the temporary tables scope_people and scope_devices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from stedi.contract import load_tables
from stedi.contract.roots import columns_read, device_column, registry, roots
from stedi.engines.base import Base, RefreshTask
from stedi.engines.duckdb.session import name, rows_of, rows_on
from stedi.engines.duckdb.verdicts import Connection, days_of
from stedi.engines.duckdb.views import theirs
from stedi.lake.model import Source

ROWS_TO_COMPARE = 4_000_000
PSEUDONYM = "sha256(unhex($outer_pad) || unhex(sha256(unhex($inner_pad) || encode(person))))"


@dataclass(frozen=True)
class Scope:
    """Days in order, and how many people and devices are touched on every day."""

    days: Sequence[date]
    people: int
    devices: int

    @property
    def empty(self) -> bool:
        """Whether nothing is touched."""
        return not (self.days or self.people or self.devices)


def find_scope(connection: Connection, task: RefreshTask, base: Base) -> Scope:
    """Compare the roots of a table with those of its base."""
    connection.execute("CREATE OR REPLACE TEMP TABLE changed (person VARCHAR, device VARCHAR)")
    days = [] if task.erased else _changed_days(connection, task, base)
    if task.erased:
        _mark(connection, task.erased.people, task.erased.devices)
    _changed_people(connection, task, base)
    return Scope(days, *_close(connection, task, base))


def _mark(connection: Connection, people: Sequence[str], devices: Sequence[str]) -> None:
    for column, values in (("person", people), ("device", devices)):
        connection.execute(
            f"INSERT INTO changed ({column}) SELECT unnest(CAST($values AS VARCHAR[]))",
            {"values": list(values)},
        )


def _delta(new: Source, old: Source) -> tuple[Source, Source]:
    """The files that have come, and those that have gone, as sources."""
    known, kept = {file.path for file in old.files}, {file.path for file in new.files}
    come = [file for file in new.files if file.path not in known]
    gone = [file for file in old.files if file.path not in kept]
    return replace(new, files=come), replace(old, files=gone)


def _changed_days(connection: Connection, task: RefreshTask, base: Base) -> list[date]:
    days: set[date] = set()
    for root in roots(task.table):
        time = load_tables()[root].time
        if time:
            come, gone = _delta(task.sources[root], base.sources[root])
            days.update(_days_between(connection, come, gone, time))
            if gone.files and not task.table.time:
                _of_readings(connection, gone)
    return sorted(days)


def _days_between(connection: Connection, come: Source, gone: Source, time: str) -> Iterator[date]:
    """Days whose rows differ; of all rows that came or went if they are too many to compare."""
    if not (come.files or gone.files):
        return
    rows = _delivered(come, gone)
    select = " UNION ALL ".join(rows)
    if gone.files and come.rows + gone.rows <= ROWS_TO_COMPARE:
        select = f"({rows[0]} EXCEPT ALL {rows[1]}) UNION ALL ({rows[1]} EXCEPT ALL {rows[0]})"
    yield from (day for day, _ in days_of(connection, select, time))


def _delivered(*sources: Source) -> list[str]:
    """Rows as delivered, without the file that they came from, in the columns all have."""
    announced = [c.name for c in load_tables()[sources[0].name].columns if c.field]
    stored = set.intersection(*({field.name for field in source.fields} for source in sources))
    columns = ", ".join(name(column) for column in announced if column in stored)
    return [f"SELECT {columns} FROM ({rows_of(source)})" for source in sources]


def _of_readings(connection: Connection, gone: Source) -> None:
    """Mark the people whose readings have gone: whether they have any must be asked anew."""
    person = load_tables()[gone.name].owner
    if person.by == "email":
        connection.execute(
            f"INSERT INTO changed (person) SELECT DISTINCT lower(trim({name(person.column)})) "
            f"FROM ({rows_of(gone)})"
        )


def _changed_people(connection: Connection, task: RefreshTask, base: Base) -> None:
    for root in roots(task.table):
        if load_tables()[root].time:
            continue
        new, old = task.sources[root], base.sources[root]
        come, gone = _delta(new, old)
        if come.files or gone.files:
            columns = ", ".join(map(name, columns_read(task.table, root)))
            rows = [f"SELECT {columns} FROM ({rows_of(s)})" for s in (come, old, gone, new)]
            connection.execute(
                "INSERT INTO changed SELECT DISTINCT lower(trim(email)), "
                f"{name(device_column())} FROM (({rows[0]} EXCEPT {rows[1]}) UNION ALL "
                f"({rows[2]} EXCEPT {rows[3]}))"
            )


def _close(connection: Connection, task: RefreshTask, base: Base) -> tuple[int, int]:
    """Fill scope_people and scope_devices from what is marked as changed; how many of each."""
    device = name(device_column())
    if not connection.execute("SELECT count(*) FROM changed").fetchall()[0][0]:
        return _nobody(connection)
    claims = " UNION ALL ".join(
        f"SELECT lower(trim(email)) AS person, {device} AS device FROM ({rows_of(source)})"
        for source in _registries(task, base)
    )
    claims = claims or "SELECT NULL AS person, NULL AS device WHERE false"
    pads = {key: value for key, value in task.params.items() if key.endswith("_pad")}
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE scope_people AS "
        f"SELECT person, {PSEUDONYM} AS subject_id FROM ("
        "SELECT person FROM changed WHERE person IS NOT NULL UNION "
        f"SELECT person FROM ({claims}) WHERE device IN (SELECT device FROM changed))",
        pads,
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE scope_devices AS "
        "SELECT device FROM changed WHERE device IS NOT NULL UNION "
        f"SELECT device FROM ({claims}) WHERE person IN (SELECT person FROM scope_people)"
    )
    counted = "SELECT (SELECT count(*) FROM scope_people), (SELECT count(*) FROM scope_devices)"
    people, devices = connection.execute(counted).fetchall()[0]
    return people, devices


def _nobody(connection: Connection) -> tuple[int, int]:
    people = "CREATE OR REPLACE TEMP TABLE scope_people (person VARCHAR, subject_id VARCHAR)"
    connection.execute(people)
    connection.execute("CREATE OR REPLACE TEMP TABLE scope_devices (device VARCHAR)")
    return 0, 0


def _registries(task: RefreshTask, base: Base) -> list[Source]:
    """Who claims which device, now or before: today's rows, and those that have gone.

    Nobody where people were erased: others who claim a device of theirs lose no row by it.
    """
    if task.erased:
        return []
    new, old = (sources[registry().name] for sources in (task.sources, base.sources))
    return [new, _delta(new, old)[1]]


def witnesses(connection: Connection, task: RefreshTask, base: Base, scope: Scope) -> None:
    """Views of readings for a query that asks only whether a person has any.

    People out of scope who are in the published version have one: their row there stands for
    all their readings. For the others the days and people in scope are looked at.
    """
    for source in (task.sources[presence] for presence in task.table.presence):
        reading = load_tables()[source.name]
        who = name(reading.owner.column)
        parts = [
            f"SELECT {name(task.table.owner.column)} AS {who} FROM ({rows_of(base.published)}) "
            f"WHERE NOT {theirs(task.table.name)}"
        ]
        if _judged_anew(connection, task):
            asked = f"SELECT DISTINCT {who} FROM ({rows_of(source)})"
            parts.append(f"SELECT {who} FROM ({asked}) WHERE {theirs(source.name)}")
        if scope.days:
            parts.append(f"SELECT {who} FROM ({rows_on(source, reading.time, scope.days)})")
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW {name(source.name)} AS {' UNION ALL '.join(parts)}"
        )


def _judged_anew(connection: Connection, task: RefreshTask) -> bool:
    """Whether any candidate is of a person in scope: who is gone need not be looked for."""
    candidates = task.sources[task.table.candidates]
    found = f"SELECT count(*) FROM ({rows_of(candidates)}) WHERE {theirs(candidates.name)}"
    return bool(connection.execute(found).fetchall()[0][0])


def same_rows(connection: Connection, one: Source, other: Source) -> bool:
    """Whether two versions of a table hold the same rows."""
    if one.rows != other.rows:
        return False
    columns = ", ".join(name(field.name) for field in one.fields)
    rows = [f"SELECT {columns} FROM ({rows_of(source)})" for source in (one, other)]
    differ = f"SELECT count(*) FROM ({rows[0]} EXCEPT ALL {rows[1]})"
    return connection.execute(differ).fetchall() == [(0,)]
