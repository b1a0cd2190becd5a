"""A lake whose catalog is a server: the same lake, and nobody's commit is lost."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import stedi
from catalogs.conftest import KEY, Shared
from catalogs.servers import TOKEN, free_port
from helpers import Row, rows_of, tables_of
from stedi.api import Lake
from stedi.cli.app import run
from stedi.engines.arrow import write_rows
from stedi.errors import LakeBusyError, LakeError
from stedi.lake.io import DurableFileIO
from stedi.lake.naming import lake_errors
from stedi.lake.stored import StoredTable
from stedi.settled import is_settled, settle
from stedi.simulate import Simulated

TRUSTED = "customer_trusted"
Make = Callable[..., Path]
Says = Callable[..., str]


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Says]:
    """Run one `stedi` command, which must end with `code`; all that it says."""
    handler = signal.getsignal(signal.SIGTERM)

    def go(*arguments: object, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["stedi", *map(str, arguments)])
        capsys.readouterr()
        ended = run()
        said = "".join(capsys.readouterr())
        assert ended == code, said
        return said

    yield go
    signal.signal(signal.SIGTERM, handler)


def delivered(feeds: Simulated, landing: Path, pattern: str) -> Path:
    """Copy the files of some days into a landing folder."""
    for file in feeds.out.glob(f"*/{pattern}"):
        if file.parent.name != "truth":
            (landing / file.parent.name).mkdir(parents=True, exist_ok=True)
            shutil.copy(file, landing / file.parent.name)
    return landing


@pytest.fixture(scope="session")
def plain(feeds: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with all the feeds, its catalog in its own folder."""
    root = tmp_path_factory.mktemp("plain") / "lake"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEDI_PSEUDONYM_KEY", KEY)
        with stedi.create(root) as lake:
            lake.run(feeds.out)
    return root


def test_runs_land_what_is_new_and_every_row_is_accounted_for(
    says: Says, shared: Shared, make_lake: Make, feeds: Simulated, plain: Path, tmp_path: Path
) -> None:
    lake, landing = make_lake(shared.section()), tmp_path / "landing"
    says("run", "--landing", delivered(feeds, landing, "2026-01-0[45]*"), "--lake", lake)
    with stedi.open(lake) as opened:
        first = len(rows_of(opened, "accelerometer_landing"))

    says("run", "--landing", delivered(feeds, landing, "*"), "--lake", lake)
    assert "ok" in says("account", "--lake", lake)
    says("check", "--lake", lake)

    with stedi.open(lake) as opened, stedi.open(plain) as beside:
        assert 0 < first < len(rows_of(opened, "accelerometer_landing"))
        found = {name: comparable(rows) for name, rows in tables_of(opened).items()}
        assert found == {name: comparable(rows) for name, rows in tables_of(beside).items()}
        assert isinstance(opened.store.table(TRUSTED).iceberg.io, DurableFileIO)
    assert not list(lake.glob("catalog.db*"))


def comparable(rows: list[Row]) -> list[Row]:
    """Rows without what tells of the run or the folder they came from."""
    assert rows
    return [{k: v for k, v in row.items() if not k.startswith("_")} for row in rows]


def test_upkeep_and_forgetting(
    says: Says, shared: Shared, make_lake: Make, feeds: Simulated, tmp_path: Path
) -> None:
    lake = make_lake(shared.section())
    landing = delivered(feeds, tmp_path / "landing", "*")
    with stedi.open(lake) as opened:
        opened.run(landing)
        person = rows_of(opened, TRUSTED)[0]["email"]

    says("maintain", "--lake", lake)
    says("subject", "forget", person, "--yes", "--lake", lake)
    says("run", "--landing", landing, "--lake", lake)

    with stedi.open(lake) as opened:
        assert person not in {row["email"] for row in rows_of(opened, TRUSTED)}
        assert rows_of(opened, "erasures")
    assert not list(lake.glob("catalog.db*"))


# ---------------------------------------------------------------- other writers


@contextmanager
def two(lake: Path) -> Iterator[tuple[Lake, Lake]]:
    """The lake opened twice."""
    with stedi.open(lake) as one, stedi.open(lake) as other:
        yield one, other


def append(table: StoredTable, *emails: str) -> None:
    """Commit one file of rows."""
    with lake_errors(table.store.home.root):
        added = write_rows([{"email": email} for email in emails], table.target())
        table.publish([added], {})


def emails(lake: Lake) -> list[str]:
    return sorted(row["email"] for row in rows_of(lake, "customer_landing"))


@pytest.fixture(params=["sqlite", "rest", "glue"])
def section(request: pytest.FixtureRequest) -> str:
    """A [catalog] of every kind."""
    if request.param == "sqlite":
        return '[catalog]\ntype = "sqlite"\n'
    shared: Shared = request.getfixturevalue(request.param)
    return shared.section()


def test_a_stale_writers_commit_is_refused_and_none_is_lost(section: str, make_lake: Make) -> None:
    with two(make_lake(section)) as (one, other):
        one.store.prepare()
        mine, theirs = (lake.store.table("customer_landing") for lake in (one, other))
        mine.ensure()
        append(mine, "first")
        assert theirs.source_id == mine.source_id
        append(mine, "second")

        with pytest.raises(LakeBusyError, match="another writer changed a table meanwhile"):
            append(theirs, "too late")

        one.store.forget()
        other.store.forget()
        assert emails(one) == emails(other) == ["first", "second"]
        append(other.store.table("customer_landing"), "third")
        one.store.forget()
        assert emails(one) == ["first", "second", "third"]


