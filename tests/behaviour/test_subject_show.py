"""What is held about a person: all of theirs, in every zone, and nothing of anybody else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import sites
from helpers import (
    FEEDS,
    PROMOTED,
    SERIAL,
    T0,
    Row,
    deliver,
    judged,
    line,
    moment,
    ordered,
    record,
    stored,
)
from stedi.api import Lake
from stedi.contract import load_tables
from stedi.errors import UsageError
from stedi.lake.model import Query
from stedi.people import belongs, pseudonym
from stedi.places import Place
from stedi.simulate import Simulated, simulate
from stedi.subject.held import WITHHELD
from stedi.subject.portable import portable
from stedi.subject.show import Holding

SECOND, SHARED, OTHER = (SERIAL[:-1] + digit for digit in "ab0")
DAY = 86_400_000


def reading(user: str, at: int = 1) -> Row:
    return record("accelerometer", user=user, timestamp=T0 + at)


def step(serial: str, at: int = 1) -> Row:
    return record("step_trainer", serialNumber=serial, sensorReadingTime=T0 + at)


def customer(email: str, serial: str, update: int = 0, **changes: Any) -> Row:
    changes = {"lastUpdateDate": T0 + update, "customerName": email.upper()} | changes
    return record("customer", email=email, serialNumber=serial, **changes)


CUSTOMERS = [
    customer(" Ada@Test.com", SERIAL),
    customer("ada@test.com", SECOND, 5, phone="1"),
    customer("joada@test.com", OTHER),
    customer("bob@test.com", SHARED),
    customer("carl@test.com", SHARED, shareWithResearchAsOfDate=None),
    customer("o'neil@test.com", "short"),
]
READINGS: list[Row | bytes] = [
    *(reading(user, at) for at in (1, 2, 2 * DAY) for user in ("ada@test.com", "joada@test.com")),
    reading("ADA@TEST.COM ", 3),
    reading("bob@test.com"),
    reading("o'neil@test.com"),
    line("accelerometer", "x", user="ada@test.com"),
    line("accelerometer", "x", user="joada@test.com"),
    line("accelerometer", "x", user="ada@test.com.au"),
    line("accelerometer", user="ada@test.com") + line("accelerometer", user="bob@test.com"),
    line("accelerometer", "x", user="quin@test.com"),
    line("accelerometer", "x", user="Éva@test.com"),
    line("accelerometer", "x", user="\U0001d49c@test.com"),
]
STEPS: list[Row | bytes] = [
    *(step(serial, at) for at in (1, 2) for serial in (SERIAL, SECOND, SHARED, OTHER, "short")),
    line("step_trainer", "sensorReadingTime", serialNumber=SECOND),
    line("step_trainer", "sensorReadingTime", serialNumber=SHARED),
    line("step_trainer", serialNumber=SECOND) + line("step_trainer", serialNumber=OTHER),
]


@pytest.fixture(scope="module")
def filled(engine_name: str, new_site: Callable[[], Place]) -> Iterator[Lake]:
    """A lake after one run over these feeds."""
    folder = new_site()
    deliver(folder / "in", "customer", "1.json", CUSTOMERS)
    deliver(folder / "in", "accelerometer", "1.json", READINGS)
    deliver(folder / "in", "step_trainer", "1.json", STEPS)
    with sites.create(folder / "lake", "since", engine_name) as lake:
        lake.run(folder / "in")
        yield lake


def copied(holding: Holding) -> dict[str, Any]:
    """The portable copy, read back."""
    return json.loads("".join(portable(holding)))


def rows(holding: Holding) -> dict[str, int]:
    return {entry.table.name: entry.rows for entry in holding.tables if entry.rows}


# ---------------------------------------------------------------- nobody


@pytest.mark.parametrize("email", ["", "  ", "ada", "@", "ada@", " @test.com", "\udcff@test.com"])
def test_what_is_no_address_is_wrong_usage(filled: Lake, email: str):
    with pytest.raises(UsageError, match="address"):
        filled.subject(email)


@pytest.mark.parametrize(
    "email", ["a@test.com", "' OR ''=' @x", "%@%", "ada@test.com' --", ".*@.*"]
)
def test_of_a_stranger_nothing_is_held(filled: Lake, email: str):
    holding = filled.subject(email)
    copy = copied(holding)
    assert holding.empty
    assert not any(copy["rows"].values())
    assert set(copy["rows"]) == set(copy["looked_in"]) == subject_tables()
    assert copy["delivered_files"] == copy["devices"] == copy["emails"] == []


def subject_tables() -> set[str]:
    return {table.full_name for table in load_tables().values() if table.person}


def test_a_lake_that_never_ran_holds_nothing(lake: Lake):
    holding = lake.subject("ada@test.com")
    assert holding.empty
    assert copied(holding)["consent"] == {"research": None, "policy": "since", "history": []}


# ---------------------------------------------------------------- whose a line is


LINES = {
    '{"user": "ann@x.com"}': True,
    '{"user": " ANN@X.com ", "x": 1': True,
    "user=ann@x.com;x=1": True,
    "{'user': 'ann@x.com'}": True,
    "ann@x.com": True,
    "Write to ann@x.com.": True,
    r'{"user": "\u0041nn\u0040x.com"}': True,
    '{"user": "joann@x.com"}': False,
    '{"user": "jo.ann@x.com"}': False,
    '{"user": "jo+ann@x.com"}': False,
    '{"user": "éann@x.com"}': False,
    r'{"user": "\u00e9ann@x.com"}': False,
    '{"user": "ann@x.com.au"}': False,
    '{"user": "ann@x.company"}': False,
    '{"user": "ann@xxcom"}': False,
}


@pytest.mark.parametrize(
    ("person", "lines"),
    [
        ("ann@x.com", LINES),
        ("ann", {'{"user": " Ann "}': True, '{"user": "annie"}': False, "ann@x.com": False}),
        ("a.*(b|c)@x\\d.com", {'"A.*(B|C)@x\\d.com"': True, '"abc@x1.com"': False}),
        ("𝒜é@x.com", {line("accelerometer", user="𝒜É@x.com").decode(): True, '"é@x.com"': False}),
    ],
)
def test_an_address_within_another_is_not_that_person(
    lake: Lake, tmp_path: Path, person: str, lines: dict[str, bool]
):
    assert told(lake, tmp_path, "accelerometer", person, [], lines) == lines


def test_a_line_of_a_device_is_its_owners(lake: Lake, tmp_path: Path):
    serial = "2f7b0a4e-31c2"
    lines = {
        f'{{"serialNumber": "{serial}"': True,
        f'{{"serialNumber": "{serial}-4c5c"}}': False,
        f'{{"serialNumber": "a{serial}"}}': False,
        '{"serialNumber": "7", "distance": 8}': True,
        '{"serialNumber": "x", "distance": 7}': False,
        "{}": False,
    }
    serials = [serial, "7", ""]
    assert told(lake, tmp_path, "step_trainer", "ann@x.com", serials, lines) == lines
    assert not any(told(lake, tmp_path, "customer", "ann@x.com", serials, lines).values())


def told(
    lake: Lake, folder: Path, feed: str, person: str, serials: list[str], lines: dict[str, bool]
) -> dict[str, bool]:
    """Which lines of a feed are a person's."""
    table = load_tables()["quarantine"]
    base = {"feed": feed, "file": "f", "line": 1, "reason": "bad", "run": "r", "batch": 1}
    source = stored(table, [base | {"text": text} for text in lines], folder)
    sql = f"SELECT text FROM quarantine WHERE {belongs(lake.store, table, person, serials)}"
    found = lake.engine.query(Query(sql, {"quarantine": source})).read_all().to_pylist()
    return {text: {"text": text} in found for text in lines}


