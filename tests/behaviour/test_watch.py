"""Runs as files arrive: what is waited for, what is survived. Time is the test's own."""

from __future__ import annotations

import gzip
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
import zstandard

import sites
import stedi
from helpers import T0, deliver, line, record, rows_of, snapshots_of
from stedi.api import Lake
from stedi.contract import table as contracts
from stedi.errors import LakeError, UsageError
from stedi.landing.arrivals import GLANCE, PATIENCE, Form, LandingFolder, form_of
from stedi.places import Place
from stedi.watch import Hear, Pace, Ran, Watcher

pytestmark = pytest.mark.on_disk("files that grow; tests/s3 watches a bucket")
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who writes a file")


@dataclass
class Time:
    """A clock that only sleeping moves; what is planned happens on the way."""

    now: float = 0.0
    plan: list[tuple[float, Callable[[], object]]] = field(default_factory=list)
    longest: float = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.longest = max(self.longest, seconds)
        end = self.now + seconds
        for at, act in sorted(
            (entry for entry in self.plan if entry[0] <= end), key=lambda e: e[0]
        ):
            self.now = max(self.now, at)
            act()
        self.plan = [entry for entry in self.plan if entry[0] > end]
        self.now = end


@dataclass
class Watched:
    """A watch over a real lake: its runs, when each of them was, and what it said."""

    lake: Lake
    landing: Path
    time: Time = field(default_factory=Time)
    runs: list[Ran] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    opened: int = 0

    def __post_init__(self) -> None:
        hear = Hear(self._ran, self.said.append)
        self.watcher = Watcher(
            self._open, self.landing, Pace(), hear, clock=self.time, sleep=self.time.sleep
        )

    def _ran(self, ran: Ran) -> None:
        self.runs.append(ran)
        self.at.append(self.time.now)

    def _open(self) -> Lake:
        self.opened += 1
        return stedi.open(self.lake.home.root)

    def go(self, until: float) -> None:
        self.watcher.watch(lambda: self.time.now >= until)

    def then(self, at: float, act: Callable[[], object]) -> None:
        self.time.plan.append((at, act))

    @property
    def landed(self) -> list[tuple[int, int, int]]:
        """Files, landed lines and replaced files of every run that landed something."""
        counts = [ran.result.landed.get("accelerometer") for ran in self.runs]
        return [(c.files, c.landed, c.replaced) for c in counts if c and c.files]


@pytest.fixture(scope="module")
def begun(engine_name: str, new_site: Callable[[], Place]) -> Place:
    """A place with a lake that has run over no files, of which a copy is kept."""
    root = new_site()
    for feed in ("customer", "accelerometer", "step_trainer"):
        (root / "landing" / feed).mkdir(parents=True)
    with sites.create(root / "work" / "lake", engine=engine_name) as lake:
        lake.run(root / "landing")
    sites.keep(root)
    return root


@pytest.fixture
def watched(begun: Place, landing: Path) -> Iterator[Watched]:
    """A watch over an empty lake whose first run is done."""
    sites.restore(begun)
    with stedi.open(begun / "work" / "lake") as lake:
        watched = Watched(lake, landing)
        watched.go(1.0)
        assert [ran.rows for ran in watched.runs] == [0]
        yield watched


def lines(*numbers: int) -> bytes:
    return b"".join(line("accelerometer", timestamp=T0 + n) + b"\n" for n in numbers)


def arrive(landing: Path, name: str, content: bytes) -> Path:
    """Put a whole file there in one step, as a rename does."""
    path = landing / "accelerometer" / name
    hidden = path.with_name(f".{name}")
    hidden.write_bytes(content)
    return hidden.rename(path)


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


# ---------------------------------------------------------------- files still being written


@linux
def test_a_file_held_open_for_writing_is_left_alone_through_every_pause(watched: Watched) -> None:
    writer = (watched.landing / "accelerometer" / "slow.json").open("wb", buffering=0)
    for n in range(5):
        watched.then(2.0 + 5 * n, lambda n=n: writer.write(lines(n)))
    watched.then(25.0, writer.close)
    watched.go(24.9)
    assert watched.landed == []

    watched.go(40)
    assert watched.landed == [(1, 5, 0)]
    assert watched.at[-1] <= 25 + 0.5


def test_a_file_that_grows_by_pieces_is_landed_once(watched: Watched) -> None:
    path = watched.landing / "accelerometer" / "grows.json"
    whole = lines(*range(10))
    for n, at in enumerate(range(0, len(whole), 100)):
        watched.then(2.0 + 0.8 * n, lambda at=at: append(path, whole[at : at + 100]))
    complete = max(at for at, _ in watched.time.plan)
    watched.go(complete + 5)

    assert watched.landed == [(1, 10, 0)]
    assert complete + 1.0 <= watched.at[-1] <= complete + 1.5


