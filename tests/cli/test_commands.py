"""The commands over a filled lake: what each prints, and where."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cli.commands import Command
from stedi.contract import load_tables
from stedi.simulate import Simulated

ISO_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
PROMOTED = [table for table in load_tables().values() if table.query]


def objects(read: Command, *arguments: object) -> list[dict[str, Any]]:
    """The rows of a command that prints JSON; stdout holds nothing else."""
    done = read(*arguments, "--format", "json")
    assert done.err == ""
    found = json.loads(done.out)
    assert isinstance(found, list)
    return found


# ---------------------------------------------------------------- run


def test_run_twice_and_deliver_again(command: Command, feeds: Simulated, tmp_path: Path) -> None:
    first = command("run", "--landing", feeds.out)
    assert (first.code, first.out) == (0, "")
    assert re.search(r"landed accelerometer: [\d,]+ lines from \d+ files", first.err)
    assert re.search(r"machine_learning_curated: [\d,]+ of [\d,]+ rows; left out: ", first.err)
    assert "done in" in first.err
    assert (tmp_path / "lake" / "stedi.toml").is_file()

    second = command("run", "--landing", feeds.out)
    assert (second.code, second.out) == (0, "")
    assert second.err.startswith("nothing new, nothing changed in ")

    policy = command("run", "--consent", "any")
    assert policy.code == 0
    assert "accelerometer_trusted" in policy.err
    assert "recorded before consent" not in policy.err
    assert 'consent = "any"' in (tmp_path / "lake" / "stedi.toml").read_text()


def test_files_that_are_no_feed_are_named(command: Command, tmp_path: Path) -> None:
    (tmp_path / "in" / "customer" / "landing").mkdir(parents=True)
    (tmp_path / "in" / "customer" / "landing" / "readme.txt").write_text("hello")
    done = command("run", "--landing", "in")

    assert done.code == 0
    assert "left alone 1 files that are not JSON" in done.err
    assert "readme.txt" in done.err


def test_demo(command: Command, tmp_path: Path) -> None:
    done = command("demo", "--people", 2, "--lake", "demo-lake")

    assert done.code == 0
    assert "Every row accounted for" in done.out
    assert "curated.machine_learning_curated" in done.out
    assert "stedi check --lake demo-lake" in done.out
    assert "simulating 2 people over 3 days" in done.err
    assert command("check", "--lake", "demo-lake").code == 0


def test_simulate(command: Command, tmp_path: Path) -> None:
    done = command("simulate", "--out", "new", "--readings", 400, "--compress")

    assert (done.code, done.out) == (0, "")
    assert "simulated 400 readings of 20 people" in done.err
    assert "next: stedi run --landing new" in done.err
    assert (tmp_path / "new" / "truth" / "expected.json").is_file()
    assert list((tmp_path / "new").rglob("*.gz"))
    assert "is not empty" in command("simulate", "--out", "new").err


# ---------------------------------------------------------------- where the lake is


def test_lake_before_or_after_the_command_or_from_the_environment(
    command: Command, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    after = command("history", "--lake", filled)
    before = command("--lake", filled, "history")
    monkeypatch.setenv("STEDI_LAKE", str(filled))
    environment = command("history")

    assert after.code == 0
    assert after == before == environment
    assert command("--lake", "nowhere", "status").code == 1
    assert command("status", "--lake", "nowhere").code == 1
    assert command("--lake", "nowhere", "status", "--lake", filled).code == 0


# ---------------------------------------------------------------- account, check


def test_account_agrees_with_the_truth(read: Command, feeds: Simulated) -> None:
    truth = json.loads((feeds.truth / "expected.json").read_text())
    lines = {line["table"].partition(".")[2]: line for line in objects(read, "account")}

    assert all(line["balance"] == "ok" for line in lines.values())
    for feed, expected in truth["feeds"].items():
        line = lines[f"{feed}_landing"]
        assert (line["rows_in"], line["rows_out"]) == (expected["lines"], expected["landed"])
    for name, expected in truth["policies"]["since"].items():
        line = lines[name]
        assert (line["rows_in"], line["rows_out"]) == (expected["in"], expected["out"])
        assert line["reasons"] == {k: n for k, n in expected["excluded"].items() if n}


def test_account_that_does_not_balance(
    command: Command, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stedi.account.Line.balanced", False)
    done = command("account", "--lake", filled)

    assert done.code == 1
    assert "BROKEN" in done.out
    assert "does not balance: landing.accelerometer_landing" in done.err
    assert command("check", "--lake", filled).code == 1


def test_account_of_one_person(read: Command, feeds: Simulated) -> None:
    counts = Counter[str]()
    for file in sorted(feeds.accelerometer.iterdir()):
        for line in file.read_bytes().splitlines():
            if found := re.search(rb'"user": ?"([^"]+)"', line):
                counts[found[1].decode(errors="replace").strip().lower()] += 1
    person, _ = counts.most_common(1)[0]
    trail = {row["table"]: row for row in objects(read, "account", "--why", f" {person.upper()} ")}

    assert list(trail)[-1] == "curated.machine_learning_curated"
    assert trail["landing.accelerometer_landing"]["rows_in"] > 0
    for row in trail.values():
        assert row["rows_in"] == row["rows_out"] + sum(row["reasons"].values())


def test_account_of_a_stranger(read: Command) -> None:
    done = read("account", "--why", "nobody@nowhere.test")

    assert "no row of nobody@nowhere.test is in this lake" in done.err


def test_account_of_an_empty_address(command: Command, filled: Path) -> None:
    assert command("account", "--why", "", "--lake", filled).code == 2


def test_check_lists_every_validation(read: Command) -> None:
    results = objects(read, "check")
    declared = sum(len(table.checks) for table in PROMOTED)

    assert {row["result"] for row in results} <= {"ok", "warn"}
    assert len(results) > declared + len(PROMOTED)
    assert any("no identifying column" in row["check"] for row in results)


def test_check_fails_with_the_rows_that_break_it(
    command: Command, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stedi.checks import Result

    monkeypatch.setattr(
        "stedi.checks.lineage", lambda: [Result("t", "a rule", False, "fail", "3 rows")]
    )
    done = command("check", "--lake", filled)

    assert done.code == 1
    assert re.search(r"^fail +t +a rule +3 rows$", done.out, re.MULTILINE)


# ---------------------------------------------------------------- what is there


def test_status_names_every_table(read: Command) -> None:
    rows = {row["table"]: row for row in objects(read, "status")}

    assert set(rows) == {table.full_name for table in load_tables().values()}
    curated = rows["curated.machine_learning_curated"]
    assert curated["rows"] > 0
    assert ISO_UTC.fullmatch(curated["published"])
    assert curated["newest"].startswith("2026-01-0")


def test_history_is_in_order_of_time(read: Command) -> None:
    rows = objects(read, "history")
    one = objects(read, "history", "trusted.customer_trusted")

    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    assert all(ISO_UTC.fullmatch(row["at"]) for row in rows)
    assert one == [row for row in rows if row["table"] == "trusted.customer_trusted"]


def test_describe_needs_no_lake(command: Command) -> None:
    done = command("describe", "machine_learning_curated")

    assert done.code == 0
    assert "subject_id" in done.out
    assert "Grain: one accelerometer reading" in done.err
    everything = json.loads(command("describe", "--format", "json").out)
    assert len(everything) == sum(len(table.columns) for table in load_tables().values())


def test_lineage_of_tables_and_of_a_column(command: Command) -> None:
    edges = json.loads(command("lineage", "--format", "json").out)
    assert {"table": "step_trainer_trusted", "reads": "customers_curated"} in edges

    traced = command("lineage", "--column", "machine_learning_curated.subject_id")
    assert traced.code == 0
    assert "keyed hash" in traced.out
    assert "customer_landing.email" in traced.out


@pytest.mark.parametrize("dialect", ["athena", "spark", "duckdb"])
def test_ddl_declares_every_table(dialect: str, command: Command) -> None:
    done = command("ddl", "--dialect", dialect)

    assert (done.code, done.err) == (0, "")
    for table in load_tables().values():
        assert re.search(rf"CREATE TABLE .*\b{table.name}\b", done.out)


def test_version(command: Command) -> None:
    done = command("--version")

    assert re.fullmatch(r"stedi \d+\.\d+\.\d+\n", done.out)