# ---------------------------------------------------------------- one person among others


@pytest.mark.parametrize("email", ["ada@test.com", " ADA@Test.COM  "])
def test_everything_of_a_person_with_two_devices(filled: Lake, email: str):
    holding = filled.subject(email)
    assert rows(holding) == {
        "accelerometer_landing": 4,
        "customer_landing": 2,
        "quarantine": 4,
        "step_trainer_landing": 4,
        "accelerometer_trusted": 4,
        "customer_trusted": 2,
        "step_trainer_trusted": 4,
        "customers_curated": 2,
        "machine_learning_curated": 2,
    }
    person = holding.person
    assert person.emails == [" Ada@Test.com", "ADA@TEST.COM ", "ada@test.com"]
    assert [(one.value, one.since, one.unique) for one in person.devices] == [
        (SERIAL, moment(T0), True),
        (SECOND, moment(T0 + 5), True),
    ]
    assert {one.value: one.people for one in person.phones} == {"1": 1, "8015551212": 5}
    assert person.subject_id == pseudonym(filled.home.key(), "ada@test.com")
    landed = next(entry for entry in holding.tables if entry.table.name == "accelerometer_landing")
    assert (landed.first, landed.last) == (moment(T0 + 1), moment(T0 + 2 * DAY))
    assert landed.since
    assert landed.oldest
    assert landed.since < landed.oldest


