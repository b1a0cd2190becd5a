"""Storage that fails: a run ends as without the fault, or in a named error, and the next heals it.

By default some of many faults are tried, with STEDI_S3=all more; STEDI_FAULTS=all tries every one.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

import sites
import stedi
from faults.feeds import deliver
from faults.shop import Contents, between, contents, same
from s3.faults import Fault, FaultyProxy, Harm
from s3.server import S3Server
from stedi.api import Lake
from stedi.errors import StediError
from stedi.lake import leases
from stedi.places import S3Path, aws

EVERY = os.environ.get("STEDI_FAULTS") == "all"
REMEDIES = ("run again", "check ", "restore it", "deliver it again")
ADA = "Person.1@Example.com"


@dataclass
class Shop:
    """A lake that lacks the second delivery, and what its tables hold before and after it."""

    root: S3Path
    before: Contents
    after: Contents

    @property
    def lake(self) -> S3Path:
        return self.root / "work" / "lake"

    @property
    def landing(self) -> S3Path:
        return self.root / "work" / "landing"

    def run(self) -> None:
        with stedi.open(self.lake) as lake:
            lake.run(self.landing)

    def seen(self, look: Callable[[Lake], list[str]]) -> list[str]:
        with stedi.open(self.lake) as lake:
            return look(lake)

    def torn(self) -> list[str]:
        """What is wrong after a run that may have failed."""
        return self.seen(lambda lake: between(lake, self.before, self.after))

    def wrong(self) -> list[str]:
        """How it differs from a lake that never saw a fault."""
        return self.seen(lambda lake: [one for one in same(lake, self.after) if not _times(one)])

    def complete(self) -> list[str]:
        """What is wrong once the next run has completed."""
        self.run()
        return self.wrong()


def _times(difference: str) -> bool:
    """Whether only the table differs that holds the times of files, which `restore` puts anew."""
    return bool(re.match(r"files: (\d+) rows instead of \1,", difference))


@pytest.fixture(scope="module")
def built(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with pytest.MonkeyPatch.context() as patch:
        root = S3Path(sites.new_bucket(s3, patch), "shop")
        sites.with_keys(patch, tmp_path_factory.mktemp("catalogs"))
        landing = root / "work" / "landing"
        with sites.create(root / "work" / "lake") as lake, sites.create(root / "once") as once:
            deliver(landing, 0)
            lake.run(landing)
            before = contents(lake)
            deliver(landing, 1)
            once.run(landing)
            shop = Shop(root, before, contents(once))
        sites.keep(root)
        yield shop


@pytest.fixture
def shop(built: Shop, at_once: None, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """As it was; leases of the dead are free."""
    sites.restore(built.root)
    monkeypatch.setattr(leases, "LASTS", 0.0)
    return built


@pytest.fixture
def between_us(door: FaultyProxy, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> FaultyProxy:
    """The proxy between the product and the server."""
    return door.lead(monkeypatch)


@contextmanager
def attempts(number: int) -> Iterator[None]:
    """Requests are tried so many times."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aws, "ATTEMPTS", number)
        aws._client.cache_clear()
        yield
    aws._client.cache_clear()


def ending(act: Callable[[], object]) -> str:
    """`done`, or what is wrong with the error in which it ended; empty if nothing is."""
    try:
        act()
    except StediError as error:
        text = str(error)
        told = "s3://" in text and any(remedy in text for remedy in REMEDIES)
        return "" if told else f"no address or remedy: {text}"
    except Exception as error:
        return f"ended in {type(error).__name__}: {error}"
    return "done"


# ---------------------------------------------------------------- bad days

SELDOM = pytest.mark.on_request
BAD_DAYS = {
    "refused": [Fault(Harm.ERROR_503, every=5), Fault(Harm.ERROR_500, first=3, every=7)],
    "dropped": [Fault(Harm.DROPPED, every=6)],
    "lost": [Fault(Harm.LOST, every=6)],
    "lost writes": [Fault(Harm.LOST, method="PUT", every=2)],
    "cut": [Fault(Harm.CUT, method="GET", every=7)],
    "slow": [Fault(Harm.NONE, every=9, delay=0.2)],
}


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(faults, id=day, marks=() if day == "lost writes" else SELDOM)
        for day, faults in BAD_DAYS.items()
    ],
)
def test_a_bad_day_changes_nothing(
    shop: Shop, between_us: FaultyProxy, faults: list[Fault]
) -> None:
    with between_us.failing(*faults):
        shop.run()
        assert shop.wrong() == []
    assert sum(fault.harmed for fault in faults) > 5


# ---------------------------------------------------------------- failing for good


def failing_from(shop: Shop, proxy: FaultyProxy, number: int) -> list[str]:
    """What is wrong when all requests from that one on fail, and then no more."""
    sites.restore(shop.root)
    harm = (Harm.ERROR_503, Harm.LOST, Harm.DROPPED)[number % 3]
    with attempts(1), proxy.failing(Fault(harm, first=number)):
        ended = ending(shop.run)
    wrong = [ended] if ended not in ("", "done") else []
    wrong += shop.torn()
    wrong += shop.complete()
    return [f"{harm.name} from request {number} on: {one}" for one in wrong]


