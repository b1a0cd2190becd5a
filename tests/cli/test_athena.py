"""stedi sql --athena: what is refused, what fails, what is printed, what is left running."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import stedi
from cli.commands import Command, Done
from stedi.contract import ZONES
from stedi.places import aws

pytest.importorskip("boto3", reason="no boto3: it comes with stedi-lakehouse[aws]")

from cli.athena_server import NUMBER, Athena, serving

GLUE = '\n[catalog]\ntype = "glue"\nprefix = "team_"\n'
ENOUGH = ["--database", "team_curated"]


@pytest.fixture
def athena(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Athena]:
    """An Athena at the address where boto3 looks, and nothing else of this machine's AWS."""
    settings = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "NO_PROXY": "127.0.0.1",
    }
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "STEDI_ATHENA_WORKGROUP"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    scripted = Athena()
    with serving(scripted) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_ATHENA", address)
        aws._client.cache_clear()
        yield scripted
    aws._client.cache_clear()


@pytest.fixture
def ask(command: Command, athena: Athena) -> Command:
    """Run `stedi sql --athena` with more arguments."""

    def go(*arguments: object) -> Done:
        return command("sql", "--athena", *arguments)

    return go


@pytest.fixture
def glue_lake(tmp_path: Path) -> Path:
    """A lake whose policy names a Glue catalog."""
    stedi.create(tmp_path / "glue").close()
    with (tmp_path / "glue" / "stedi.toml").open("a") as policy:
        policy.write(GLUE)
    return tmp_path / "glue"


# ---------------------------------------------------------------- refused before it is asked


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "give one statement, found 0"),
        ("/* nothing */", "give one statement, found 0"),
        ("SELECT 1; SELECT 2", "give one statement, found 2"),
        ("SELECT 1; DROP TABLE x", "give one statement, found 2"),
        ("DROP TABLE customer_trusted", "only SELECT is possible here"),
        ("INSERT INTO customer_trusted SELECT 1", "only SELECT is possible here"),
        ("CREATE TABLE x AS SELECT 1", "only SELECT is possible here"),
        ("UNLOAD (SELECT 1) TO 's3://x/' WITH (format = 'PARQUET')", "only SELECT is possible"),
        ("EXECUTE prepared", "only SELECT is possible here"),
        ("/* SELECT */ OPTIMIZE x REWRITE DATA USING BIN_PACK", "only SELECT is possible here"),
        ("WITH a AS (SELECT 1) DELETE FROM b", "only SELECT is possible here"),
        ("SELECT 'open", "this is no SELECT as Athena writes it"),
        ("SELECT FROM WHERE", "this is no SELECT as Athena writes it"),
    ],
)
def test_what_is_no_single_select_is_not_asked(
    query: str, message: str, ask: Command, athena: Athena
) -> None:
    done = ask(query, *ENOUGH)

    assert (done.code, done.out) == (1, "")
    assert message in done.err
    assert athena.asked == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--database d --as-of 2026-01-31", "write FOR TIMESTAMP AS OF TIMESTAMP"),
        ("--database d --out rows.csv", "--out is not for Athena"),
    ],
)
def test_options_that_athena_has_not(
    arguments: str, message: str, ask: Command, athena: Athena
) -> None:
    done = ask("SELECT 1", *arguments.split())

    assert (done.code, done.out, athena.asked) == (2, "", [])
    assert message in done.err


def test_a_database_without_athena(command: Command, filled: Path) -> None:
    done = command("sql", "SELECT 1", "--database", "d", "--lake", filled)

    assert (done.code, done.out) == (2, "")
    assert "goes with --athena" in done.err


def test_a_lake_that_athena_cannot_know(ask: Command, athena: Athena, filled: Path) -> None:
    done = ask("SELECT 1", "--lake", filled)

    assert (done.code, done.out, athena.asked) == (2, "", [])
    assert "this lake's is 'sqlite'" in done.err
    assert "--database" in done.err


def test_no_lake_and_no_database(ask: Command, athena: Athena) -> None:
    done = ask("SELECT 1")

    assert (done.code, athena.asked) == (1, [])
    assert "there is no lake" in done.err


