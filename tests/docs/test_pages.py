"""The pages say what is true: links lead somewhere, code runs, figures add up."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

from stedi.cli.app import app
from stedi.contract import load_tables
from stedi.contract.sql import KEPT, translations
from stedi.lake.policy import UpkeepPolicy
from stedi.simulate import simulate

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
PAGES = [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")), *DECISIONS]
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as they are made from their text."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for place, anchor in LINK.findall(page.read_text()):
        target = (page.parent / place).resolve() if place else page

        assert target.exists(), f"{page.name} links to {place}"
        assert not anchor or anchor in anchors(target), f"{page.name} links to {place}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_claims_more_than_pseudonyms(page: Path) -> None:
    assert "anonym" not in page.read_text().lower().replace("pseudonym", "")


SHOWN = re.compile(r"`(stedi [^`\n]+)`|^(stedi [^\n]+)$", re.M)
WORDS = re.compile(r"[^\s|.,;\])]+")


def told(page: Path) -> set[str]:
    """The commands that a page shows, without comments."""
    found = (inline or line for inline, line in SHOWN.findall(page.read_text()))
    return {text.partition("  #")[0] for text in found}


def unknown(text: str) -> list[str]:
    """The commands and options in a shown command that there are not."""
    entry: Any = typer.main.get_command(app)
    options = set(entry.params[0].opts) | {"--version", "--help"}
    wrong = []
    for word in WORDS.findall(text)[1:]:
        if getattr(entry, "commands", None) and not word.startswith("-"):
            entry = entry.commands.get(word)
            if entry is None:
                return [word]
            options |= {option for parameter in entry.params for option in parameter.opts}
        elif word.startswith("--") and word not in options:
            wrong.append(word)
    return wrong


@pytest.mark.parametrize("text", ["stedi forget EMAIL", "stedi subject erase", "stedi run --all"])
def test_a_command_that_is_not_there_is_found(text: str) -> None:
    assert len(unknown(text)) == 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_that_pages_show_are_there(page: Path) -> None:
    assert not {text: unknown(text) for text in told(page) if unknown(text)}


def test_the_page_on_privacy_tells_of_every_table_of_people_and_of_the_policy() -> None:
    text = (ROOT / "docs" / "privacy.md").read_text()
    policy = UpkeepPolicy()
    for table in load_tables().values():
        names = (f"{table.zone} tables", f"`{table.full_name}`")
        assert any(name in text for name in names), table.full_name

    assert f"`keep_days` old ({policy.keep_days}) or" in text
    assert f"`keep_snapshots` newer ones ({policy.keep_snapshots})" in text


def test_decisions_are_numbered_and_of_one_form() -> None:
    for number, page in enumerate(DECISIONS, start=1):
        text = page.read_text()

        assert page.name.startswith(f"{number:03}-")
        assert text.startswith(f"# {number:03}: ")
        for part in ("**Context.**", "**Choice.**", "**What it costs.**"):
            assert part in text, f"{page.name} lacks {part}"


def test_every_table_has_its_page() -> None:
    text = (ROOT / "docs" / "tables.md").read_text()

    for table in load_tables().values():
        assert f"\n### {table.full_name}\n" in text
        assert f"- Grain: {table.grain}\n" in text
        assert f"`{table.full_name}`" in README.read_text()


def test_figures_of_the_demo_add_up() -> None:
    shown = re.search(r"```text\n\$ stedi demo\n(.*?)```", README.read_text(), re.S)
    assert shown, "README.md shows no demo: run `STEDI_DEMO=1 make docs`"
    lines = re.findall(r"^(\w+\.\w+) +(\d+) +(\d+) +(\d+)", shown[1].replace(",", ""), re.M)

    assert [name for name, *_ in lines][-1] == "curated.machine_learning_curated"
    for name, *figures in lines:
        rows_in, rows_out, excluded = map(int, figures)
        assert rows_in == rows_out + excluded > 0, name


def test_kept_translations_are_those_of_the_queries() -> None:
    assert json.loads(KEPT.read_text()) == translations(), "run `python -m stedi.contract.sql`"


def test_python_of_the_readme_runs(tmp_path: Path) -> None:
    found = re.search(r"```python\n(.*?)```", README.read_text(), re.S)
    assert found
    simulate(tmp_path / "landing", people=4, days=1, minutes=0.2)
    (tmp_path / "eight_lines.py").write_text(found[1])
    done = subprocess.run(
        [sys.executable, "eight_lines.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert len(found[1].strip().splitlines()) <= 8
    assert "curated.machine_learning_curated" in done.stdout