@pytest.mark.timeout(10_000 if EVERY else 200)
def test_wherever_the_storage_fails_for_good_nothing_is_torn_and_the_next_run_heals(
    shop: Shop, between_us: FaultyProxy
) -> None:
    shop.run()
    count = between_us.count()
    chosen = (
        range(1, count + 1)
        if EVERY
        else range(1, count + 1, max(1, count // (14 if sites.ALL else 2)))
    )
    assert [wrong for n in chosen for wrong in failing_from(shop, between_us, n)] == []


# ---------------------------------------------------------------- a server that is killed

MOMENTS = {
    "landing": ("PUT", "*/landing/*/data/*"),
    "refreshing": ("PUT", "*/trusted/*/data/*"),
    "publishing": ("PUT", "*/trusted/*/metadata/*"),
    "recording": ("PUT", "*/ops/runs/*"),
}


@contextmanager
def killed(s3: S3Server, proxy: FaultyProxy, moment: tuple[str, str]) -> Iterator[None]:
    """Kill the server as soon as such a request arrives, and start it again a second later."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            if proxy.count(*moment):
                s3.kill()
                time.sleep(1)
                s3.start()
                return
            time.sleep(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


@pytest.mark.parametrize(
    "moment",
    [pytest.param(one, marks=() if one == "publishing" else SELDOM) for one in MOMENTS],
)
@pytest.mark.parametrize("tries", [pytest.param(1, marks=SELDOM), 40])
def test_a_server_that_dies_in_the_middle(
    shop: Shop, s3: S3Server, between_us: FaultyProxy, moment: str, tries: int
) -> None:
    with attempts(tries), killed(s3, between_us, MOMENTS[moment]):
        ended = ending(shop.run)
    assert ended in ("", "done")
    assert shop.torn() == []
    assert shop.complete() == []


@SELDOM
def test_a_server_that_dies_in_upkeep(shop: Shop, s3: S3Server, between_us: FaultyProxy) -> None:
    policy = shop.lake / "stedi.toml"
    policy.write_text(policy.read_text().replace("keep_days = 7", "keep_days = 0"))

    def maintain() -> None:
        with stedi.open(shop.lake) as lake:
            lake.maintain()

    shop.run()
    with attempts(1), killed(s3, between_us, ("POST", "*")):
        assert ending(maintain) in ("", "done")
    maintain()
    assert shop.complete() == []


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(("PUT", "*/forgetting.json"), marks=SELDOM),
        ("PUT", "*shop/work/landing/*"),
        pytest.param(("PUT", "*/ops/forgotten/*"), marks=SELDOM),
        pytest.param(("PUT", "*/trusted/*"), marks=SELDOM),
        pytest.param(("POST", "*"), marks=SELDOM),
        pytest.param(("PUT", "*/ops/erasures/*"), marks=SELDOM),
    ],
    ids=["journal", "delivered", "fingerprints", "promoted", "removing", "certificate"],
)
def test_a_server_that_dies_while_somebody_is_forgotten(
    shop: Shop, s3: S3Server, between_us: FaultyProxy, moment: tuple[str, str]
) -> None:
    shop.run()

    def forget(resume: bool) -> bool:
        with stedi.open(shop.lake) as lake:
            return lake.forget([] if resume else [ADA], resume=resume).proved

    with attempts(1), killed(s3, between_us, moment):
        ended = ending(lambda: forget(False))
    assert ended in ("", "done")
    if not ended:  # either begun, or nothing was changed
        assert forget((shop.lake / "forgetting.json").exists())
    with stedi.open(shop.lake) as lake:
        assert not any(held.rows for held in lake.subject(ADA).tables)
        (search,) = lake.sql("SELECT found FROM erasures WHERE step = 'searched'")
        assert search["found"] == 0
        assert not lake.run(shop.landing).landed
    held = b"".join(sites.files(shop.root / "work").values()).lower()
    assert ADA.lower().encode() not in held


def test_a_process_that_is_killed_holds_the_lake_no_longer_than_its_lease(
    shop: Shop, between_us: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LASTS", 6.0)
    code = (
        "import sys, stedi; from stedi.lake import leases; leases._BEAT = 0.5;"
        "stedi.open(sys.argv[1]).run(sys.argv[2])"
    )
    with between_us.failing(Fault(Harm.NONE, key="*/landing/*/data/*", method="PUT", delay=2)):
        child = subprocess.Popen([sys.executable, "-c", code, str(shop.lake), str(shop.landing)])
        while not between_us.count("PUT", "*/landing/*/data/*"):
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        child.wait()
    began = time.monotonic()
    with stedi.open(shop.lake) as lake:
        with pytest.raises(StediError, match=f"process {child.pid}.*use --wait SECONDS"):
            lake.run(shop.landing)
        lake.run(shop.landing, wait=40)
    assert 2 < time.monotonic() - began < 40
    assert shop.wrong() == []
