"""The AWS Glue jobs: their arguments, what they print, how they end; and with spark-submit."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import sparks
import stedi
from helpers import SERIAL, T0, deliver, record, rows_of, tables_of
from stedi import glue
from stedi.errors import UsageError
from stedi.glue.arguments import Arguments, read
from stedi.jobs import jobs, write_scripts

NAMES = [job.name for job in jobs()]
SCRIPTS = Path(glue.__file__).parent
# What Glue adds of its own, before and after what the user gave.
BEFORE = ["--job-bookmark-option", "job-bookmark-disable", "--enable-metrics", "true"]
AFTER = [
    *("--TempDir", "s3://bucket/tmp/", "--JOB_RUN_ID", "jr_1", "--enable-metrics=1"),
    *("--extra-py-files", "s3://bucket/a.py,s3://bucket/b.py", "--JOB_NAME", "nightly"),
    *("--conf", "spark.a=b --conf spark.c=d", "--user-jars-first", ""),
]


def told(*given: str) -> Arguments:
    """The arguments as read among those of Glue."""
    return read(["script.py", *BEFORE, *given, *AFTER])


@pytest.fixture(autouse=True, scope="module")
def key() -> Iterator[None]:
    """One key for all lakes, so that their pseudonyms can be compared."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEDI_PSEUDONYM_KEY", "the key of lakes to compare")
        yield


def fill(landing: Path) -> Path:
    """One person with readings at two instants, and a line that is none."""
    deliver(landing, "customer", "1.json", [record("customer"), b"nonsense"])
    times = (T0, T0 + 5)
    walked = [record("accelerometer", timestamp=at) for at in times]
    deliver(landing, "accelerometer", "1.json", walked)
    steps = [record("step_trainer", sensorReadingTime=at) for at in times]
    deliver(landing, "step_trainer", "1.json", steps)
    return landing


@pytest.fixture
def feeds(landing: Path) -> Path:
    """That, delivered."""
    return fill(landing)


# ---------------------------------------------------------------- arguments


def test_ours_are_found_among_those_of_glue() -> None:
    found = told("--lake", "/a b", "--landing=/in=1", "--consent", "any", "--wait", "600")

    assert (found.lake, found.landing, found.consent) == ("/a b", "/in=1", "any")
    assert (found.wait, found.full) == (600.0, False)
    assert {"job-bookmark-option", "TempDir", "conf"} < set(found.unread)
    assert not {"JOB_NAME", "lake", "landing"} & set(found.unread)


def test_a_slip_of_the_pen_is_named_and_never_taken_for_another() -> None:
    found = told("--lake", "/x", "--land", "/in", "--consnet", "any")

    assert (found.landing, found.consent) == (None, None)
    assert {"land", "consnet"} < set(found.unread)


def test_keys_stand_for_the_variables_of_the_environment() -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:1:secret:pseudonym"
    found = told("--lake", "/x", "--policy", "s3://b/stedi.toml", "--pseudonym_key", arn)

    assert found.policy == "s3://b/stedi.toml"
    assert found.keys == {"STEDI_PSEUDONYM_KEY": arn}


