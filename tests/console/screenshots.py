"""The pictures of the console in the documentation: `make screenshots`.

A lake of simulated people, the same each time; nothing in the pictures is of a real person.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import stedi
from console.browsing import launched
from console.serving import Server, serving
from stedi.simulate import simulate

SIZE = {"width": 1280, "height": 860}
QUERY = """\
SELECT date_trunc('hour', "timestamp") AS hour,
  count(*) AS readings,
  round(avg(sqrt(x * x + y * y + z * z)), 3) AS mean_acceleration
FROM machine_learning_curated
GROUP BY 1
ORDER BY 1"""


def overview(page: Any) -> None:
    """The flow, with the days of one reason."""
    page.goto("/")
    page.locator('#account a[data-reason="recorded before consent"]').first.click()
    page.locator("#days .bars").wait_for()
    page.evaluate("scrollTo(0, 0)")


def table(page: Any) -> None:
    """The training table's page with its preview."""
    page.goto("/tables/curated.machine_learning_curated")
    page.wait_for_timeout(1500)
    page.locator("#preview").scroll_into_view_if_needed()
    page.wait_for_timeout(2500)
    page.evaluate("document.getElementById('preview').scrollIntoView()")


def query(page: Any) -> None:
    """A query and its rows."""
    page.goto("/sql")
    editor = page.locator(".cm-content")
    editor.click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(QUERY)
    page.keyboard.press("ControlOrMeta+Enter")
    page.get_by_role("gridcell").first.wait_for()


def signals(page: Any) -> None:
    """One subject's readings and true steps."""
    page.goto("/signals")
    page.locator("#subject option").first.wait_for(state="attached")
    page.get_by_label("Most readings first").select_option(index=0)
    page.locator("canvas").first.wait_for()
    for _ in range(3):
        page.get_by_role("button", name="Zoom in").click()
        page.wait_for_timeout(1000)


def runs(page: Any) -> None:
    """What the runs did."""
    page.goto("/runs")


def privacy(page: Any) -> None:
    """A person looked up."""
    page.goto("/privacy")
    page.get_by_label("E-mail address").first.fill(page.person)
    page.keyboard.press("Enter")
    page.wait_for_url("**/privacy/person")


PICTURES: tuple[tuple[str, str, str, Callable[[Any], None]], ...] = (
    ("overview", "engineer", "light", overview),
    ("overview-dark", "engineer", "dark", overview),
    ("table", "scientist", "light", table),
    ("sql", "scientist", "light", query),
    ("signals", "scientist", "dark", signals),
    ("runs", "engineer", "light", runs),
    ("privacy", "privacy", "light", privacy),
)


def main(folder: Path) -> None:
    """Take every picture into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        simulate(root / "feeds", people=60, days=3, minutes=2, seed=11, dirty=0.001)
        with stedi.create(root / "lake") as lake:
            lake.run(root / "feeds")
            person = next(iter(lake.sql("SELECT min(email) AS email FROM customers_curated")))
        with serving(root / "lake", root / "log") as server, launched() as browser:
            for name, role, scheme, take in PICTURES:
                _take(browser, server, role, scheme, take, folder / f"{name}.png", person["email"])


def _take(
    browser: Any,
    server: Server,
    role: str,
    scheme: str,
    take: Callable[[Any], None],
    file: Path,
    person: str,
) -> None:
    context = browser.new_context(base_url=server.url, viewport=SIZE, color_scheme=scheme)
    context.add_cookies(server.cookies(role))
    page = context.new_page()
    page.person = person
    take(page)
    page.wait_for_timeout(500)
    page.screenshot(path=file)
    context.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
