"""Views that show a query a part of its sources: some days, or some people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from stedi.contract import load_tables
from stedi.engines.sql.session import Session, name, on_days, rows_on
from stedi.errors import ContractError
from stedi.lake.model import Source

MOST_VALUES = 5_000

Part = Callable[[Source, str], str]


def show(session: Session, sources: Mapping[str, Source], part: Part) -> None:
    """One view per source under its bare name; of tables of readings only a part.

    A part makes a SELECT from a source and its event-time column.
    """
    for source in sources.values():
        time = load_tables()[source.name].time
        session.show(source.name, part(source, time) if time else session.rows_of(source))


def everything(session: Session) -> Part:
    """All rows."""
    return lambda source, time: session.rows_of(source)


def on_days_only(session: Session, days: Sequence[date]) -> Part:
    """The rows of some days, which are in order."""
    return lambda source, time: rows_on(session, source, time, days)


def of_people(session: Session, days: Sequence[date]) -> Part:
    """The rows of the people in scope on all days but these."""

    def select(source: Source, time: str) -> str:
        kept = f"SELECT * FROM ({session.rows_of(source)}) WHERE {listed(session, source)}"
        return f"{kept} AND NOT {on_days(session, time, days)}" if days else kept

    return select


def theirs(table: str) -> str:
    """A condition that holds for the rows of people or devices in scope; see `scope`."""
    person = load_tables()[table].owner
    column = name(person.column)
    match person.by:
        case "email":
            return f"lower(trim({column})) IN (SELECT person FROM scope_people)"
        case "device":
            return f"{column} IN (SELECT device FROM scope_devices)"
        case "pseudonym":
            return f"{column} IN (SELECT subject_id FROM scope_people)"
        case _:
            raise ContractError(f"{table}: its rows cannot be found by person or device")


def listed(session: Session, source: Source) -> str:
    """The same condition with the values told one by one, by which Parquet readers skip rows.

    Without it every column of every row would be decoded to find the rows of a few people. How
    an address is spelled in the source is asked of its column alone.
    """
    table = source.name
    column = name(load_tables()[table].owner.column)
    values = session.rows(
        f"SELECT {column} FROM (SELECT DISTINCT {column} FROM ({session.rows_of(source)})) "
        f"WHERE {theirs(table)} LIMIT {MOST_VALUES + 1}"
    )
    if len(values) > MOST_VALUES:
        return theirs(table)
    return f"{column} IN ({', '.join(session.literal(value) for (value,) in values) or 'NULL'})"
