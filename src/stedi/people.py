"""Whose a row is: an address as people are matched, and the rows of a table that are a person's."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from stedi.contract import Table, load_tables
from stedi.engines.base import Engine
from stedi.errors import UsageError
from stedi.lake.model import Query
from stedi.lake.store import Store

# What an address or a serial number may go on with: ann@x.com is not in joann@x.com. Quotation
# marks and brackets end one, though RFC 5322 lets an address hold some of them.
_BEFORE = r"(?:^|[^\p{L}\p{N}!#$%&*+/?^_~.\-])"
_AFTER = r"(?:$|[^\p{L}\p{N}_.\-]|\.(?:$|[^\p{L}\p{N}]))"
_LONG = 12  # characters from which a serial number is known without quotation marks around it


def person_of(engine: Engine, email: str) -> str:
    """The address as people are matched, by the engine's own lower and trim.

    UsageError where there is none, or where it is no text.
    """
    return people_of(engine, [email])[0]


def people_of(engine: Engine, emails: Sequence[str]) -> list[str]:
    """The same for several addresses, in their order."""
    for email in emails:
        _check_text(email)
    numbered = ", ".join(f"({at}, {quoted(email)})" for at, email in enumerate(emails))
    sql = f"SELECT lower(trim(email)) AS person FROM (VALUES {numbered}) AS t (n, email) ORDER BY n"
    return [str(row["person"]) for row in engine.query(Query(sql, {})).read_all().to_pylist()]


def _check_text(email: str) -> None:
    if not email.strip():
        raise UsageError("an empty address belongs to nobody; give the person's e-mail address")
    try:
        email.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{email!a}: not UTF-8; give the address as it is written") from None


def pseudonym(key: bytes, person: str) -> str:
    """The subject_id of a person (a trimmed, lower-case address): HMAC-SHA256, RFC 2104."""
    return hmac.new(key, person.encode(), hashlib.sha256).hexdigest()


def fingerprint(key: bytes, kind: str, value: str) -> str:
    """What is kept of a forgotten person (address as matched) or device: HMAC-SHA256, RFC 2104.

    `kind` is `person` or `device`; it keeps the fingerprint apart from the subject_id.
    """
    return hmac.new(key, f"forgotten {kind} {value}".encode(), hashlib.sha256).hexdigest()


def serials_of(store: Store, engine: Engine, person: str) -> list[str]:
    """The serial numbers that a person's landed records state, shared ones too."""
    query = Query(
        "SELECT DISTINCT serialnumber FROM customer_landing WHERE lower(trim(email)) = $person",
        {"customer_landing": store.table("customer_landing").source()},
        {"person": person},
    )
    return [row["serialnumber"] for row in engine.query(query).read_all().to_pylist()]


def belongs(store: Store, table: Table, person: str, serials: Sequence[str]) -> str:
    """A condition, in the embedded engine's SQL, that holds for the person's rows of a table."""
    return belong_to(store, table, [person], serials)


def belong_to(store: Store, table: Table, people: Sequence[str], serials: Sequence[str]) -> str:
    """The same for the rows of several people (addresses as matched) and their devices.

    A quarantined line is theirs if it tells an address, or, in a feed of devices, one of
    the serial numbers; written out or with JSON's escapes, and not as a part of a longer one.
    """
    column = '"' + table.owner.column + '"'
    match table.owner.by:
        case "email":
            return f"lower(trim({column})) IN ({_listed(people)})"
        case "device":
            return f"{column} IN ({_listed(serials)})"
        case "pseudonym":
            key = store.home.key()
            return f"{column} IN ({_listed([pseudonym(key, person) for person in people])})"
        case _:
            return _told(column, people, serials)


def spelled(
    store: Store, engine: Engine, table: Table, people: Sequence[str], serials: Sequence[str]
) -> str:
    """The same condition for the table as it is now, cheap to ask of many rows.

    Addresses are given as they are spelled there, which is asked of their column alone, so that
    files can be read without decoding the columns of rows that do not matter.
    """
    theirs = belong_to(store, table, people, serials)
    if table.owner.by != "email":
        return theirs
    column = '"' + table.owner.column + '"'
    sql = f'SELECT {column} AS v FROM (SELECT DISTINCT {column} FROM "{table.name}") WHERE {theirs}'
    query = Query(sql, {table.name: store.table(table.name).source()})
    return f"{column} IN ({_listed([r['v'] for r in engine.query(query).read_all().to_pylist()])})"


def _listed(values: Sequence[str]) -> str:
    return ", ".join(map(quoted, values)) or "NULL"


def _told(column: str, people: Sequence[str], serials: Sequence[str]) -> str:
    told = "|".join(_standing(person, "@" in person) for person in people)
    address = f"regexp_matches(lower({column}), {quoted(told)})"
    devices = [t.feed for t in load_tables().values() if t.feed and _by_device(t)]
    patterns = [_standing(serial, len(serial) >= _LONG) for serial in serials if serial.strip()]
    if not patterns:
        return address
    feeds, any_of = _listed(devices), quoted("|".join(patterns))
    return f"({address} OR (feed IN ({feeds}) AND regexp_matches({column}, {any_of})))"


def _by_device(table: Table) -> bool:
    return table.person is not None and table.person.by == "device"


def _standing(text: str, unmistakable: bool) -> str:
    """A regular expression (RE2) for a whole value in a line; a short one only in quotes."""
    spelled = "".join(map(_character, text))
    return _BEFORE + spelled + _AFTER if unmistakable else f'" *{spelled} *"'


def _character(one: str) -> str:
    """A character as it stands or as JSON may escape it, of either case."""
    escapes = {_escaped(case) for case in (one, one.upper(), one.lower()) if len(case) == 1}
    either = "|".join(sorted(escapes | {code.lower() for code in escapes}))
    return rf"(?:\x{{{ord(one):x}}}|{either})"


def _escaped(one: str) -> str:
    units = one.encode("utf-16-be")
    return "".join(rf"\\u{units[i]:02X}{units[i + 1]:02X}" for i in range(0, len(units), 2))


def quoted(text: str) -> str:
    """A SQL text literal."""
    return "'" + text.replace("'", "''") + "'"