def test_of_two_who_make_a_table_one_is_refused(section: str, make_lake: Make) -> None:
    with two(make_lake(section)) as (one, other):
        one.store.prepare()
        mine, theirs = (lake.store.table("customer_landing") for lake in (one, other))
        mine.ensure()
        theirs.ensure()
        append(mine, "first")

        with pytest.raises(LakeBusyError, match="run again"):
            append(theirs, "too late")

        one.store.forget()
        assert emails(one) == ["first"]


def test_a_run_with_nothing_new_sees_what_others_committed(
    shared: Shared, make_lake: Make, plain: Path, feeds: Simulated
) -> None:
    lake = make_lake(shared.section())
    with stedi.open(lake) as opened:
        opened.run(feeds.out)
        before = tables_of(opened)
        shutil.copy(plain / "catalog.db", lake)  # as if the lake had a SQLite catalog once
        settle(opened.home, None)
    with stedi.open(lake) as stranger:
        stranger.store.table(TRUSTED).publish([], {}, removed=None)
        assert rows_of(stranger, TRUSTED) == []

    with stedi.open(lake) as opened:
        assert not is_settled(opened.home, None)
        opened.run()
        assert tables_of(opened) == before


# ---------------------------------------------------------------- what is refused


def files(lake: Path) -> set[Path]:
    return set((lake / "warehouse").rglob("*"))


@pytest.fixture
def filled(shared: Shared, make_lake: Make) -> Path:
    """A lake with one table of one row."""
    lake = make_lake(shared.section(), "filled")
    with stedi.open(lake) as opened:
        opened.store.prepare()
        opened.store.table("customer_landing").ensure()
        append(opened.store.table("customer_landing"), "first")
    return lake


def test_a_second_lake_needs_a_prefix_of_its_own(
    says: Says, filled: Path, make_lake: Make, feeds: Simulated
) -> None:
    policy = (filled / "stedi.toml").read_text()
    other = make_lake(policy[policy.index("\n[catalog]") :], "other")
    before = files(filled)

    said = says("run", "--landing", feeds.out, "--lake", other, code=1)

    assert "give each a prefix of its own" in said
    assert str(filled) in said
    assert files(filled) == before
    assert not [path for path in files(other) if path.is_file()]


def test_a_catalog_that_does_not_know_the_lake(says: Says, filled: Path, feeds: Simulated) -> None:
    before = files(filled)
    policy = filled / "stedi.toml"
    policy.write_text(policy.read_text().replace('prefix = "t', 'prefix = "other'))

    for command in (["status"], ["run", "--landing", feeds.out]):
        said = says(*command, "--lake", filled, code=1)
        assert "catalog knows nothing of the tables" in said
    assert files(filled) == before


def test_a_policy_that_turns_to_another_catalog_while_a_lake_is_open(
    shared: Shared, filled: Path
) -> None:
    policy = filled / "stedi.toml"
    with stedi.open(filled) as opened:
        assert emails(opened) == ["first"]
        policy.write_text(policy.read_text().replace('prefix = "t', 'prefix = "other'))
        with pytest.raises(LakeError, match=f"the {shared.type} catalog knows nothing"):
            opened.run()


@pytest.mark.parametrize("kind", ["rest", "glue"])
def test_nobody_answers(kind: str, says: Says, make_lake: Make) -> None:
    if kind == "glue":
        pytest.importorskip("boto3", reason="no boto3: it comes with stedi-lakehouse[aws]")
    lake = make_lake(f'[catalog]\ntype = "{kind}"\nuri = "http://127.0.0.1:{free_port()}"\n')
    said = says("status", "--lake", lake, code=1)
    assert f"{lake}/stedi.toml: the catalog cannot be used" in said
    assert "that the server runs" in said


# ---------------------------------------------------------------- secrets


def test_without_the_secret_the_catalog_is_closed(
    says: Says, guarded: Shared, make_lake: Make
) -> None:
    said = says("status", "--lake", make_lake(guarded.section()), code=1)
    assert "who are you?" in said
    assert "the secrets in the environment" in said


@pytest.mark.parametrize(("variable", "secret"), [
    ("STEDI_CATALOG_TOKEN", TOKEN),
    ("STEDI_CATALOG_CREDENTIAL", "lake:a secret"),
])  # fmt: skip
def test_the_environment_holds_the_secret_and_no_file_does(
    guarded: Shared,
    variable: str,
    secret: str,
    make_lake: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, secret)
    lake = make_lake(guarded.section())
    with stedi.open(lake) as opened:
        opened.store.prepare()
        opened.store.table("customer_landing").ensure()
        append(opened.store.table("customer_landing"), "first")
        assert emails(opened) == ["first"]

    kept = b"".join(path.read_bytes() for path in lake.rglob("*") if path.is_file())
    assert b"first" in kept
    assert b"a secret" not in kept
    assert TOKEN.encode() not in kept
