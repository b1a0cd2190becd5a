"""A run refreshes what it touches: which days and people, which files, and what it says of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import sites
import stedi
from helpers import SERIAL, T0, deliver, record, rows_of, snapshots_of
from stedi.api import Lake
from stedi.errors import UsageError
from stedi.places import Place
from stedi.refresh.bookmark import ACCOUNT, BOOKMARK

DAY = 86_400_000
BOB = "b" * 36
PEOPLE = {"ada@test.com": SERIAL, "bob@test.com": BOB}
READINGS = ("accelerometer_trusted", "step_trainer_trusted", "machine_learning_curated")


def customers(update: int, research: dict[str, int | None]) -> list[dict[str, object]]:
    return [
        record(
            "customer",
            email=email,
            serialNumber=PEOPLE[email],
            lastUpdateDate=T0 + update,
            shareWithResearchAsOfDate=None if since is None else T0 + since,
        )
        for email, since in research.items()
    ]


def instants(landing: Path, name: str, *times: int, people: dict[str, str] = PEOPLE) -> None:
    """Readings of both devices of people at some times (ms after T0)."""
    pairs = [(at, *person) for at in times for person in people.items()]
    deliver(
        landing,
        "accelerometer",
        name,
        [record("accelerometer", user=email, timestamp=T0 + at) for at, email, _ in pairs],
    )
    deliver(
        landing,
        "step_trainer",
        name,
        [
            record("step_trainer", serialNumber=serial, sensorReadingTime=T0 + at)
            for at, _, serial in pairs
        ],
    )


@pytest.fixture(scope="module")
def begun(engine_name: str, new_site: Callable[[], Place]) -> Place:
    """A place with the lake of `four_days` and its landing folder, of which a copy is kept."""
    root = new_site()
    landing = root / "work" / "landing"
    deliver(landing, "customer", "1.json", customers(0, dict.fromkeys(PEOPLE, -DAY)))
    instants(landing, "1.json", 0, DAY, 2 * DAY, 3 * DAY)
    instants(landing, "bob.json", 4 * DAY, people={"bob@test.com": BOB})
    with sites.create(root / "work" / "lake", engine=engine_name) as lake:
        lake.run(landing)
    sites.keep(root)
    return root


@pytest.fixture
def landing(request: pytest.FixtureRequest, landing: Place) -> Place:
    """That of `four_days` where a test begins with it, else an empty one."""
    if "four_days" not in request.fixturenames:
        return landing
    begun: Place = request.getfixturevalue("begun")
    sites.restore(begun)
    return begun / "work" / "landing"


@pytest.fixture
def four_days(begun: Place, landing: Place, engine_name: str) -> Iterator[Lake]:
    """Two people who consent, with readings on four days and a fifth for one of them."""
    with stedi.open(begun / "work" / "lake", engine_name) as lake:
        yield lake


def files_of(lake: Lake, table: str) -> dict[str, set[str]]:
    """The data files of a table by day."""
    found: dict[str, set[str]] = {}
    lake.store.forget()
    for file in lake.store.table(table).source().files:
        found.setdefault(str(file.first), set()).add(file.path)
    return found


def scopes(result: object) -> dict[str, str]:
    return {r.account.table.split(".")[1]: r.account.scope for r in result.refreshed}


def changed_days(before: dict[str, set[str]], after: dict[str, set[str]]) -> int:
    return sum(before.get(day) != after.get(day) for day in before | after)


@pytest.mark.on_s3
def test_a_late_reading_refreshes_its_day_alone(four_days: Lake, landing: Path):
    before = {table: files_of(four_days, table) for table in READINGS}
    deliver(landing, "accelerometer", "late.json", [record("accelerometer", timestamp=T0 + 5, x=7)])
    said = scopes(four_days.run(landing))
    assert said["accelerometer_trusted"] == said["machine_learning_curated"] == "1 days, 0 people"
    assert "step_trainer_trusted" not in said
    for table in ("accelerometer_trusted", "machine_learning_curated"):
        assert changed_days(before[table], files_of(four_days, table)) <= 1
    assert before["step_trainer_trusted"] == files_of(four_days, "step_trainer_trusted")


def test_withdrawal_leaves_the_files_of_other_days_alone(four_days: Lake, landing: Path):
    before = {table: files_of(four_days, table) for table in READINGS}
    deliver(landing, "customer", "2.json", customers(DAY, {"ada@test.com": None}))
    said = scopes(four_days.run(landing))
    assert {said[table] for table in READINGS} == {"0 days, 1 people"}
    for table in READINGS:
        assert changed_days(before[table], files_of(four_days, table)) == 4, table
    assert {row["user"] for row in rows_of(four_days, "accelerometer_trusted")} == {"bob@test.com"}
    assert all(line.balanced for line in four_days.account())


def test_late_consent_adds_files_and_rewrites_none(new_lake, landing: Path):
    lake = new_lake(consent="any")
    given = {"ada@test.com": None, "bob@test.com": -DAY}
    deliver(landing, "customer", "1.json", customers(0, given))
    instants(landing, "1.json", 0, DAY)
    lake.run(landing)
    before = files_of(lake, "machine_learning_curated")
    deliver(landing, "customer", "2.json", customers(DAY, {"ada@test.com": 3 * DAY}))
    lake.run(landing)
    after = files_of(lake, "machine_learning_curated")
    assert all(files < after[day] for day, files in before.items())
    assert len(rows_of(lake, "machine_learning_curated")) == 4


def test_a_record_that_changes_nothing_of_the_readings_touches_none(four_days: Lake, landing: Path):
    again = [row | {"phone": "1"} for row in customers(DAY, {"ada@test.com": -DAY})]
    deliver(landing, "customer", "2.json", again)
    before = snapshots_of(four_days)
    said = scopes(four_days.run(landing))
    assert set(said.values()) <= {"0 days, 1 people", "0 days, 0 people"}
    for table in READINGS:
        if snapshots_of(four_days)[table] != before[table]:
            assert said[table] == "0 days, 0 people"


def test_the_same_customers_again_change_no_version(four_days: Lake, landing: Path):
    deliver(landing, "customer", "2.json", customers(0, dict.fromkeys(PEOPLE, -DAY)))
    before = {table: files_of(four_days, table) for table in (*READINGS, "customer_trusted")}
    four_days.run(landing)
    assert before == {table: files_of(four_days, table) for table in before}
    line = next(e for e in four_days.account() if e.table == "trusted.customer_trusted")
    assert (line.rows_in, line.rows_out, line.excluded) == (4, 2, {"exact duplicate": 2})


def test_full_makes_every_table_anew(four_days: Lake, landing: Path):
    before = {table: rows_of(four_days, table) for table in READINGS}
    said = scopes(four_days.run(landing, full=True))
    assert len(said) == 5
    assert set(said.values()) == {"all: asked for"}
    assert before == {table: rows_of(four_days, table) for table in READINGS}


def test_a_new_policy_refreshes_what_depends_on_it_and_says_so(four_days: Lake, landing: Path):
    said = scopes(four_days.run(landing, consent="any"))
    assert "customer_trusted" not in said
    assert {said[table] for table in READINGS} == {"all: the policy or the key changed"}


def test_a_table_whose_account_does_not_fit_is_made_anew(four_days: Lake, landing: Path):
    stored = four_days.store.table("accelerometer_trusted")
    summary = stored.inherited()
    wrong = json.loads(summary[ACCOUNT]) | {"rows_in": 1, "rows_out": 1, "excluded": {}}
    stored.publish([], summary | {ACCOUNT: json.dumps(wrong)})
    instants(landing, "2.json", 9)
    said = scopes(four_days.run(landing))
    assert said["accelerometer_trusted"] == "all: its account did not fit its rows"
    assert all(line.balanced for line in four_days.account())


def test_an_expired_base_means_everything(four_days: Lake, landing: Path):
    stored = four_days.store.table("accelerometer_trusted")
    summary = stored.inherited()
    gone = json.loads(summary[BOOKMARK])
    gone["sources"]["accelerometer_landing"] = "1"
    stored.publish([], summary | {BOOKMARK: json.dumps(gone)})
    said = scopes(four_days.run(landing))
    assert said["accelerometer_trusted"] == "all: a version it was made from has expired"


def test_a_dry_run_says_what_and_why_and_changes_nothing(four_days: Lake, landing: Path):
    instants(landing, "2.json", 9)
    before = snapshots_of(four_days)
    steps = [(step.action, step.what, step.why) for step in four_days.plan(landing)]
    assert [what for action, what, _ in steps if action == "land"] == [
        "accelerometer",
        "step_trainer",
    ]
    assert all("1 new and 0 changed files" in why for action, _, why in steps if action == "land")
    tables = [what for action, what, _ in steps if action == "refresh"]
    assert tables[0] == "trusted.accelerometer_trusted"
    assert tables[-1] == "curated.machine_learning_curated"
    assert "trusted.customer_trusted" not in tables
    assert snapshots_of(four_days) == before


def test_a_dry_run_tells_the_policy_and_full(four_days: Lake, landing: Path):
    assert four_days.plan(landing) == []
    assert {step.why for step in four_days.plan(landing, consent="any")} == {
        "all of it: the policy or the key changed"
    }
    assert {step.why for step in four_days.plan(landing, full=True)} == {"asked for"}
    with pytest.raises(UsageError, match="no such folder"):
        four_days.plan(landing / "nowhere")


def test_nothing_new_is_told_without_loading_a_library(four_days: Lake, landing: Path):
    code = (
        "import sys, stedi; lake = stedi.open(sys.argv[1]); result = lake.run(sys.argv[2]);"
        "heavy = {'pyarrow', 'pyiceberg', 'duckdb', 'numpy'} & set(sys.modules);"
        "sys.exit(f'{result.changed} {heavy}' if result.changed or heavy else 0)"
    )
    command = [sys.executable, "-c", code, str(four_days.home.root), str(landing)]
    subprocess.run(command, check=True, timeout=60)


@pytest.mark.parametrize("change", ["file", "policy", "catalog", "journal", "digest"])
def test_the_short_way_is_not_taken_when_anything_changed(
    four_days: Lake, landing: Path, change: str
):
    root = four_days.home.root
    four_days.run(landing)
    match change:
        case "file":
            instants(landing, "2.json", 9)
        case "policy":
            toml = root / "stedi.toml"
            toml.write_text(toml.read_text().replace('"since"', '"any"'))
        case "catalog":
            stored = four_days.store.table("customers_curated")
            stored.publish([], {"stedi.bookmark": "{}"})
        case "journal":
            (root / "forgetting.json").write_text("{")
        case "digest":
            (root / "settled").write_text("something else")
    if change == "journal":
        with pytest.raises(Exception, match="journal"):
            four_days.run(landing)
    else:
        assert four_days.run(landing).changed == (change != "digest")
