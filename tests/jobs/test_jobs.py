"""One job at a time: together what a run does, by itself one table of what is published."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import sites
import stedi
from helpers import (
    LANDING,
    PROMOTED,
    SERIAL,
    T0,
    Row,
    deliver,
    record,
    rows_of,
    snapshots_of,
    tables_of,
)
from stedi.api import Lake
from stedi.contract import load_tables
from stedi.errors import CheckFailed, LakeBusyError, StorageError, UsageError
from stedi.jobs import jobs
from stedi.outcome import Watch
from stedi.simulate import simulate

NAMES = [job.name for job in jobs()]
DAY = 86_400_000
BOB, CLEO = "b" * 36, "c" * 36
KEY = ("STEDI_PSEUDONYM_KEY", "the key of lakes to compare")
LANDS, CUSTOMERS, ACCELEROMETER, CURATED, STEPS, LEARNING = NAMES


def run_jobs(lake: Lake, landing: Path, *names: str, **options: object) -> list[str]:
    """Run jobs (all of them unless named); what was noted."""
    noted: list[str] = []
    for name in names or NAMES:
        folder = landing if name == LANDS else None
        lake.job(name, folder, Watch(noted=noted.append), **options)
    return noted


def person(landing: Path, name: str, email: str, serial: str, **changes: object) -> None:
    """One customer record."""
    row = record("customer", email=email, serialNumber=serial, **changes)
    deliver(landing, "customer", name, [row])


def instants(landing: Path, name: str, email: str, serial: str, *times: int) -> None:
    """Readings of both devices of one person at some times (ms after T0)."""
    walked = [record("accelerometer", user=email, timestamp=T0 + at) for at in times]
    steps = [record("step_trainer", serialNumber=serial, sensorReadingTime=T0 + at) for at in times]
    deliver(landing, "accelerometer", name, walked)
    deliver(landing, "step_trainer", name, steps)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """One key for all lakes, so that their pseudonyms can be compared."""
    monkeypatch.setenv(*KEY)


@pytest.fixture
def ada(landing: Path) -> Path:
    """One person with readings on four days."""
    person(landing, "1.json", "ada@test.com", SERIAL)
    instants(landing, "1.json", "ada@test.com", SERIAL, 0, DAY, 2 * DAY, 3 * DAY)
    return landing


def two_people(landing: Path) -> None:
    """Ada, and Cleo with fewer readings."""
    person(landing, "1.json", "ada@test.com", SERIAL)
    instants(landing, "1.json", "ada@test.com", SERIAL, 0, DAY, 2 * DAY, 3 * DAY)
    person(landing, "cleo.json", "cleo@test.com", CLEO)
    instants(landing, "cleo.json", "cleo@test.com", CLEO, 0, DAY, 3 * DAY)


def one_comes_one_withdraws(landing: Path) -> None:
    """Bob comes, Cleo's consent goes."""
    person(landing, "2.json", "bob@test.com", BOB)
    instants(landing, "2.json", "bob@test.com", BOB, 0, 2 * DAY)
    person(landing, "3.json", "cleo@test.com", CLEO,
           lastUpdateDate=T0, shareWithResearchAsOfDate=None)  # fmt: skip