def test_a_line_that_tells_of_somebody_else_too_is_withheld(filled: Lake):
    lines = copied(filled.subject("ada@test.com"))["rows"]["landing.quarantine"]
    assert [(row["feed"], row["line"], row["text"] == WITHHELD) for row in lines] == [
        ("accelerometer", 10, False),
        ("accelerometer", 13, True),
        ("step_trainer", 11, False),
        ("step_trainer", 13, True),
    ]
    assert [row["reason"] for row in lines if row["text"] == WITHHELD] == ["not JSON"] * 2


@pytest.mark.parametrize("email", ["quin@test.com", "éva@test.com", "\U0001d49c@test.com"])
def test_a_person_who_is_only_in_quarantine(filled: Lake, email: str):
    holding = filled.subject(email)
    (entry,) = (entry for entry in holding.tables if entry.rows)
    (row,) = holding.rows(entry.table)
    assert (entry.table.name, row["reason"]) == ("quarantine", "required field missing or null: x")
    assert email[1:] in row["text"]
    (file,) = holding.delivered
    assert (file.rows, file.quarantined, file.exists) == (0, 1, True)
    assert not holding.empty


def test_a_shared_device_is_shown_and_its_readings_are_not(filled: Lake):
    holding = filled.subject("bob@test.com")
    (device,) = holding.person.devices
    assert (device.value, device.unique, device.people) == (SHARED, False, 2)
    assert holding.shared == {"landing.step_trainer_landing": 2}
    copy = copied(holding)
    assert copy["shared_device_readings"] == holding.shared
    assert copy["rows"]["landing.step_trainer_landing"] == []
    assert {row["feed"] for row in copy["rows"]["landing.quarantine"]} == {"accelerometer"}
    (trail,) = (t for t in copy["not_used"] if t["table"] == "trusted.step_trainer_trusted")
    assert trail["reasons"] == {"device claimed by several people": 2}


def test_an_apostrophe_is_a_part_of_a_name(filled: Lake):
    assert rows(filled.subject("O'Neil@test.com"))["step_trainer_trusted"] == 2


# ---------------------------------------------------------------- as time goes by


@pytest.fixture(scope="module")
def withdrawn(engine_name: str, new_site: Callable[[], Place]) -> Iterator[Holding]:
    """What is held after a consent was given, used, and withdrawn."""
    folder = new_site()
    landing = folder / "in"
    deliver(landing, "customer", "1.json", [customer("ada@test.com", SERIAL)])
    deliver(landing, "accelerometer", "1.json", [reading("ada@test.com")])
    deliver(landing, "step_trainer", "1.json", [step(SERIAL)])
    with sites.create(folder / "lake", "since", engine_name) as lake:
        lake.run(landing)
        again = customer("ada@test.com", SERIAL, 9, shareWithResearchAsOfDate=None)
        deliver(landing, "customer", "2.json", [again])
        lake.run(landing)
        (landing / "customer" / "1.json").unlink()
        yield lake.subject("ada@test.com")


def test_after_a_withdrawal_older_versions_are_still_held(withdrawn: Holding):
    tables = {entry.table.name: entry for entry in withdrawn.tables}
    for name in PROMOTED:
        assert (tables[name].rows, tables[name].since, tables[name].versions) == (0, None, 1), name
        assert tables[name].oldest
        assert tables[name].research
    assert tables["customer_landing"].versions == 2
    assert not tables["customer_landing"].research
    assert withdrawn.consent.research is None
    assert [said.research for said in withdrawn.consent.history] == [moment(T0 - 8_000), None]
    assert [said.at for said in withdrawn.consent.history] == [moment(T0), moment(T0 + 9)]
    reasons = {trail.table: dict(trail.excluded) for trail in withdrawn.trails}
    assert reasons["trusted.accelerometer_trusted"] == {"no research consent": 1}


def test_a_delivered_file_that_is_gone_is_said_to_be(withdrawn: Holding):
    found = {Path(file.file).name: file.exists for file in withdrawn.delivered}
    assert found == {"1.json": True, "2.json": True}
    gone = [file.file for file in withdrawn.delivered if not file.exists]
    assert [Path(file).parts[-2:] for file in gone] == [("customer", "1.json")]


