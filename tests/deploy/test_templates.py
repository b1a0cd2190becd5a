"""The templates hold what is claimed of them, and each planted mistake is caught."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from mistakes import MISTAKES, TOOLS, Mistake

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("deploy")]

Proof = dict[str, Any]
CLAIMS = [
    node.name
    for path in sorted((Path(__file__).parent / "inside").glob("claims_*.py"))
    for node in ast.parse(path.read_text()).body
    if isinstance(node, ast.FunctionDef)
    and any(isinstance(mark, ast.Name) and mark.id == "check" for mark in node.decorator_list)
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_planted_mistake_is_caught_by(mistake: Mistake, proof: Proof) -> None:
    found = proof["mistakes"][mistake.name]

    assert tuple(tool for tool in TOOLS if found[tool]) == mistake.caught, found


def test_the_page_counts_the_mistakes_as_they_are() -> None:
    page = (Path(__file__).parents[2] / "deploy" / "README.md").read_text()
    alone = sum(mistake.caught == ("assertions",) for mistake in MISTAKES)

    assert f"plants {len(MISTAKES)} mistakes" in page
    assert f"{alone} of them only the assertions" in page


def test_a_misspelt_key_is_gone_from_a_dict_and_refused_by_a_typed_class(proof: Proof) -> None:
    assert proof["trap"]["raw"] == {"BatchSize": 1}
    assert "batch_windoe" in proof["trap"]["refused"]


@pytest.mark.parametrize("claim", CLAIMS)
def test_the_templates_hold_that(claim: str, proof: Proof) -> None:
    assert proof["assertions"][claim] == ""


def test_they_hold_of_a_lake_with_other_settings_whose_data_may_go(proof: Proof) -> None:
    assert proof["otherwise"]["assertions"] == {}
    assert not any(proof["otherwise"]["protected"].values())


def test_there_are_claims_and_each_was_looked_at(proof: Proof) -> None:
    assert len(CLAIMS) > 30
    assert set(proof["assertions"]) == set(CLAIMS)


@pytest.mark.parametrize("tool", ["cfn-lint", "cfn-guard"])
def test_nothing_is_found_that_is_not_excused_where_it_stands_by(tool: str, proof: Proof) -> None:
    assert proof[tool] == []


def test_every_excuse_from_a_rule_has_its_reason(proof: Proof) -> None:
    excuses = [
        resource["Metadata"]["guard"]
        for template in proof["templates"].values()
        for resource in template["Resources"].values()
        if "guard" in resource.get("Metadata", {})
    ]

    assert excuses
    for excuse in excuses:
        assert set(excuse["SuppressedRules"]) == set(excuse["Reasons"])
        assert all(len(reason) > 20 for reason in excuse["Reasons"].values())


def test_no_custom_resource_runs_code_of_its_own(proof: Proof) -> None:
    kinds = {
        resource["Type"]
        for template in proof["templates"].values()
        for resource in template["Resources"].values()
    }

    assert not {kind for kind in kinds if "Lambda" in kind or kind.startswith("Custom")}