@pytest.fixture(scope="module")
def begun(engine_name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `work/lake`, which all jobs made of `work/landing`, put aside."""
    root = tmp_path_factory.mktemp("begun")
    (root / "work").mkdir()
    two_people(root / "work" / "landing")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(*KEY)
        with sites.create(root / "work" / "lake", "since", engine_name) as lake:
            run_jobs(lake, root / "work" / "landing")
    sites.keep(root)
    return root


@pytest.fixture
def made(begun: Path, engine_name: str) -> Iterator[Lake]:
    """The lake of two people as the jobs left it."""
    sites.restore(begun)
    with stedi.open(begun / "work" / "lake", engine=engine_name) as lake:
        yield lake


@pytest.fixture
def delivered(begun: Path) -> Path:
    """The landing folder of that lake."""
    return begun / "work" / "landing"


@pytest.fixture(scope="module")
def anew(engine_name: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    """The tables of one fresh run over all that is delivered of three people."""
    root = tmp_path_factory.mktemp("anew")
    two_people(root / "landing")
    one_comes_one_withdraws(root / "landing")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(*KEY)
        with sites.create(root / "lake", "since", engine_name) as lake:
            lake.run(root / "landing")
            return tables_of(lake)


def same_as_one_run(lake: Lake, landing: Path, new_lake: Callable[..., Lake]) -> None:
    """The tables are those of one fresh run over the same files."""
    fresh = new_lake("fresh", lake.home.consent)
    fresh.run(landing)
    assert tables_of(lake) == tables_of(fresh)


# ---------------------------------------------------------------- in order


def test_all_jobs_in_order_are_one_run(new_lake: Callable[..., Lake], tmp_path: Path) -> None:
    simulate(tmp_path / "in", people=10, days=2, minutes=0.1, dirty=0.1)
    one, other = new_lake("one"), new_lake("other")
    run = one.run(tmp_path / "in")
    assert run_jobs(other, tmp_path / "in") == []

    assert tables_of(one) == tables_of(other)
    assert all(rows for rows in tables_of(one).values())
    for name in LANDING:
        assert rows_of(one, name) == rows_of(other, name)
    counted = [(r.account.table, r.account.rows_out, r.account.excluded) for r in run.refreshed]
    told = {
        (row["table"], row["rows_in"], row["rows_out"], row["excluded"])
        for row in rows_of(one, "runs")
    }
    assert len(counted) == len(PROMOTED)
    assert told == {
        (row["table"], row["rows_in"], row["rows_out"], row["excluded"])
        for row in rows_of(other, "runs")
    }
    assert all(line.balanced for line in other.account())
    failed = [result for result in other.check() if not result.passed]
    assert {result.severity for result in failed} <= {"warn"}  # the feeds are of the past


def test_after_the_jobs_a_run_has_nothing_to_do(made: Lake, delivered: Path) -> None:
    before = snapshots_of(made)

    assert made.plan(delivered) == []
    result = made.run(delivered)
    assert (result.changed, result.run != "") == (False, True)  # it looked; no job had settled it
    assert made.run(delivered).run == ""  # now it is
    assert snapshots_of(made) == before


def test_after_a_run_no_job_has_anything_to_do(lake: Lake, ada: Path) -> None:
    lake.run(ada)
    before = snapshots_of(lake)

    for name in NAMES:
        result = lake.job(name, ada if name == LANDS else None)
        assert not result.changed, name
    assert snapshots_of(lake) == before
    assert lake.run(ada).run == ""  # still settled


def test_jobs_refresh_what_a_delivery_touches(
    made: Lake, delivered: Path, new_lake: Callable[..., Lake]
) -> None:
    instants(delivered, "2.json", "ada@test.com", SERIAL, DAY + 5)
    run_jobs(made, delivered, LANDS)
    scopes = {}
    for name in NAMES[1:]:
        for refreshed in made.job(name).refreshed:
            scopes[name] = refreshed.account.scope

    days = {ACCELEROMETER: "1 days, 0 people", STEPS: "1 days, 0 people"}
    assert scopes == {**days, CURATED: "1 days, 0 people", LEARNING: "1 days, 0 people"}
    same_as_one_run(made, delivered, new_lake)


def test_each_job_writes_its_tables_and_no_other(lake: Lake, ada: Path) -> None:
    ledger = {"ops.runs", "ops.files"}
    for job in jobs():
        before = snapshots_of(lake)
        lake.job(job.name, ada if job.name == LANDS else None)
        lake.store.forget()
        after = snapshots_of(lake)
        written = {load_tables()[n].full_name for n in after if after[n] != before.get(n)}
        assert written - ledger <= set(job.writes)
        assert written >= set(job.writes) - {"landing.quarantine"}
        (row,) = (r for r in rows_of(lake, "runs") if r["table"] == job.writes[-1])
        assert row["engine"] == lake.engine.name


def test_another_name_of_the_same_job(lake: Lake, ada: Path) -> None:
    run_jobs(lake, ada, *NAMES[:4])
    (refreshed,) = lake.job("step_trainer_landing_to_trusted").refreshed

    assert refreshed.account.table == "trusted.step_trainer_trusted"
    assert not lake.job(STEPS).changed


def test_full_makes_the_one_table_anew(lake: Lake, ada: Path) -> None:
    lake.run(ada)
    before = snapshots_of(lake)
    (refreshed,) = lake.job(STEPS, full=True).refreshed
    lake.store.forget()
    changed = {name for name, at in snapshots_of(lake).items() if at != before[name]}

    assert refreshed.account.scope == "all: asked for"
    assert changed == {"step_trainer_trusted", "runs"}


# ---------------------------------------------------------------- the policy


def test_jobs_change_the_policy_and_the_lake_is_not_settled(
    lake: Lake, ada: Path, new_lake: Callable[..., Lake]
) -> None:
    person(ada, "2.json", "ada@test.com", SERIAL,
           lastUpdateDate=T0, shareWithResearchAsOfDate=T0 + 9 * DAY)  # fmt: skip
    lake.run(ada)
    assert rows_of(lake, "accelerometer_trusted") == []
    lake.job(CUSTOMERS, consent="any")

    assert lake.home.consent == "any"
    assert [step.what for step in lake.plan(ada)][:1] == ["trusted.accelerometer_trusted"]
    assert lake.run(ada).changed
    assert len(rows_of(lake, "accelerometer_trusted")) == 4
    same_as_one_run(lake, ada, new_lake)


# ---------------------------------------------------------------- out of order


def test_what_is_behind_is_noted(made: Lake, delivered: Path) -> None:
    person(delivered, "2.json", "bob@test.com", BOB)
    instants(delivered, "2.json", "bob@test.com", BOB, 0)

    said = "is older than what it is made from; run job"
    assert run_jobs(made, delivered, LANDS, CUSTOMERS) == []
    assert run_jobs(made, delivered, CURATED) == [
        f"accelerometer_trusted {said} accelerometer_landing_to_trusted first"
    ]
    assert f"customers_curated {said} customer_trusted_to_curated first" in run_jobs(
        made, delivered, ACCELEROMETER, STEPS
    )
    assert run_jobs(made, delivered, CURATED, STEPS, LEARNING) == []


def test_out_of_order_jobs_use_what_is_published(made: Lake, delivered: Path) -> None:
    before = tables_of(made)
    instants(delivered, "2.json", "ada@test.com", SERIAL, 5)
    run_jobs(made, delivered, LANDS)
    versions = snapshots_of(made)

    assert len(run_jobs(made, delivered, LEARNING)) == 2  # notes: of the tables of readings
    assert tables_of(made) == before
    assert snapshots_of(made)["machine_learning_curated"] == versions["machine_learning_curated"]


@pytest.mark.parametrize(
    "order",
    [
        (LEARNING, STEPS, CURATED, ACCELEROMETER, CUSTOMERS),
        (CUSTOMERS, CURATED, ACCELEROMETER, STEPS, LEARNING),
        (CUSTOMERS, ACCELEROMETER, STEPS, CURATED, LEARNING),
        (ACCELEROMETER, CURATED, LEARNING, CUSTOMERS, STEPS),
        (CURATED, STEPS, LEARNING, CUSTOMERS, ACCELEROMETER),
    ],
    ids=" ".join,
)
def test_whatever_the_order_the_next_jobs_in_order_make_it_right(
    made: Lake, delivered: Path, order: tuple[str, ...], anew: dict[str, list[Row]]
) -> None:
    """A person comes, another's consent goes: every table has to follow."""
    one_comes_one_withdraws(delivered)
    run_jobs(made, delivered, LANDS)
    for name in order:
        with suppress(CheckFailed):  # of rows whose person is not in an older customers_curated
            made.job(name)
    run_jobs(made, delivered, *NAMES[1:])

    assert made.plan(delivered) == []
    assert tables_of(made) == anew
    assert all(line.balanced for line in made.account())


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("nope", {}, "there is no job 'nope'; there are landing, customer_landing_to_trusted"),
        (LANDS, {}, "job landing lands files: give --landing DIR"),
        (LANDS, {"landing": "in", "full": True}, "leave out --full"),
        (CURATED, {"landing": "in"}, "run `stedi job landing --landing in` before it"),
    ],
)
def test_wrong_use_changes_nothing(lake: Lake, name: str, options: dict, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        lake.job(name, **options)
    assert not lake.home.catalog.exists()


def test_a_policy_that_is_none_leaves_the_policy_alone(lake: Lake) -> None:
    before = (lake.home.root / "stedi.toml").read_text()
    for work in (lake.run, lambda **options: lake.job(CUSTOMERS, **options)):
        with pytest.raises(UsageError, match="consent is 'sinse'; use one of since, any"):
            work(consent="sinse")
    assert (lake.home.root / "stedi.toml").read_text() == before


def test_a_busy_lake_is_left_alone(lake: Lake) -> None:
    with lake.home.lock(), pytest.raises(LakeBusyError, match="another run"):
        lake.job(CUSTOMERS)


def test_a_forgetting_goes_first(lake: Lake, ada: Path) -> None:
    from stedi.erasure.journal import Journal

    lake.run(ada)
    Journal("x", ["ada@test.com"], [], [], {}).save(lake.home)
    for name in NAMES:
        with pytest.raises(LakeBusyError, match="--resume"):
            lake.job(name, ada if name == LANDS else None)
    for options in ({}, {"full": True}, {"consent": "any"}):
        with pytest.raises(LakeBusyError, match="--resume"):
            lake.run(ada, **options)


def test_a_landing_folder_that_cannot_be_listed(
    lake: Lake, ada: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stedi.landing import find

    def vanished(entry: os.DirEntry[str], *_: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "gone", entry.path)

    monkeypatch.setattr(find, "_sort_in", vanished)
    with pytest.raises(StorageError, match="the file has vanished"):
        lake.run(ada)
    with pytest.raises(StorageError, match="the file has vanished"):
        lake.job(LANDS, ada)


def test_the_landing_folder_is_listed_once(
    lake: Lake, ada: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stedi.landing import find

    listed: list[object] = []
    walk = find.os.walk

    def counting(top: object, **options: object) -> object:
        listed.append(top)
        return walk(top, **options)

    monkeypatch.setattr(find.os, "walk", counting)
    for _ in ("first", "nothing new", "new"):
        lake.run(ada)
        if len(listed) == 2:
            instants(ada, "9.json", "ada@test.com", SERIAL, 9)
    assert len(listed) == 3
