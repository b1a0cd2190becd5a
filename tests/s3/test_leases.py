"""Leases: one of two holds the lake, nobody for ever, and who lost it publishes nothing."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import sites
import stedi
from helpers import deliver, record, rows_of, snapshots_of
from s3.faults import Fault, FaultyProxy, Harm
from s3.lakes import Site
from stedi.api import Lake
from stedi.errors import LakeBusyError, StorageError
from stedi.lake import leases, readers, upkeep
from stedi.lake.leases import HOLDER, Lease, lease
from stedi.lake.stored import StoredTable
from stedi.places import S3Path
from stedi.places.aws import answered

BUSY = f"the lake is {HOLDER}'s"


@pytest.fixture
def at(bucket: str) -> S3Path:
    return S3Path(bucket, "{lake}/lock")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases that last two seconds and are renewed often."""
    monkeypatch.setattr(leases, "LASTS", 2.0)
    monkeypatch.setattr(leases, "_BEAT", 0.2)
    monkeypatch.setattr(leases, "_LOOK", 0.05)


@pytest.fixture
def lake(site: Site) -> Iterator[Lake]:
    """A lake with a row in each table."""
    with stedi.open(site.lake) as opened:
        yield opened


def abandoned(path: S3Path) -> Lease:
    """A lease whose holder is as good as dead: it is not renewed."""
    dead = Lease(path)
    dead._renew = lambda: None  # type: ignore[method-assign]
    dead._beats = threading.Thread(target=dead._renew)
    assert dead.take()
    return dead


# ---------------------------------------------------------------- one of two


def test_a_second_holder_is_refused_and_told_of_the_first(at: S3Path) -> None:
    with (
        lease(at, 0, BUSY),
        pytest.raises(LakeBusyError, match=f"is .* process {os.getpid()}'s"),
        lease(at, 0.1, BUSY),
    ):
        pass
    assert not at.exists()


def test_of_many_who_try_one_at_a_time_holds_it(at: S3Path, quick: None) -> None:
    inside: list[int] = []

    def work(number: int) -> None:
        with lease(at, 30, BUSY):
            inside.append(number)
            assert len(inside) == 1
            time.sleep(0.02)
            inside.remove(number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(8)))


def test_a_holder_that_lives_keeps_it_beyond_its_time(at: S3Path, quick: None) -> None:
    with lease(at, 0, BUSY):
        time.sleep(3.5)
        with pytest.raises(LakeBusyError), lease(at, 0, BUSY):
            pass
        leases.confirm(at)


def test_a_lease_that_ran_out_is_taken_over_and_the_first_finds_out(
    at: S3Path, quick: None
) -> None:
    dead = abandoned(at)
    with lease(at, 10, BUSY):
        with pytest.raises(LakeBusyError, match=r"away for more than .*run again"):
            dead.confirm()
        dead.let_go()
        assert at.exists()
        leases.confirm(at)
    assert not at.exists()


def test_a_lease_that_was_removed_is_lost(at: S3Path) -> None:
    with lease(at, 0, BUSY):
        at.unlink()
        with pytest.raises(LakeBusyError, match="another took the lake over"):
            leases.confirm(at)


# ---------------------------------------------------------------- answers that are lost


@pytest.mark.parametrize("harm", [Harm.LOST, Harm.DROPPED, Harm.ERROR_503])
def test_a_request_that_failed_once_leaves_one_holder(
    at: S3Path, proxy: FaultyProxy, quick: None, harm: Harm
) -> None:
    with proxy.failing(Fault(harm, method="PUT", every=2)), lease(at, 0, BUSY):
        time.sleep(0.7)
        leases.confirm(at)
        with pytest.raises(LakeBusyError), lease(at, 0, BUSY):
            pass
    assert not at.exists()