# ---------------------------------------------------------------- the copy is exact


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """Feeds of a few people, many lines malformed."""
    out = tmp_path_factory.mktemp("simulated") / "out"
    return simulate(out, people=30, minutes=0.02, days=1, dirty=0.2, seed=11)


@pytest.fixture(scope="module")
def busy(simulated: Simulated, engine_name: str, new_site: Callable[[], Place]) -> Iterator[Lake]:
    """A lake with these feeds."""
    with sites.create(new_site() / "lake", "since", engine_name) as lake:
        lake.run(simulated.out)
        yield lake


@pytest.fixture(scope="module")
def scanned(simulated: Simulated) -> dict[str, list[Row]]:
    """All rows of every table, from the delivered files and the simulator's truth."""
    tables: dict[str, list[Row]] = {"quarantine": []}
    for feed in FEEDS:
        tables[FEEDS[feed].name] = []
        for file in sorted((simulated.out / feed).iterdir()):
            outcome = judged(feed, file.read_bytes())
            tables[FEEDS[feed].name] += [row | {"_source_file": str(file)} for row in outcome.rows]
            tables["quarantine"] += [
                {"feed": feed, "file": str(file), "line": n, "reason": why, "text": text}
                for n, why, text in outcome.quarantined
            ]
    for name in PROMOTED:
        folder = simulated.truth / "expected" / "since"
        tables[name] = pq.read_table(folder / f"{name}.parquet").to_pylist()
    return tables


def of_person(tables: dict[str, list[Row]], person: str) -> dict[str, list[Row]]:
    """The rows that are a person's, by plain comparison of values."""
    claims: dict[str, set[str]] = {}
    for row in tables["customer_landing"]:
        claims.setdefault(row["serialnumber"], set()).add(row["email"].strip(" ").lower())
    own = {serial for serial, people in claims.items() if people == {person}}

    def theirs(row: Row) -> bool:
        if "text" in row:
            spelled = rf"(?<![\w.+-]){re.escape(person)}(?![\w-])"
            device = row["feed"] == "step_trainer" and any(one in row["text"] for one in own)
            return device or bool(re.search(spelled, row["text"].lower()))
        address = row.get("email") or row.get("user") or row.get("person")
        return address.strip(" ").lower() == person if address else row["serialnumber"] in own

    return {name: [row for row in found if theirs(row)] for name, found in tables.items()}


def expected(row: Row, key: bytes) -> Row:
    """A row as the copy has it, by what can be known from outside."""
    found = dict(row)
    if "person" in row and "x" in row:
        found["subject_id"] = pseudonym(key, found.pop("person"))
    elif "person" in row:
        found["email"], found["sharewithresearchasofdate"] = found.pop("person"), found.pop("since")
    return {k: iso(v) for k, v in found.items()}


def iso(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


def trimmed(row: Row, table: str) -> Row:
    """A row of the copy without what cannot be known from outside."""
    found = {k: v for k, v in row.items() if v is not None and k not in ("run", "batch")}
    if table not in ("customer_trusted", "customers_curated"):
        return found
    keys = ("email", "serialnumber", "sharewithresearchasofdate")
    return {k: found[k].strip(" ").lower() if k == "email" else found[k] for k in keys}


def chosen(scanned: dict[str, list[Row]]) -> list[str]:
    """Of the people with quarantined lines: one who consents, one who does not."""
    people = sorted({row["email"].strip(" ").lower() for row in scanned["customer_landing"]})
    used = {row["person"] for row in scanned["machine_learning_curated"]}
    busy = [p for p in people if any(p in row["text"].lower() for row in scanned["quarantine"])]
    return [next(p for p in busy if p in used), next(p for p in busy if p not in used)]


def test_the_copy_is_what_a_scan_of_the_feeds_finds(busy: Lake, scanned: dict[str, list[Row]]):
    key = busy.home.key()
    for person in chosen(scanned):
        copy = copied(busy.subject(person))
        wanted = of_person(scanned, person)
        assert wanted["quarantine"]
        assert {name.partition(".")[2] for name in copy["rows"]} == set(wanted)
        for name, found in copy["rows"].items():
            table = name.partition(".")[2]
            assert ordered(trimmed(row, table) for row in found) == ordered(
                expected(row, key) for row in wanted[table]
            ), (person, name)
            (entry,) = (entry for entry in copy["tables"] if entry["table"] == name)
            assert entry["rows"] == len(found)
        assert {file["file"] for file in copy["delivered_files"]} == {
            row.get("_source_file", row.get("file"))
            for table in ("quarantine", *(t.name for t in FEEDS.values()))
            for row in wanted[table]
        }
