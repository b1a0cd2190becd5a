"""The runs: the figures of ops.runs, nobody else's tables, one in flight while it goes on."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import stedi
from console.serving import Client, serving
from stedi.console.board import MOST_RUNS, Board
from stedi.console.views.runs import runs_of
from stedi.contract.roles import find_role
from stedi.lake.model import Snapshot
from stedi.simulate import simulate


def _recorded(lake: Path) -> list[dict[str, Any]]:
    with stedi.open(lake) as opened:
        return list(opened.table("runs"))


def test_the_figures_are_those_of_ops_runs(tab: Callable[..., Any], master: Path) -> None:
    recorded = _recorded(master / "lake")
    page = tab("engineer")
    page.goto("/runs")
    shown = page.locator("#runs section").evaluate_all("all => all.map(one => one.id)")
    assert shown == sorted({f"run-{row['run']}" for row in recorded}, reverse=True)
    assert len(shown) == 2
    for row in recorded:
        line = page.locator(f'table[data-run="{row["run"]}"] tr[data-table="{row["table"]}"]')
        told = [line.locator(f'[data-figure="{one}"]').inner_text() for one in ("in", "out")]
        assert told == [f"{row['rows_in']:,}", f"{row['rows_out']:,}"]
        reasons = json.loads(row["excluded"])
        excluded = line.locator('[data-figure="excluded"]').inner_text().split("\n")
        assert sorted(filter(None, excluded)) == sorted(
            f"{n:,} {why}" for why, n in reasons.items()
        )
        assert float(line.locator("progress").get_attribute("value")) == pytest.approx(
            row["seconds"], abs=0.001
        )
        assert (row["scope"] or "what was delivered") in line.inner_text()
        assert row["engine"] in line.inner_text()


def test_bars_are_to_the_scale_of_the_longest_step(tab: Callable[..., Any]) -> None:
    page = tab("engineer")
    page.goto("/runs")
    for bars in page.locator("table.run-steps").all():
        pairs = bars.locator("progress").evaluate_all("all => all.map(one => [one.value, one.max])")
        assert max(value for value, _ in pairs) == pairs[0][1]
        assert len({most for _, most in pairs}) == 1


def test_landing_comes_first_and_each_step_leads_to_its_version(
    tab: Callable[..., Any], master: Path
) -> None:
    newest = max(row["run"] for row in _recorded(master / "lake"))
    page = tab("engineer")
    page.goto(f"/runs#run-{newest}")
    zones = [
        name.partition(".")[0]
        for name in page.locator(f'table[data-run="{newest}"] tbody th').all_inner_texts()
    ]
    assert zones[0] == "landing"
    assert "landing" not in zones[zones.count("landing") :]
    page.locator(f'table[data-run="{newest}"]').get_by_text("as of then").first.click()
    page.wait_for_url("**/tables/landing.*?as_of=*")
    assert "As of snapshot" in page.locator("main").inner_text()


def test_a_scientist_sees_the_curated_tables_alone(
    clients: dict[str, Client], tab: Callable[..., Any], master: Path
) -> None:
    text = clients["scientist"].get("/runs").text
    assert "curated.machine_learning_curated" in text
    assert "trusted." not in text
    assert "landing." not in text
    live = clients["scientist"].get("/api/runs/live").json()
    assert live == {"run": None, "newest": max(row["run"] for row in _recorded(master / "lake"))}


def _row(run: str, table: str, snapshot: int = 1, **more: object) -> Mapping[str, Any]:
    published = datetime(2026, 1, 1, tzinfo=UTC)
    row = {"run": run, "table": table, "snapshot": snapshot, "excluded": "{}", "seconds": None}
    return {**row, "published": published, "rows_in": 1, "rows_out": 1, "scope": None, **more}


def test_an_expired_version_is_told_apart_from_one_that_is_kept() -> None:
    kept = Snapshot(1, datetime(2026, 1, 1, tzinfo=UTC), "append", 1)
    rows = [_row("b", "curated.customers_curated", 1), _row("a", "curated.customers_curated", 2)]
    board = Board(runs=rows, history={"customers_curated": [kept]})
    found = runs_of(board, find_role("scientist"))
    assert [(run.name, run.steps[0].kept) for run in found] == [("b", True), ("a", False)]
    assert (found[0].started, found[0].seconds, found[0].longest) == (None, 0, 0)


def test_a_run_at_which_the_board_ends_is_not_shown_in_part() -> None:
    names = [f"{MOST_RUNS - number // 3:06}" for number in range(MOST_RUNS)]
    board = Board(runs=[_row(name, "ops.files") for name in names])
    found = runs_of(board, find_role("engineer"))
    assert {len(run.steps) for run in found} == {3}
    assert names[-1] not in {run.name for run in found}


@contextmanager
def _running(lake: Path, feeds: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "stedi", "run", "--lake", str(lake), "--landing", str(feeds)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_run_of_another_process_is_followed_to_its_end(
    tab: Callable[..., Any], tmp_path: Path
) -> None:
    simulate(tmp_path / "first", people=10, days=1, minutes=1, seed=3)
    simulate(tmp_path / "feeds", people=40, days=2, minutes=5, seed=4, dirty=0.002)
    with stedi.create(tmp_path / "lake") as lake:
        before = lake.run(tmp_path / "first").run
    with serving(tmp_path / "lake", tmp_path / "log") as console:
        pages = {role: tab(role, at=console) for role in ("engineer", "scientist")}
        for page in pages.values():
            page.goto("/runs")
            assert page.locator("#live").is_hidden()
        engineer, scientist = pages["engineer"], pages["scientist"]
        with _running(tmp_path / "lake", tmp_path / "feeds") as running:
            engineer.get_by_text("lines of").wait_for(timeout=30_000)
            assert "is landing" in engineer.locator("#live-step").inner_text()
            assert engineer.locator("#said").text_content() == "A run is landing"
            counts = engineer.locator("#live-counts").inner_text()
            scientist.locator("#live").wait_for(timeout=30_000)
            assert scientist.locator("#live-landed").is_hidden()
            assert re.fullmatch(r"[\d.]+ k?M?B of [\d.]+ MB, [\d,]+ lines of \d+ files", counts)
            assert running.wait(90) == 0
        after = max(row["run"] for row in _recorded(tmp_path / "lake"))
        assert after > before
        for page in pages.values():
            page.locator(f'[id="run-{after}"]').wait_for(timeout=15_000)
            page.locator("#live").wait_for(state="hidden")
            assert after in page.locator("#said").inner_text()
        assert "trusted." not in scientist.locator("#runs").inner_text()