def test_a_whole_file_that_grows_after_its_landing_replaces_itself(watched: Watched) -> None:
    path = arrive(watched.landing, "day.json", lines(1, 2))
    watched.then(5, lambda: append(path, lines(3)))
    watched.go(10)

    assert watched.landed == [(1, 2, 0), (1, 3, 1)]
    assert len(rows_of(watched.lake, "accelerometer_landing")) == 3


def test_half_a_line_and_a_cut_stream_wait_for_their_end(watched: Watched) -> None:
    whole = lines(*range(50))
    packed = {
        "half.json": whole,
        "cut.json.gz": gzip.compress(whole),
        "cut.json.zst": zstandard.ZstdCompressor().compress(whole),
    }
    for name, content in packed.items():
        path = arrive(watched.landing, name, content[:-9])
        watched.then(20, lambda path=path, content=content: append(path, content[-9:]))
    watched.go(19.9)
    assert watched.landed == []

    watched.go(22)
    assert watched.landed == [(3, 150, 0)]


def test_what_stays_unfinished_is_landed_as_it_is(watched: Watched) -> None:
    arrive(watched.landing, "cut.json.gz", gzip.compress(lines(*range(50)))[:-9])
    arrive(watched.landing, "half.json", lines(1) + b'{"user": "a')
    watched.go(1.0 + PATIENCE)
    assert watched.landed == []

    watched.go(2.0 + PATIENCE)
    (both,) = watched.landed
    assert both[0] == 2
    reasons = {row["reason"] for row in rows_of(watched.lake, "quarantine")}
    assert "the compressed data ends too early" in reasons
    assert len(reasons) == 2


def test_a_file_in_the_landing_folder_before_the_watch_has_to_stand_still(
    lake: Lake, landing: Path
) -> None:
    old, young = arrive(landing, "old.json", lines(1)), arrive(landing, "young.json", lines(2))
    os.utime(old, (1_700_000_000, 1_700_000_000))
    ahead = arrive(landing, "ahead.json", lines(3))
    os.utime(ahead, (4_000_000_000, 4_000_000_000))
    watched = Watched(lake, landing)
    watched.then(0.1, lambda: append(young, lines(4)))
    watched.go(5)

    assert watched.landed == [(1, 1, 0), (1, 1, 0), (1, 2, 0)]
    assert watched.at == pytest.approx([GLANCE, 1.0, GLANCE + 1.0])


FORMS = {
    b"": Form.unfinished,
    b"\n": Form.unfinished,
    b"{}\n": Form.whole,
    b"nonsense\n": Form.whole,
    b"{}\n  ": Form.whole,
    b'{}\n{"a": 1}': Form.unended,
    b'{}\n{"a": {"b": 1}': Form.unfinished,
    b"{}\n12": Form.unfinished,
    b"{}\n\0\0\0": Form.unfinished,
    b"{}\n" + b"[" * 100_000: Form.unfinished,
    b"{}\n" + b'{"a": "' + b"x" * 100_000 + b'"}': Form.unended,
}


@pytest.mark.parametrize("content", FORMS, ids=lambda content: content[:12])
def test_what_the_end_of_a_file_says(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(content)
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(content))

    assert form_of(str(tmp_path / "a.json")) is FORMS[content]
    assert form_of(str(tmp_path / "a.json.gz")) is (Form.whole if content else Form.unfinished)


# ---------------------------------------------------------------- when it runs


def test_rows_of_whole_files_follow_within_a_second(watched: Watched) -> None:
    for at, feed in ((3.01, "customer"), (5.49, "accelerometer"), (7.77, "step_trainer")):
        watched.then(at, lambda feed=feed: deliver(watched.landing, feed, "1.json", [record(feed)]))
    watched.go(9)

    delays = [ran - at for ran, at in zip(watched.at[1:], (3.01, 5.49, 7.77), strict=True)]
    assert max(delays) <= 0.5 + GLANCE + 0.01
    assert [ran.rows for ran in watched.runs] == [0, 0, 0, 1]
    assert watched.time.longest <= Pace().interval


def test_nothing_new_makes_no_run_and_a_restart_lands_nothing_twice(watched: Watched) -> None:
    os.utime(arrive(watched.landing, "1.json", lines(1, 2)), (1_700_000_000, 1_700_000_000))
    (watched.landing / "accelerometer" / "notes.txt").write_text("not a feed")
    watched.go(100)
    assert len(watched.runs) == 2
    assert watched.said == [f"watching {watched.landing}"]

    before = snapshots_of(watched.lake)
    again = Watched(watched.lake, watched.landing)
    again.go(10)
    assert [ran.result.changed for ran in again.runs] == [False]
    assert snapshots_of(watched.lake) == before