def test_a_job_makes_the_lake_with_the_policy_and_the_key_it_was_given(
    feeds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEDI_PSEUDONYM_KEY", "")  # put back after the test
    policy = tmp_path / "begin.toml"
    policy.write_text('format = 1\nconsent = "any"\n')
    given = ["--lake", str(tmp_path / "lake"), "--landing", str(feeds)]
    more = ["--policy", str(policy), "--pseudonym_key", "the key of this very job"]
    glue.main("landing", ["script.py", *given, *more], engine="duckdb")

    with stedi.open(tmp_path / "lake") as lake:
        assert lake.home.consent == "any"
        assert lake.home.key() == b"the key of this very job"
        assert not (tmp_path / "lake" / "pseudonym.key").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "--lake is missing"),
        (["--lake"], "expected one argument"),
        (["--lake", "--landing", "/in"], "expected one argument"),
        (["--lake", "/x", "--wait", "long"], "--wait is 'long'; give seconds"),
        (["--lake", "/x", "--full", "yes"], "--full is 'yes'; give true or false"),
    ],
)
def test_arguments_that_cannot_be(given: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        told(*given)


class _Refused(Exception):
    """What the stand-in for Glue's module raises."""


@pytest.fixture
def on_glue(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A stand-in for the module that only Glue has; the names it was asked for."""
    asked: list[list[str]] = []

    def resolved(argv: list[str], names: list[str]) -> dict[str, Any]:
        asked.append(names)
        if "broken" in argv:
            raise _Refused("argument --wait: expected one argument")
        values = {name: argv[argv.index(f"--{name}") + 1] for name in names}
        return {**values, "job_bookmark_option": "job-bookmark-disable", "TempDir": None}

    utils: Any = ModuleType("awsglue.utils")
    utils.getResolvedOptions, utils.GlueArgumentError = resolved, _Refused
    monkeypatch.setitem(sys.modules, "awsglue", ModuleType("awsglue"))
    monkeypatch.setitem(sys.modules, "awsglue.utils", utils)
    return asked


def test_on_glue_its_own_reading_is_asked_for_what_was_given(on_glue: list[list[str]]) -> None:
    found = told("--lake", "/x", "--full", "true")

    assert (found.lake, found.full, found.landing) == ("/x", True, None)
    assert on_glue == [["lake", "full"]]  # it refuses to be asked for what is not there


def test_on_glue_its_refusal_is_wrong_usage(on_glue: list[list[str]]) -> None:
    with pytest.raises(UsageError, match="expected one argument"):
        told("--lake", "/x", "broken")


# ---------------------------------------------------------------- in this process


def test_there_is_a_script_for_each_job_and_for_nothing_else() -> None:
    calls = {
        path.stem: re.findall(r'main\("(\w+)"\)', path.read_text())
        for path in SCRIPTS.glob("*.py")
        if 'if __name__ == "__main__"' in path.read_text()
    }

    assert calls == {name: [name] for name in NAMES}
    for name in NAMES:
        assert importlib.util.find_spec(f"stedi.glue.{name}") is not None


def lines(said: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.splitlines()]


def test_the_jobs_tell_what_they_did_and_make_the_tables_of_a_run(
    feeds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lake = str(tmp_path / "glue")
    printed: dict[str, list[dict[str, Any]]] = {}
    for name in NAMES:
        arguments = ["x.py", *BEFORE, "--lake", lake, "--landing", str(feeds), *AFTER]
        glue.main(name, arguments, engine="duckdb")
        said = capsys.readouterr()
        printed[name] = lines(said.out)
        assert said.err.endswith(f"{name}: done\n")

    landed = {line["table"]: line for line in printed["landing"]}
    assert landed["landing.customer_landing"] | {"run": ""} == {
        "job": "landing", "run": "", "table": "landing.customer_landing", "rows_in": 2,
        "rows_out": 1, "excluded": {"quarantined": 1}, "scope": "1 files",
    }  # fmt: skip
    for job in jobs()[1:]:
        (line,) = printed[job.name]
        assert line["table"] == job.writes[0]
        assert line["rows_in"] == line["rows_out"] + sum(line["excluded"].values())
        assert line["scope"] == "all: made for the first time"
    with stedi.open(lake) as made, stedi.create(tmp_path / "run") as other:
        other.run(feeds)
        assert tables_of(made) == tables_of(other)
        assert len(rows_of(made, "machine_learning_curated")) == 2


def test_nothing_new_prints_nothing(
    feeds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with stedi.create(tmp_path / "lake") as lake:
        lake.run(feeds)
    for name in NAMES:
        glue.main(name, ["x", "--lake", str(tmp_path / "lake"), "--landing", str(feeds)], "duckdb")
        said = capsys.readouterr()
        assert (said.out, said.err) == ("", f"{name}: nothing new, nothing changed\n")


@pytest.mark.parametrize(
    ("name", "given", "code", "said"),
    [
        ("landing", [], 2, "error: argument --lake is missing"),
        ("landing", ["--lake", "new"], 2, "error: job landing lands files: give --landing DIR"),
        ("landing", ["--lake", "new", "--landing", "nowhere"], 2, "nowhere: no such folder"),
        ("landing", ["--lake", "new", "--landing", ".", "--consent", "x"], 2, "consent is 'x'"),
        ("machine_learning_curated", ["--lake", "new"], 1, "there is no lake"),
        ("no_such_job", ["--lake", "new"], 2, "there is no job 'no_such_job'"),
    ],
)
def test_what_cannot_be_done_ends_with_a_code_and_the_reason(
    name: str,
    given: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        glue.main(name, ["x.py", *given], engine="duckdb")
    talk = capsys.readouterr()

    assert (ended.value.code, talk.out) == (code, "")
    assert said in talk.err.splitlines()[-1]
    assert not (tmp_path / "new").exists()


def failing(feeds: Path, root: Path) -> None:
    """A lake in which machine_learning_curated cannot be made: a person it does not know yet."""
    bob = record("customer", email="bob@test.com", serialNumber=SERIAL[::-1])
    with stedi.create(root) as lake:
        lake.run(feeds)
        deliver(feeds, "customer", "2.json", [bob])
        read = [record("accelerometer", user="bob@test.com", timestamp=T0)]
        deliver(feeds, "accelerometer", "2.json", read)
        for name in NAMES[:3]:
            lake.job(name, feeds if name == "landing" else None)


def test_a_failed_check_ends_with_exit_code_1_and_the_table_stays(
    feeds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(feeds, tmp_path / "lake")
    with pytest.raises(SystemExit) as ended:
        glue.main("machine_learning_curated", ["x", "--lake", str(tmp_path / "lake")], "duckdb")
    said = capsys.readouterr()

    assert (ended.value.code, said.out) == (1, "")
    note, *_, error = said.err.splitlines()
    assert note == (
        "note: customers_curated is older than what it is made from; "
        "run job customer_trusted_to_curated first"
    )
    assert error.startswith("error: curated.machine_learning_curated: ")
    assert "the previous version stays" in error
    with stedi.open(tmp_path / "lake") as lake:
        assert len(rows_of(lake, "machine_learning_curated")) == 2


# ---------------------------------------------------------------- with spark-submit


with_spark = pytest.mark.skipif(bool(sparks.missing()), reason=sparks.missing())


def submit(folder: Path, script: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run one script with spark-submit, as Glue does, in a folder of its own."""
    program = [str(Path(sys.executable).with_name("spark-submit"))]
    java = {"spark.driver.extraJavaOptions": f"{sparks.QUICK} -XX:+UseSerialGC"}
    settings = {**sparks.SMALL, **java, "spark.ui.enabled": "false"}
    options = [word for key, value in settings.items() for word in ("--conf", f"{key}={value}")]
    options += ["--jars", ",".join(map(str, sparks.jars()))]
    quick = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # the Java that only finds the command
    return subprocess.run(
        [*program, *options, str(script), *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_LAUNCHER_OPTS": quick},
        capture_output=True,
        text=True,
        check=False,
    )


# Several jobs in one Spark: it takes longer to start than they do. Each script has its own lake.
CHAIN = """
import runpy, sys
jobs = [(sys.argv.pop(1), sys.argv.pop(1)) for _ in range(int(sys.argv.pop(1)))]
given = sys.argv[1:]
for script, lake in jobs:
    sys.argv = [script, "--lake", lake, *given]
    runpy.run_path(script, run_name="__main__")
print("the chain has gone on")
"""


def printed(done: subprocess.CompletedProcess[str]) -> str:
    """The data: spark-submit puts what a script says on stderr into its own stdout too."""
    return "\n".join(line for line in done.stdout.splitlines() if line.startswith("{"))


@dataclass(frozen=True)
class Submitted:
    """What spark-submit did with the scripts of all jobs, copied out of the package."""

    feeds: Path
    lake: Path
    failing: Path  # the lake of `failing`
    alone: subprocess.CompletedProcess[str]  # the first, which lands, and starts by itself
    chain: subprocess.CompletedProcess[str]  # the others; at last one that fails on the other lake


@pytest.fixture(scope="module")
def submitted(tmp_path_factory: pytest.TempPathFactory) -> Submitted:
    """In two Sparks: one ends well, one does not."""
    root = tmp_path_factory.mktemp("submitted")
    failing(fill(root / "others"), root / "failing")
    written = {path.stem: path for path in write_scripts(root / "scripts")}
    (chain := root / "chain.py").write_text(CHAIN)
    feeds, lake = fill(root / "feeds"), root / "lake"
    given = (*BEFORE, "--landing", feeds, "--consent", "since", *AFTER)
    jobs = [(written[name], lake) for name in NAMES[1:]]
    jobs.append((written["machine_learning_curated"], root / "failing"))
    return Submitted(
        feeds,
        lake,
        root / "failing",
        submit(root, written[NAMES[0]], "--lake", lake, *given),
        submit(root, chain, len(jobs), *(word for job in jobs for word in job), *given),
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.xdist_group("spark-submit")
@with_spark
def test_the_scripts_unchanged_with_spark_submit(submitted: Submitted, tmp_path: Path) -> None:
    """The tables are those of one run of the embedded engine."""
    assert submitted.alone.returncode == 0, submitted.alone.stderr
    assert [line["job"] for line in lines(printed(submitted.alone))] == [NAMES[0]] * 3
    done = submitted.chain
    assert [line["job"] for line in lines(printed(done))] == NAMES[1:], done.stderr
    with stedi.open(submitted.lake) as made, stedi.create(tmp_path / "run") as other:
        other.run(submitted.feeds)
        assert tables_of(made) == tables_of(other)
        assert {row["engine"] for row in rows_of(made, "runs")} == {"spark"}
        assert made.plan(submitted.feeds) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.xdist_group("spark-submit")
@with_spark
def test_with_spark_submit_a_failed_check_is_an_exit_code(submitted: Submitted) -> None:
    done = submitted.chain

    assert done.returncode == 1
    assert [line["job"] for line in lines(printed(done))] == NAMES[1:]  # of the other lake
    assert "error: curated.machine_learning_curated: " in done.stdout
    assert "the chain has gone on" not in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    with stedi.open(submitted.failing) as lake:
        assert len(rows_of(lake, "machine_learning_curated")) == 2
