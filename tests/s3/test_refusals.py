"""Lakes on S3 that cannot be made, opened or written: what is refused, and what is said then."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import sites
import stedi
from helpers import deliver, record, rows_of
from s3 import lakes
from s3.faults import Fault, FaultyProxy, Harm
from s3.lakes import Site
from s3.server import READER, S3Server, free_ports
from stedi.api import Lake, open_to_land
from stedi.errors import LakeBusyError, LakeError, StediError, StorageError, UsageError
from stedi.places import S3Path

pytestmark = pytest.mark.usefixtures("impatient", "at_once")


@pytest.fixture(scope="module")
def untouched(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A lake with one row in each table, not to be changed."""
    return lakes.filled(s3, tmp_path_factory.mktemp("catalogs"))


@pytest.fixture
def filled(untouched: Site, bucket: str, monkeypatch: pytest.MonkeyPatch) -> S3Path:
    """The folder of that lake, with ./landing beside it, in the environment of its owner."""
    sites.with_keys(monkeypatch, untouched.catalogs)
    return untouched.work


@pytest.fixture
def keyed(bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> str:
    """A new bucket, and the keys of a lake in the environment."""
    sites.with_keys(monkeypatch, tmp_path)
    return bucket


def refused(error: type[StediError], *says: str) -> Any:
    """An error that says all of these, in this order."""
    return pytest.raises(error, match=".*".join(map(re.escape, says)))


# ---------------------------------------------------------------- who may not

WRONG = {
    "a wrong secret": ("owner-key", "wrong"),
    "a key that nobody has": ("nobody", "wrong"),
    "no key at all": None,
}


@pytest.mark.parametrize("keys", WRONG.values(), ids=WRONG)
def test_who_cannot_sign_in_is_told_what_to_check(
    filled: S3Path, monkeypatch: pytest.MonkeyPatch, keys: tuple[str, str] | None
) -> None:
    for name, value in zip(("ID", "SECRET"), keys or ("", ""), strict=True):
        variable = "AWS_ACCESS_KEY_ID" if name == "ID" else "AWS_SECRET_ACCESS_KEY"
        monkeypatch.setenv(variable, value) if keys else monkeypatch.delenv(variable)
    with refused(StorageError, f"{filled}/lake/stedi.toml: ", "credentials"):
        stedi.open(filled / "lake")
    with refused(StorageError, str(filled), "credentials"):
        open_to_land(filled / "lake", filled / "landing", None, "duckdb")


@pytest.fixture
def reader(filled: S3Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    """The lake, for somebody who may read and list alone."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", READER[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", READER[1])
    with stedi.open(filled / "lake") as lake:
        yield lake


def test_who_may_only_read_reads(filled: S3Path, reader: Lake) -> None:
    assert len(rows_of(reader, "machine_learning_curated")) == 1
    assert next(iter(reader.sql("SELECT count(*) AS n FROM customer_trusted"))) == {"n": 1}
    assert {entry.table: entry.rows for entry in reader.status()}["curated.customers_curated"] == 1
    assert all(line.balanced for line in reader.account())
    assert [one for one in reader.check() if not one.passed and one.severity == "fail"] == []
    assert reader.plan(filled / "landing") == []
    assert reader.subject("ada@test.com").tables
    assert reader.history()


def test_who_may_only_read_changes_nothing(filled: S3Path, reader: Lake) -> None:
    before = sites.files(filled)
    acts = {
        "run": lambda: reader.run(filled / "landing"),
        "job": lambda: reader.job("landing", filled / "landing"),
        "maintain": reader.maintain,
        "forget": lambda: reader.forget(["ada@test.com"]),
    }
    for act in acts.values():
        with refused(StorageError, f"{filled}/lake/lock: access denied", "their rights"):
            act()
    with refused(StorageError, f"{filled}/new", "access denied"):
        sites.create(filled / "new")
    assert sites.files(filled) == before


# ---------------------------------------------------------------- what is not there


def test_a_bucket_that_is_not_there_is_named(keyed: str) -> None:
    for act in (lambda: stedi.open("s3://no-such-bucket/lake"), _create_nowhere):
        with pytest.raises(LakeError, match=r"s3://no-such-bucket/lake.*no (such bucket|lake)"):
            act()


def _create_nowhere() -> Lake:
    return sites.create("s3://no-such-bucket/lake")


def test_a_prefix_without_a_lake_is_no_lake(keyed: str) -> None:
    with refused(LakeError, f"s3://{keyed}/lake: there is no lake", "stedi init"):
        stedi.open(f"s3://{keyed}/lake")
    with refused(UsageError, f"s3://{keyed}/landing: no such folder", "--landing"):
        open_to_land(f"s3://{keyed}/lake", f"s3://{keyed}/landing", None, "duckdb")
    assert sites.files(S3Path(keyed)) == {}


def test_something_else_is_not_made_a_lake(keyed: str) -> None:
    thesis = S3Path(keyed, "lake/thesis.txt")
    thesis.write_text("mine")
    with refused(UsageError, f"s3://{keyed}/lake: not empty and not a lake", "--lake"):
        sites.create(f"s3://{keyed}/lake")
    assert sites.files(S3Path(keyed)) == {str(thesis): b"mine"}


def test_a_bucket_that_is_removed_while_the_lake_is_open(keyed: str) -> None:
    deliver(S3Path(keyed, "landing"), "customer", "1.json", [record("customer")])
    with sites.create(f"s3://{keyed}/lake") as lake:
        lake.run(f"s3://{keyed}/landing")
        sites.clear(S3Path(keyed))
        sites.boto().delete_bucket(Bucket=keyed)
        acts = (
            lambda: lake.run(f"s3://{keyed}/landing"),
            lambda: lake.table("customer_landing").to_arrow(),
            lake.maintain,
        )
        for act in acts:
            with refused(StediError, f"s3://{keyed}", "no such bucket; make it"):
                act()


def test_an_endpoint_that_nobody_answers_at(keyed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{free_ports(1)[0]}")
    began = time.monotonic()
    for act in (lambda: stedi.open(f"s3://{keyed}/lake"), lambda: sites.create(f"s3://{keyed}/a")):
        with refused(StorageError, f"s3://{keyed}", "AWS_ENDPOINT_URL_S3"):
            act()
    assert time.monotonic() - began < 30


def test_a_policy_that_names_no_catalog_of_this_machine(keyed: str, tmp_path: Any) -> None:
    text = sites.policy(f"s3://{keyed}/lake").read_text()
    bad = tmp_path / "bad.toml"
    bad.write_text(re.sub("file = .*", "", text))
    with refused(LakeError, f"s3://{keyed}/lake/stedi.toml", "file"):
        stedi.create(f"s3://{keyed}/lake", policy=bad)
    assert sites.files(S3Path(keyed)) == {}


# ---------------------------------------------------------------- keys


@pytest.mark.parametrize("value", [None, "short"])
def test_a_lake_is_not_made_without_a_key(
    keyed: str, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    policy = sites.policy(f"s3://{keyed}/lake")
    if value is None:
        monkeypatch.delenv("STEDI_PSEUDONYM_KEY")
    else:
        monkeypatch.setenv("STEDI_PSEUDONYM_KEY", value)
    with refused(UsageError, "STEDI_PSEUDONYM_KEY"):
        stedi.create(f"s3://{keyed}/lake", policy=policy)
    assert sites.files(S3Path(keyed)) == {}


def test_no_key_lies_in_the_bucket(filled: S3Path) -> None:
    held = b"".join(sites.files(filled).values())
    assert [key for key in sites.KEYS.values() if key.encode() in held] == []


def test_without_its_keys_a_lake_is_read_and_not_run(
    filled: S3Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in sites.KEYS:
        monkeypatch.delenv(variable)
    with stedi.open(filled / "lake") as lake:
        assert len(rows_of(lake, "customer_trusted")) == 1
        deliver(filled / "other", "customer", "2.json", [record("customer")])
        with refused(LakeError, f"{filled}/lake: a key does not lie", "STEDI_PSEUDONYM_KEY"):
            lake.run(filled / "other")
    sites.clear(filled / "other")


def test_nobody_is_forgotten_without_the_key_of_fingerprints(
    filled: S3Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STEDI_FORGOTTEN_KEY")
    landed = sites.files(filled / "landing")
    with (
        stedi.open(filled / "lake") as lake,
        refused(LakeError, f"{filled}/lake: a key does not lie", "STEDI_FORGOTTEN_KEY"),
    ):
        lake.forget(["ada@test.com"])
    assert sites.files(filled / "landing") == landed
    assert not (filled / "lake" / "forgetting.json").exists()


# ---------------------------------------------------------------- made twice


@pytest.mark.parametrize("lost", [0, 1], ids=["", "an answer lost"])
def test_of_many_who_make_a_lake_at_once_one_does(
    keyed: str, proxy: FaultyProxy, lost: int
) -> None:
    def make(_: int) -> str:
        try:
            sites.create(f"s3://{keyed}/lake").close()
        except (LakeBusyError, UsageError) as error:
            return type(error).__name__
        return "made"

    sites.policy(f"s3://{keyed}/lake")
    with ThreadPoolExecutor(4) as pool, proxy.failing(Fault(Harm.LOST, "PUT", times=lost)):
        ended = sorted(pool.map(make, range(4)))
    assert ended.count("made") == 1
    with stedi.open(f"s3://{keyed}/lake") as lake:
        assert lake.run().refreshed is not None


def test_a_lake_that_another_made_of_the_same_policy_is_not_taken_for_ones_own(
    keyed: str, proxy: FaultyProxy
) -> None:
    sites.create(f"s3://{keyed}/lake").close()
    for lost in (0, 1):
        with (
            proxy.failing(Fault(Harm.LOST, method="PUT", times=lost)),
            refused(LakeBusyError, f"s3://{keyed}/lake: somebody else made this lake", "run again"),
        ):
            sites.create(f"s3://{keyed}/lake")


def test_a_storage_that_keeps_no_conditions_is_refused(
    keyed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = S3Path.write_bytes
    monkeypatch.setattr(S3Path, "write_bytes", lambda self, data, **_: written(self, data))
    with refused(LakeError, f"s3://{keyed}/lake", "If-None-Match", "AWS S3"):
        sites.create(f"s3://{keyed}/lake")
    assert sites.files(S3Path(keyed)) == {}


@pytest.mark.parametrize(
    ("harm", "number"),
    [(Harm.LOST, 1), (Harm.LOST, 2), (Harm.LOST, 3), (Harm.DROPPED, 1), (Harm.ERROR_503, 1)],
)
def test_a_lake_is_made_though_an_answer_is_lost(
    keyed: str, proxy: FaultyProxy, harm: Harm, number: int
) -> None:
    with proxy.failing(Fault(harm, method="PUT", first=number, times=1)):
        sites.create(f"s3://{keyed}/lake").close()
    with stedi.open(f"s3://{keyed}/lake") as lake:
        assert lake.home.consent == "since"