def test_without_boto3(ask: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    done = ask("SELECT 1", *ENOUGH)

    assert (done.code, done.out) == (2, "")
    assert "pip install 'stedi-lakehouse[aws]'" in done.err


# ---------------------------------------------------------------- refused by AWS


def test_without_credentials(ask: Command, athena: Athena, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    done = ask("SELECT 1", *ENOUGH)

    assert (done.code, done.out, athena.asked) == (1, "", [])
    assert "Unable to locate credentials" in done.err
    assert "check AWS_PROFILE or AWS_ACCESS_KEY_ID" in done.err


def test_a_profile_that_is_not_there(ask: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    done = ask("SELECT 1", *ENOUGH)

    assert (done.code, done.out) == (1, "")
    assert "nobody" in done.err


def test_nobody_answers(ask: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "ATTEMPTS", 1)
    monkeypatch.setenv("AWS_ENDPOINT_URL_ATHENA", "http://127.0.0.1:1")
    done = ask("SELECT 1", *ENOUGH)

    assert (done.code, done.out) == (1, "")
    assert "Athena cannot be reached" in done.err
    assert "AWS_REGION" in done.err


@pytest.mark.parametrize(
    ("operation", "refusal", "code", "message"),
    [
        (
            "StartQueryExecution",
            ("InvalidRequestException", "WorkGroup stedi is not found."),
            2,
            "there is no workgroup 'stedi' in this account and region; give --workgroup",
        ),
        (
            "StartQueryExecution",
            ("AccessDeniedException", "You are not authorized to perform it"),
            1,
            "needs rights on the workgroup 'stedi', on the tables in Glue",
        ),
        (
            "StartQueryExecution",
            ("ExpiredTokenException", "The security token is expired"),
            1,
            "AWS does not accept the credentials (The security token is expired)",
        ),
        (
            "StartQueryExecution",
            ("InvalidRequestException", "line 1:8: mismatched input 'x'"),
            1,
            "Athena does not take the query (line 1:8: mismatched input 'x')",
        ),
        (
            "GetQueryExecution",
            ("AccessDeniedException", "not authorized"),
            1,
            "AWS refuses (not authorized)",
        ),
        (
            "GetQueryResults",
            ("InvalidRequestException", "Access denied when reading from results"),
            1,
            "on the buckets of the tables and of the results",
        ),
    ],
)
def test_a_refusal_of_aws_names_the_remedy(
    operation: str,
    refusal: tuple[str, str],
    code: int,
    message: str,
    ask: Command,
    athena: Athena,
) -> None:
    athena.refused[operation] = refusal
    done = ask("SELECT 1", *ENOUGH)

    assert (done.code, done.out) == (code, "")
    assert message in done.err


def test_a_query_that_cannot_be_followed_is_stopped(ask: Command, athena: Athena) -> None:
    athena.refused["GetQueryExecution"] = ("AccessDeniedException", "not authorized")
    ask("SELECT 1", *ENOUGH)

    assert athena.asked[-1] == ("StopQueryExecution", {"QueryExecutionId": NUMBER})


# ---------------------------------------------------------------- failed in Athena


@pytest.mark.parametrize(
    ("state", "reason", "message"),
    [
        (
            "FAILED",
            "COLUMN_NOT_FOUND: line 1:8: Column 'nope' cannot be resolved",
            "Athena could not run the query: COLUMN_NOT_FOUND: line 1:8: Column 'nope'",
        ),
        ("FAILED", "", "Athena gives no reason"),
        ("CANCELLED", "Query cancelled by user", "stopped in Athena (Query cancelled by user)"),
        (
            "CANCELLED",
            "Bytes scanned limit was exceeded",
            "the query reads more than the workgroup 'stedi' allows",
        ),
    ],
)
def test_a_failure_says_why(
    state: str, reason: str, message: str, ask: Command, athena: Athena
) -> None:
    athena.states, athena.reason = ["RUNNING", state], reason
    done = ask("SELECT 1", *ENOUGH)

    assert (done.code, done.out) == (1, "")
    assert message in done.err
    assert "GetQueryResults" not in athena.operations()
    assert "StopQueryExecution" not in athena.operations()


def test_two_columns_of_one_name(ask: Command, athena: Athena) -> None:
    athena.columns = [("side", "varchar"), ("side", "varchar")]
    done = ask("SELECT 'l' AS side, 'r' AS side", *ENOUGH)

    assert (done.code, done.out) == (1, "")
    assert "two columns are called side" in done.err


# A program started in the background of a shell would ignore interrupts.
HEARS = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from stedi.cli import main; main()"
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_the_query(number: int, athena: Athena, tmp_path: Path) -> None:
    athena.states = ["RUNNING"]
    with subprocess.Popen(
        [sys.executable, "-c", HEARS, "sql", "--athena", "SELECT 1", *ENOUGH],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert athena.seen.wait(60)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)

    assert (process.returncode, out) == (130, ""), err
    assert athena.asked[-1] == ("StopQueryExecution", {"QueryExecutionId": NUMBER})


# ---------------------------------------------------------------- asked


def test_names_of_the_lake_are_those_of_its_databases(
    ask: Command, athena: Athena, glue_lake: Path
) -> None:
    query = "SELECT count(*) AS n FROM customer_trusted JOIN ops.runs ON true"
    done = ask(query, "--lake", glue_lake)

    assert done.code == 0, done.err
    assert athena.started()["QueryString"] == (
        'SELECT count(*) AS n FROM "team_trusted".customer_trusted JOIN "team_ops".runs ON true'
    )
    assert athena.started()["QueryExecutionContext"] == {"Catalog": "AwsDataCatalog"}
    assert athena.started()["WorkGroup"] == "stedi"


def test_a_database_given_is_where_names_are_looked_up(ask: Command, athena: Athena) -> None:
    ask("SELECT 1 FROM customer_trusted;", "--database", "other", "--workgroup", "people")

    assert athena.started()["QueryString"] == "SELECT 1 FROM customer_trusted"
    assert athena.started()["QueryExecutionContext"]["Database"] == "other"
    assert athena.started()["WorkGroup"] == "people"


def test_the_workgroup_of_the_environment(
    ask: Command, athena: Athena, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEDI_ATHENA_WORKGROUP", "mine")
    ask("SELECT 1", *ENOUGH)

    assert athena.started()["WorkGroup"] == "mine"


# ---------------------------------------------------------------- printed

VALUES = {
    ("whole", "bigint"): ("9007199254740993", 9007199254740993),
    ("half", "double"): ("0.5", 0.5),
    ("large", "double"): ("1.0E10", 1e10),
    ("none", "double"): ("NaN", None),
    ("single", "float"): ("1.5", 1.5),
    ("price", "decimal"): ("1.50", 1.5),
    ("yes", "boolean"): ("true", True),
    ("no", "boolean"): ("false", False),
    ("born", "date"): ("0967-01-01", "0967-01-01"),
    ("far", "date"): ("+10000-01-01", "+10000-01-01"),
    ("plain", "timestamp"): ("2026-01-05 23:59:57.100", "2026-01-05T23:59:57.100000Z"),
    ("utc", "timestamp with time zone"): ("2026-01-05 23:59:57 UTC", "2026-01-05T23:59:57Z"),
    ("zone", "timestamp with time zone"): (
        "2026-07-05 12:00:00.000 Europe/Berlin",
        "2026-07-05T10:00:00Z",
    ),
    ("offset", "timestamp with time zone"): (
        "2026-01-05 12:30:00.250 +02:00",
        "2026-01-05T10:30:00.250000Z",
    ),
    ("nowhere", "timestamp with time zone"): (
        "2026-01-05 12:30:00.250 Mars/Utopia",
        "2026-01-05 12:30:00.250 Mars/Utopia",
    ),
    ("list", "array"): ("[1, 2]", "[1, 2]"),
    ("pairs", "map"): ("{a=1}", "{a=1}"),
    ("bytes", "varbinary"): ("65 68", "65 68"),
    ("empty", "varchar"): ("", ""),
    ("null", "varchar"): (None, None),
    ("nothing", "integer"): (None, None),
}


def test_every_type_has_a_value_and_null_is_no_empty_text(ask: Command, athena: Athena) -> None:
    athena.columns = list(VALUES)
    athena.rows = [[text for text, _ in VALUES.values()]]
    (row,) = json.loads(ask("SELECT 1", *ENOUGH, "--format", "json").out)

    assert row == {name: value for (name, _), (_, value) in VALUES.items()}
    assert type(row["whole"]) is int


def test_all_pages_are_read_and_the_header_is_no_row(ask: Command, athena: Athena) -> None:
    athena.columns = [("n", "varchar")]
    athena.rows = [["n"], *([str(number)] for number in range(2500))]
    out = ask("SELECT 1", *ENOUGH, "--format", "csv").out

    assert [row[0] for row in csv.reader(io.StringIO(out))] == ["n", "n", *map(str, range(2500))]
    assert athena.operations().count("GetQueryResults") == 3


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_it_prints_as_any_other_query_does(
    form: str, ask: Command, athena: Athena, command: Command, filled: Path
) -> None:
    query = "SELECT 1 AS n, 'a,b' AS t, CAST(NULL AS VARCHAR) AS gone, DATE '2026-01-05' AS day"
    athena.columns = [("n", "integer"), ("t", "varchar"), ("gone", "varchar"), ("day", "date")]
    athena.rows = [["1", "a,b", None, "2026-01-05"]]

    there = ask(query, *ENOUGH, "--format", form)
    here = command("sql", query, "--lake", filled, "--format", form)

    assert (there.code, here.code) == (0, 0)
    assert there.out == here.out


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_no_rows(form: str, ask: Command) -> None:
    done = ask("SELECT 1 AS n WHERE false", *ENOUGH, "--format", form)

    assert (done.code, done.out) == (0, {"table": "n\n─\n", "json": "[]\n", "csv": "n\n"}[form])


@pytest.mark.parametrize(
    ("scanned", "reused", "told"),
    [
        (0, False, "Athena read 0.0 MB in 1.5 s: some 0.00005 USD at 5 USD a TB\n"),
        (2 * 10**11, False, "Athena read 200,000.0 MB in 1.5 s: some 1.00000 USD at 5 USD a TB\n"),
        (0, True, "Athena read 0.0 MB in 1.5 s: some 0.00000 USD (a result it had kept)\n"),
    ],
)
def test_it_says_what_was_read_and_what_that_costs(
    scanned: int, reused: bool, told: str, ask: Command, athena: Athena
) -> None:
    athena.statistics = {
        "DataScannedInBytes": scanned,
        "TotalExecutionTimeInMillis": 1500,
        "ResultReuseInformation": {"ReusedPreviousResult": reused},
    }
    assert ask("SELECT 1", *ENOUGH).err == told


def test_waiting_looks_less_and_less_often(
    ask: Command, athena: Athena, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("stedi.athena.query.sleep", pauses.append)
    athena.states = [*["RUNNING"] * 12, "SUCCEEDED"]
    ask("SELECT 1", *ENOUGH)

    assert len(pauses) == 12
    assert pauses == sorted(pauses)
    assert pauses[0] < 0.2
    assert pauses[-1] == 2


# ---------------------------------------------------------------- stedi ddl


def test_ddl_of_a_lake_that_athena_cannot_read(command: Command, filled: Path) -> None:
    done = command("ddl", "--lake", filled)

    assert (done.code, done.out) == (2, "")
    assert "Athena reads S3 alone" in done.err


def test_ddl_of_feeds_that_athena_cannot_read(command: Command) -> None:
    done = command("ddl", "--landing", "/srv/landing")

    assert (done.code, done.out) == (2, "")
    assert "/srv/landing/accelerometer/: Athena reads S3 alone" in done.err


def test_ddl_names_the_databases_and_places_of_a_lake(command: Command, glue_lake: Path) -> None:
    with (glue_lake / "stedi.toml").open("a") as policy:
        policy.write("\n[zones]\n")
        policy.writelines(f'{zone} = "s3://of-{zone}/here"\n' for zone in ZONES)
    done = command("ddl", "--lake", glue_lake, "--landing", "s3://in/feeds")

    assert done.code == 0, done.err
    assert "CREATE EXTERNAL TABLE IF NOT EXISTS `team_landing`.`customer_raw`" in done.out
    assert "LOCATION 's3://in/feeds/customer/'" in done.out
    assert "CREATE TABLE IF NOT EXISTS `team_ops`.`runs`" in done.out
    assert "LOCATION 's3://of-ops/here/runs/'" in done.out
    assert "your-bucket" not in done.out


def test_ddl_of_a_local_lake_for_spark(command: Command, filled: Path) -> None:
    out = command("ddl", "--lake", filled, "--dialect", "spark").out

    assert f"LOCATION '{filled}/warehouse/ops/runs/'" in out
