"""Known faults are found: each by a directed history, and by random ones within a bound.

A new fault is a function that plants it, and a line in FAULTS with the history that must break.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, settings

import stedi.landing.land
import stedi.landing.ledger
import stedi.refresh.tables
from histories.choices import plots
from histories.directed import DIRECTED
from histories.stage import Stage, live
from histories.steps import Plot
from histories.test_histories import HUNT
from stedi.engines.duckdb.engine import DuckDBEngine
from stedi.engines.sql import part, scope
from stedi.errors import StediError
from stedi.landing.keepout import Keepout

Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], None]
Bookmark = dict[str, Any]
WITHIN = 40  # random histories


def blind(patch: Patch, unseen: Callable[[str, Bookmark], Bookmark]) -> None:
    """Tables whose bookmark changed in nothing but what is `unseen` count as up to date."""
    bookmark = stedi.refresh.tables.wanted

    def seen(store: Any, table: Any, params: Any) -> str:
        wanted = bookmark(store, table, params)
        last = store.table(table.name).summary.get("stedi.bookmark", "{}")
        hidden = unseen(table.name, json.loads(last)) == unseen(table.name, json.loads(wanted))
        return last if hidden else wanted

    patch.setattr(stedi.refresh.tables, "wanted", seen)


def unseen(table: str, *sources: str) -> Plant:
    """New versions of some of its sources are not news to a table."""

    def without(name: str, found: Bookmark) -> Bookmark:
        if name != table or not found:
            return found
        return found | {"sources": found["sources"] | dict.fromkeys(sources)}

    return lambda patch: blind(patch, without)


def policy_unseen(patch: Patch) -> None:
    """A new policy is not news."""
    blind(patch, lambda name, found: {"sources": found.get("sources")})


def late_partners_missed(patch: Patch) -> None:
    """A late step-trainer reading does not touch its day of the curated table."""
    roots = scope.roots

    def fewer(table: Any) -> list[str]:
        missed = {"step_trainer_landing"} if table.name == "machine_learning_curated" else set()
        return [root for root in roots(table) if root not in missed]

    patch.setattr(scope, "roots", fewer)


def nobody_touched(patch: Patch) -> None:
    """News of customers touches no readings."""
    patch.setattr(scope, "_changed_people", lambda *_: [])


def old_rows_stay(patch: Patch) -> None:
    """What a person in scope has on days out of scope stays as it is."""
    patch.setattr(part._Part, "judge_people", lambda part: "")


def second_claimant_alone(patch: Patch) -> None:
    """News of a device touches who brings it, not who else claims it."""
    close = scope._close

    def without_devices(session: Any, task: Any, base: Any, changed: list[str]) -> Any:
        people = [f"SELECT person, CAST(NULL AS STRING) AS device FROM ({s})" for s in changed]
        return close(session, task, base, people)

    patch.setattr(scope, "_close", without_devices)


def lost_readings_touch_nobody(patch: Patch) -> None:
    """That a person's readings are gone does not touch the person."""
    patch.setattr(scope, "_of_readings", lambda *_: [])


def begun_is_done(patch: Patch) -> None:
    """What a run set out to refresh counts as refreshed, even if it was killed before."""
    bookmark, set_out = stedi.refresh.tables.wanted, set()

    def remembered(store: Any, table: Any, params: Any) -> str:
        wanted = bookmark(store, table, params)
        seen = (store.home.root, table.name, wanted)
        if seen in set_out and store.table(table.name).summary:
            return str(store.table(table.name).summary["stedi.bookmark"])
        set_out.add(seen)
        return wanted

    patch.setattr(stedi.refresh.tables, "wanted", remembered)


def files_forgotten(patch: Patch) -> None:
    """Landing does not remember what it landed: lines land twice."""
    run = stedi.landing.land.Landing.run

    def forgetful(self: Any, delivery: Any) -> Any:
        with pytest.MonkeyPatch.context() as within:
            within.setattr(stedi.landing.ledger, "entries", lambda store: {})
            return run(self, delivery)

    patch.setattr(stedi.landing.land.Landing, "run", forgetful)


def old_lines_stay(patch: Patch) -> None:
    """A changed file's old lines are not taken out."""
    patch.setattr(DuckDBEngine, "without", lambda *_: ([], []))


def nothing_swept(patch: Patch) -> None:
    """Quarantined lines of a batch that was never landed are left for the next of its number."""
    patch.setattr(stedi.landing.ledger, "sweep", lambda store: None)


def forgotten_come_back(patch: Patch) -> None:
    """What forgotten people deliver again is landed."""
    patch.setattr(Keepout, "apply", lambda self, name, landed, *_: landed)


FAULTS: dict[str, tuple[Plant, str]] = {
    "a change of customers goes unnoticed": (
        unseen("customer_trusted", "customer_landing"),
        "consent is withdrawn and given again",
    ),
    "late partners are missed": (
        late_partners_missed,
        "a late step finds the reading of days ago",
    ),
    "late consent brings no readings in": (
        nobody_touched,
        "late consent under any brings all readings in",
    ),
    "a withdrawn person's earlier days are forgotten": (
        old_rows_stay,
        "consent is withdrawn and given again",
    ),
    "a changed device is not attributed anew": (
        nobody_touched,
        "a device is changed, and disagrees with the old one",
    ),
    "a second claimant leaves the first one's rows": (
        second_claimant_alone,
        "a device is claimed by a second person, by mistake",
    ),
    "a person without readings stays curated": (
        lost_readings_touch_nobody,
        "a changed file takes a person's readings back",
    ),
    "a new policy goes unnoticed": (policy_unseen, "the policy is switched and back"),
    "a killed run's tables count as refreshed": (begun_is_done, "a run is killed at tick 14"),
    "landed files are forgotten": (files_forgotten, "a file is repeated, alone and amid new lines"),
    "old lines of a changed file stay": (
        old_lines_stay,
        "a changed file takes a person's readings back",
    ),
    "lines of a batch that never landed count": (nothing_swept, "a run is killed at tick 3"),
    "forgotten people come back": (
        forgotten_come_back,
        "a forgotten person is delivered again",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_directed_history_finds(stage: Stage, monkeypatch: Patch, fault: str):
    plant, history = FAULTS[fault]
    plant(monkeypatch)
    with pytest.raises((AssertionError, StediError)):
        stage.live(DIRECTED[history], fresh=False)


@pytest.mark.skipif(not HUNT, reason="a hunt: STEDI_HISTORIES=1 and more")
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("fault", FAULTS)
def test_random_histories_find(monkeypatch: Patch, fault: str):
    plant, _ = FAULTS[fault]
    plant(monkeypatch)
    bounded = settings(
        max_examples=WITHIN,
        derandomize=True,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    assert find(plots(), breaks, settings=bounded)


def breaks(plot: Plot) -> bool:
    """Whether a history goes wrong; an error of the planting itself is not that."""
    try:
        live(plot, fresh=False)
    except (AssertionError, StediError):
        return True
    return False