def test_a_policy_edited_meanwhile_takes_effect(watched: Watched) -> None:
    for feed in ("customer", "accelerometer", "step_trainer"):
        deliver(watched.landing, feed, "1.json", [record(feed)])
    early = record("accelerometer", timestamp=T0 - 8_500, x=2)
    deliver(watched.landing, "accelerometer", "2.json", [early])
    deliver(
        watched.landing,
        "step_trainer",
        "2.json",
        [{**record("step_trainer"), "sensorReadingTime": T0 - 8_500}],
    )
    watched.go(5)
    assert watched.runs[-1].rows == 1

    policy = watched.lake.home.root / "stedi.toml"
    policy.write_text(policy.read_text().replace('"since"', '"any"'))
    watched.go(6)
    assert watched.runs[-1].rows == 2


def test_a_folder_where_nothing_stirs_is_read_seldom_and_seen_at_once(landing: Path) -> None:
    arrive(landing, "1.json", lines(1))
    ticks = count()
    folder = LandingFolder(landing, lambda: float(next(ticks)))

    def seen(stirring: bool = False) -> list[str] | None:
        found = folder.look(stirring)
        return None if found is None else [Path(file.path).name for file in found]

    assert seen() == ["1.json"]
    assert [seen() for _ in range(10)] == [None] * 10
    assert seen(stirring=True) == ["1.json"]
    arrive(landing, "2.json", lines(2))
    assert seen() == ["1.json", "2.json"]
    deliver(landing, "customer/new", "3.json", [])
    assert "3.json" in (seen() or [])
    (landing / "accelerometer" / "1.json").unlink()
    assert "1.json" not in (seen() or [])
    append(landing / "accelerometer" / "2.json", lines(3))
    assert [found for found in (seen() for _ in range(25)) if found]


# ---------------------------------------------------------------- what is survived


def test_files_that_are_none_are_passed_over(watched: Watched) -> None:
    folder = watched.landing / "accelerometer"
    (folder / "gone.json").symlink_to("nowhere.json")
    (folder / "folder.json").mkdir()
    arrive(watched.landing, "1.json", lines(1))
    watched.go(5)

    assert watched.landed == [(1, 1, 0)]


@linux
def test_an_unreadable_file_is_left_out_and_told_once(watched: Watched) -> None:
    unreadable = watched.landing / "accelerometer" / "bad.json"
    unreadable.symlink_to("/proc/self/mem")
    arrive(watched.landing, "1.json", lines(1))
    watched.go(200)
    assert watched.landed == [(1, 1, 0)]
    assert [text for text in watched.said if "bad.json" in text] == watched.said[1:]
    assert watched.said[1].startswith("left out until it can be read: ")

    unreadable.unlink()
    arrive(watched.landing, "bad.json", lines(2))
    watched.go(205)
    assert watched.landed[1:] == [(1, 1, 0)]


@pytest.fixture
def meddle(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Callable[[], object]]]:
    """What happens to a file, by its name, at the moment a run begins to read it."""
    from stedi.engines.duckdb import engine

    acts: dict[str, Callable[[], object]] = {}
    real = engine.inspect

    def inspect(file, table):  # type: ignore[no-untyped-def]
        acts.pop(Path(file.path).name, lambda: None)()
        return real(file, table)

    monkeypatch.setattr(engine, "inspect", inspect)
    yield acts
    assert not acts, "nothing happened"


def test_a_file_that_vanishes_while_it_is_read_holds_up_nothing(
    watched: Watched, meddle: dict[str, Callable[[], object]]
) -> None:
    arrive(watched.landing, "1.json", lines(1))
    meddle["2.json"] = arrive(watched.landing, "2.json", lines(2)).unlink
    watched.go(3)

    assert watched.landed == [(1, 1, 0)]
    assert len(watched.said) == 1


def test_a_file_that_breaks_while_it_is_read_is_left_out(
    watched: Watched, meddle: dict[str, Callable[[], object]]
) -> None:
    def broken() -> None:
        raise LakeError(f"{path.resolve()}: the device reported an input/output error")

    arrive(watched.landing, "1.json", lines(1))
    path = arrive(watched.landing, "2.json", lines(2))
    meddle["2.json"] = broken
    watched.go(20)
    assert watched.landed == [(1, 1, 0)]
    assert "2.json: the device reported" in watched.said[-1]

    watched.go(20 + PATIENCE)
    assert watched.landed[1:] == [(1, 1, 0)]