def test_a_renewal_whose_answers_are_all_lost_is_known_again(
    at: S3Path, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = Lease(at)
    monkeypatch.setattr("stedi.lake.leases._BEAT", 1000.0)
    assert mine.take()
    monkeypatch.setattr("stedi.places.aws.ATTEMPTS", 1)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # another client
    with proxy.failing(Fault(Harm.LOST, method="PUT")), pytest.raises(ConnectionError):
        mine._write(IfMatch=mine._etag)
    mine._etag = mine._write(IfMatch=mine._etag)
    mine.confirm()
    mine.let_go()
    assert not at.exists()


def test_who_lets_go_removes_no_lease_that_another_took_meanwhile(
    at: S3Path, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The removal was done, and its answers were lost, so it is not known that it was."""
    mine = Lease(at)
    assert mine.take()
    asked = S3Path.ask

    def lose(self: S3Path, call: str, *arguments: Any, **named: Any) -> Any:
        try:
            return asked(self, call, *arguments, **named)
        except OSError:
            if call == "delete_object" and not at.exists():
                at.write_bytes(b'{"holder": "somebody else"}')
            raise

    monkeypatch.setattr(S3Path, "ask", lose)
    with proxy.failing(Fault(Harm.LOST, method="DELETE", times=2)):
        mine.let_go()
    assert at.read_bytes() == b'{"holder": "somebody else"}'


@pytest.mark.parametrize("harm", [Harm.LOST, Harm.DROPPED, Harm.ERROR_503])
def test_a_lease_is_let_go_of_though_a_request_fails(
    at: S3Path, proxy: FaultyProxy, harm: Harm
) -> None:
    mine = Lease(at)
    assert mine.take()
    with proxy.failing(Fault(harm, method="DELETE", times=1)):
        mine.let_go()
    assert not at.exists()


def test_a_lease_is_let_go_of_where_removal_knows_no_condition(
    at: S3Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = Lease(at)
    assert mine.take()
    asked = S3Path.ask

    def simple(self: S3Path, call: str, *arguments: Any, **named: Any) -> Any:
        if call == "delete_object" and "IfMatch" in named:
            raise answered({"Error": {"Code": "NotImplemented"}}, str(self))
        return asked(self, call, *arguments, **named)

    monkeypatch.setattr(S3Path, "ask", simple)
    mine.let_go()
    assert not at.exists()


# ---------------------------------------------------------------- runs


def test_a_second_run_is_refused_or_waits(lake: Lake, site: Site) -> None:
    with stedi.open(lake.home.root) as beside, lake.home.lock():
        with pytest.raises(LakeBusyError, match=f"another run .*process {os.getpid()}.*--wait"):
            beside.run()
        for act in (beside.maintain, lambda: beside.forget(["ada@test.com"])):
            with pytest.raises(LakeBusyError):
                act()
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(beside.run, None, None, 20)
            time.sleep(0.5)
            assert not waiting.done()
            (site.lake / "lock").unlink()
            assert not waiting.result().changed


@pytest.mark.parametrize("lost", ["taken", pytest.param("removed", marks=pytest.mark.on_request)])
def test_a_run_that_lost_its_lease_publishes_nothing(
    lake: Lake, site: Site, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    lock, landing = site.lake / "lock", site.landing
    deliver(landing, "accelerometer", "2.json", [record("accelerometer", x=7)])
    before, files = snapshots_of(lake), set(sites.files(lake.home.warehouse))
    publish = StoredTable.publish

    def lose(*arguments: Any, **named: Any) -> Any:
        if lost == "taken":
            lock.write_bytes(b'{"holder": "somebody else"}')
        else:
            lock.unlink(missing_ok=True)
        return publish(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(StoredTable, "publish", lose)
        with pytest.raises(LakeBusyError, match="nothing more was published, run again"):
            lake.run(landing)
    assert snapshots_of(lake) == before
    assert lock.exists() is (lost == "taken")
    lock.unlink(missing_ok=True)
    lake.run(landing)
    assert sorted(row["x"] for row in rows_of(lake, "accelerometer_landing")) == [1, 7]
    lake.maintain()
    assert files


@pytest.mark.on_request
def test_a_run_whose_storage_is_away_for_a_while_goes_on(
    lake: Lake, site: Site, proxy: FaultyProxy, quick: None
) -> None:
    deliver(site.landing, "accelerometer", "2.json", [record("accelerometer", x=7)])
    with (
        stedi.open(lake.home.root) as other,
        proxy.failing(Fault(Harm.ERROR_503, key="*/lock", method="PUT", first=2, times=4)),
    ):
        other.run(site.landing)
    assert len(rows_of(lake, "accelerometer_landing")) == 2


# ---------------------------------------------------------------- readers


def expiring(lake: Lake, landing: S3Path) -> None:
    """Let every version but the current one be too old, and there be one."""
    where = lake.home.root / "stedi.toml"
    where.write_text(where.read_text().replace("keep_days = 7", "keep_days = 0"))
    deliver(landing, "customer", "2.json", [record("customer", lastUpdateDate=2_000_000_000_000)])
    deliver(landing, "accelerometer", "1.json", [record("accelerometer", x=2)])
    lake.run(landing)


def leased(lake: Lake) -> list[str]:
    return list(sites.files(lake.home.readers))


def test_files_that_a_reader_holds_stay_until_it_has_read(
    lake: Lake, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stedi.maintain import maintain

    monkeypatch.setattr(maintain, "__defaults__", (0.2,))
    many = lake.sql("SELECT r.x FROM accelerometer_landing AS r, range(9000)").batches()
    first = many.read_next_batch().num_rows
    assert len(leased(lake)) == 1
    with stedi.open(lake.home.root) as beside:
        expiring(beside, site.landing)
        held = set(sites.files(lake.home.warehouse))
        assert beside.maintain().left > 0
        assert not {path for path in held if "/data/" in path} - set(
            sites.files(lake.home.warehouse)
        )
        assert first + sum(batch.num_rows for batch in many) == 9000
        assert leased(lake) == []
        assert beside.maintain().left == 0
    assert len(set(sites.files(lake.home.warehouse))) < len(held)


@pytest.mark.on_request
def test_a_reader_waits_while_files_are_removed(
    lake: Lake, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    removed, threads = upkeep.remove, list[threading.Thread]()

    def read() -> None:
        with stedi.open(lake.home.root) as beside:
            assert rows_of(beside, "accelerometer_landing")
        order.append("read")

    def slowly(*arguments: Any) -> None:
        if not threads:
            threads.append(threading.Thread(target=read))
            threads[0].start()
            threads[0].join(1)
        removed(*arguments)
        order.append("removed")

    expiring(lake, site.landing)
    monkeypatch.setattr(upkeep, "remove", slowly)
    lake.maintain()
    threads[0].join()
    assert set(order[:-1]) == {"removed"}
    assert order[-1] == "read"


@pytest.mark.on_request
def test_a_reader_that_was_killed_holds_files_no_longer_than_its_lease(
    lake: Lake, site: Site, quick: None
) -> None:
    expiring(lake, site.landing)
    abandoned(lake.home.readers / "dead")  # type: ignore[arg-type]
    time.sleep(3)
    assert lake.maintain().left == 0


def test_more_readers_than_a_page_lists_are_all_seen(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = lake.home.readers
    assert isinstance(folder, S3Path)
    pages = S3Path.pages
    small = {"PaginationConfig": {"PageSize": 2}}
    monkeypatch.setattr(S3Path, "pages", lambda self, call, **a: pages(self, call, **(a | small)))
    for name in ("0", "1", "2", readers._ALONE):
        (folder / name).write_bytes(b"{}")
    assert set(leases.fresh(folder)) == {"0", "1", "2", "alone"}


def test_a_reader_that_cannot_look_leaves_no_lease(
    lake: Lake, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stedi.places.aws.ATTEMPTS", 1)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with (
        proxy.failing(Fault(Harm.ERROR_503, query="*readers*")),
        pytest.raises(StorageError, match="SlowDown"),
    ):
        readers.reading(lake.home)
    assert leased(lake) == []


@pytest.mark.parametrize("act", ["maintain", "forget"])
def test_nothing_is_removed_under_a_lost_lease(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    """Another took the lake over and published: its files look like garbage to who slept."""
    stray = lake.home.zone("trusted") / "customer_trusted/data/of-the-other.parquet"
    listed = upkeep.garbage

    def lose(*arguments: Any, **named: Any) -> Any:
        found = listed(*arguments, **named)
        (lake.home.root / "lock").write_bytes(b'{"holder": "somebody else"}')
        return found

    stray.write_bytes(b"a file that the other run is about to name")
    monkeypatch.setattr(upkeep, "garbage", lose)
    with pytest.raises(
        LakeBusyError, match=r"another took the lake over|changed a table meanwhile"
    ):
        lake.maintain() if act == "maintain" else lake.forget(["ada@test.com"])
    assert stray.exists()


def test_leases_of_readers_long_gone_are_swept(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    old = lake.home.root / "readers/long-gone"
    old.write_bytes(b"{}")
    monkeypatch.setattr(leases, "LASTS", 0.1)
    time.sleep(2)  # the storage tells whole seconds
    leases.sweep(lake.home.root / "readers")
    assert not old.exists()