def test_a_landing_folder_that_comes_and_goes(lake: Lake, tmp_path: Path) -> None:
    landing = tmp_path / "later"
    watched = Watched(lake, landing)
    watched.then(10, landing.mkdir)
    watched.then(20, lambda: deliver(landing, "accelerometer", "1.json", [record("accelerometer")]))
    watched.then(30, lambda: landing.rename(tmp_path / "away"))
    watched.then(40, lambda: (tmp_path / "away").rename(landing))
    watched.go(50)

    assert [text.partition(";")[0].replace(str(landing), "DIR") for text in watched.said] == [
        "waiting: DIR: no such folder",
        "waiting: DIR: no folder named accelerometer, customer, step_trainer in it",
        "watching DIR",
        "waiting: DIR: no such folder",
        "watching DIR",
    ]
    assert watched.landed == [(1, 1, 0)]
    assert len(watched.runs) == 2


def test_a_folder_that_goes_with_a_ready_file_takes_it_along(
    watched: Watched, tmp_path: Path
) -> None:
    arrive(watched.landing, "1.json", lines(1))
    with watched.lake.home.lock():
        watched.go(3)
        watched.landing.rename(tmp_path / "away")
        watched.go(4)
    watched.go(5)
    assert watched.landed == []

    (tmp_path / "away").rename(watched.landing)
    watched.go(6)
    assert watched.landed == [(1, 1, 0)]


def test_a_busy_lake_is_waited_for(watched: Watched) -> None:
    arrive(watched.landing, "1.json", lines(1))
    with watched.lake.home.lock():
        watched.go(20)
        assert watched.landed == []
        assert watched.said[1:] == [
            f"waiting: {watched.lake.home.root}: another run (process {os.getpid()}) is at work"
        ]
    watched.go(21)
    assert watched.landed == [(1, 1, 0)]


def test_a_failing_lake_is_tried_again_in_growing_steps_and_recovers(watched: Watched) -> None:
    key = watched.lake.home.root / "pseudonym.key"
    key.rename(key.with_name("lost"))
    arrive(watched.landing, "1.json", lines(1))
    opened = watched.opened
    watched.go(100)
    assert watched.opened - opened <= 9
    assert len(watched.said) == 2
    assert watched.said[1].startswith("failed, will try again: ")
    assert "pseudonym.key" in watched.said[1]

    key.with_name("lost").rename(key)
    watched.go(131)
    assert len(watched.runs) == 2
    assert len(rows_of(watched.lake, "accelerometer_landing")) == 1


@pytest.fixture
def fussy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A contract with a check that fails while a customer has the telephone number 666."""
    zones = tmp_path / "zones"
    shutil.copytree(contracts.FOLDER, zones)
    path = zones / "trusted" / "customer_trusted" / "table.yaml"
    planted = [
        "checks:",
        "  - name: no devil",
        "    kind: none",
        "    sql: SELECT email FROM customer_trusted WHERE phone = '666'",
        "",
    ]
    path.write_text(path.read_text().replace("checks:\n", "\n".join(planted), 1))
    real = contracts.load_tables
    monkeypatch.setattr(real.__wrapped__, "__defaults__", (zones,))
    real.cache_clear()
    yield
    monkeypatch.undo()
    real.cache_clear()


@pytest.mark.usefixtures("fussy")
def test_a_failing_check_is_told_and_mended_by_the_next_file(lake: Lake, landing: Path) -> None:
    for feed in ("accelerometer", "step_trainer"):
        deliver(landing, feed, "1.json", [record(feed)])
    deliver(landing, "customer", "1.json", [record("customer", phone="666")])
    watched = Watched(lake, landing)
    mended = record("customer", phone="1", lastUpdateDate=T0)
    watched.then(11.0, lambda: deliver(landing, "customer", "2.json", [mended]))
    watched.go(10.9)
    assert [ran.rows for ran in watched.runs] == [0]
    assert [text for text in watched.said if "'no devil' found 1 rows" in text] == watched.said[1:]

    watched.go(14)
    assert [ran.rows for ran in watched.runs] == [0, 1]
    assert watched.at[-1] == pytest.approx(11.0 + GLANCE, abs=0.6)


def test_what_waiting_does_not_heal_ends_the_watch(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEDI_PSEUDONYM_KEY", "short")
    arrive(watched.landing, "1.json", lines(1))

    with pytest.raises(UsageError, match="STEDI_PSEUDONYM_KEY has 5 characters"):
        watched.go(5)


@pytest.mark.parametrize(
    ("interval", "settle"), [(0, 1), (-1, 1), (float("nan"), 1), (1, -1), (1, float("inf"))]
)
def test_a_pace_that_is_none(interval: float, settle: float) -> None:
    with pytest.raises(UsageError, match=r"--(interval|settle) is .* seconds"):
        Pace(interval, settle)
