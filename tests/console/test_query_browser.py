"""The SQL page in a browser: writing and running, errors, grid, chart, history, the keyboard."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from console.serving import Server

SLOW = "SELECT count(*) FROM range(100000000) a(i), range(100000000) b(j) WHERE (i * j) % 7 = 3"
LONG = "SELECT i, 'r' || i AS t, CASE WHEN i % 2 = 0 THEN i END AS n FROM range({}) s(i) ORDER BY i"


@pytest.fixture
def sql(tab: Callable[..., Any]) -> Callable[..., Any]:
    """Opens the SQL page as a role."""

    def opened(role: str = "engineer", text: str = "", **options: Any) -> Any:
        page = tab(role, **options)
        page.goto(f"/sql#q={quote(text)}" if text else "/sql")
        return ready(page)

    return opened


def ready(page: Any) -> Any:
    page.locator("html[data-ready=sql]").wait_for(state="attached")
    return page


def write(page: Any, text: str) -> None:
    page.locator(".cm-content").focus()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(text)


def run(page: Any, text: str, told: str = "row") -> str:
    """Write and run; what the status then says."""
    write(page, text)
    page.locator("#run").click()
    return status(page, told)


def status(page: Any, told: str) -> str:
    page.locator("#status", has_text=told).wait_for()
    found: str = page.locator("#status").inner_text()
    return found


def cells(page: Any, row: int) -> list[str]:
    found: list[str] = page.locator(
        f'[aria-rowindex="{row + 2}"] [role=gridcell]'
    ).all_inner_texts()
    return found


def test_a_query_shows_its_rows(sql: Callable[..., Any]) -> None:
    page = sql()
    told = run(page, "SELECT 7 AS seven, 'x<b>y</b>' AS text, NULL AS nothing, [1, 2] AS list")
    assert told.startswith("1 row in ")
    grid = page.get_by_role("grid", name="Rows of the result")
    assert (grid.get_attribute("aria-rowcount"), grid.get_attribute("aria-colcount")) == ("2", "4")
    heads = page.get_by_role("columnheader").all_inner_texts()
    assert heads == ["seven\ninteger", "text\nvarchar", "nothing\nnull", "list\ninteger[]"]
    assert cells(page, 0) == ["7", "x<b>y</b>", "null", "[1,2]"]
    assert page.locator(".sheet .null").count() == 1
    align = (
        "getComputedStyle(document.querySelector('.sheet-row .number[role=gridcell]')).textAlign"
    )
    assert page.evaluate(align) == "right"


@pytest.mark.parametrize(
    ("text", "word", "message"),
    [
        ("SELECT 'é😀',\n  nothing FROM customers_curated", "nothing", "nothing"),
        ("SELECT 1 FROM customer_landing", "customer_landing", "there is no table"),
        ("SELECT *\nFROM", "FROM", "syntax error"),
        ("COPY customers_curated TO 'x'", "COPY", "only SELECT"),
    ],
)
def test_an_error_is_underlined_and_told(
    sql: Callable[..., Any], text: str, word: str, message: str
) -> None:
    page = sql("scientist")
    told = run(page, text, message)
    assert told.startswith(("Refused: ", "Failed: "))
    assert page.locator(".cm-lintRange-error").inner_text() == word
    assert page.locator("#status").get_attribute("aria-live") == "polite"
    assert page.evaluate("document.activeElement.className").startswith("cm-content")
    assert page.locator(".cm-content").get_attribute("aria-invalid") == "true"
    page.keyboard.press("Control+End")
    page.keyboard.type(" ")
    assert page.locator(".cm-lintRange-error").count() == 0


def offered(page: Any, text: str) -> set[str]:
    write(page, "")
    page.locator(".cm-content").press_sequentially(text)
    page.locator(".cm-tooltip-autocomplete").wait_for()
    return set(page.locator(".cm-completionLabel").all_inner_texts())


def test_completion_offers_what_the_role_sees(sql: Callable[..., Any]) -> None:
    page = sql("scientist")
    assert "customers_curated" in offered(page, "SELECT * FROM cust")
    assert offered(page, "SELECT * FROM curated.") == {
        "customers_curated",
        "machine_learning_curated",
    }
    seen = offered(page, "SELECT machine_learning_curated.")
    assert {"subject_id", "timestamp", "distancefromobject"} <= seen
    assert not seen & {"email", "user", "serialnumber"}
    assert "subject_id" in offered(page, "SELECT 1 FROM machine_learning_curated WHERE sub")
    for start in ("SELECT ema", "SELECT * FROM landing.cus", "SELECT * FROM customer_l"):
        write(page, "")
        page.locator(".cm-content").press_sequentially(start)
        page.wait_for_timeout(400)
        labels = page.locator(".cm-completionLabel").all_inner_texts()
        assert not {"email", "customer_landing", "landing"} & set(labels)
    engineer = sql("engineer")
    assert "customer_landing" in offered(engineer, "SELECT * FROM landing.cus")
    assert "email" in offered(engineer, "SELECT ema")


def test_the_tables_are_listed_and_put_in(sql: Callable[..., Any]) -> None:
    page = sql("scientist")
    names = page.locator("#tables summary").all_inner_texts()
    assert names == ["curated.customers_curated", "curated.machine_learning_curated"]
    write(page, "SELECT ")
    page.locator("#tables summary").last.click()
    page.locator("#tables").get_by_role("button", name="timestamp").click()
    assert page.locator(".cm-content").inner_text() == 'SELECT "timestamp"'


@pytest.mark.parametrize("rows", [200_000, 1_000_000])
def test_every_row_can_be_reached(sql: Callable[..., Any], rows: int) -> None:
    page = sql()
    assert run(page, LONG.format(rows), f"{rows:,} rows").startswith(f"{rows:,} rows")
    grid = page.locator(".sheet")
    grid.focus()
    page.keyboard.press("Control+End")
    last = str(rows - 1)
    page.locator(f'[aria-rowindex="{rows + 1}"]', has_text=f"r{last}").wait_for()
    assert cells(page, rows - 1) == [last, f"r{last}", "null"]
    assert page.evaluate("document.activeElement.getAttribute('aria-activedescendant')").startswith(
        f"cell-{last}-"
    )
    for _ in range(30):
        page.keyboard.press("ArrowUp")
    page.locator(f"#cell-{rows - 31}-2[aria-selected=true]").wait_for()
    page.evaluate("(at) => document.querySelector('.sheet').scrollTop = at", 10**9)
    page.locator(f'[aria-rowindex="{rows + 1}"]', has_text=f"r{last}").wait_for()
    half = "() => { const s = document.querySelector('.sheet'); s.scrollTop = s.scrollHeight / 2; }"
    page.evaluate(half)
    page.wait_for_function(
        """(half) => { const row = document.querySelector('.sheet-layer .sheet-row');
        const at = row.getAttribute('aria-rowindex') - 2;
        return Math.abs(at - half) < 50 && row.textContent.startsWith(`${at}r${at}`); }""",
        arg=rows // 2,
    )
    page.keyboard.press("Control+Home")
    page.locator("#cell-0-0[aria-selected=true]", has_text="0").wait_for()
    assert page.locator(".sheet-layer .sheet-row").count() < 60


def test_the_grid_follows_the_keys(sql: Callable[..., Any]) -> None:
    page = sql()
    run(page, LONG.format(1000), "1,000 rows")
    page.locator(".sheet").focus()

    def chosen() -> str:
        found: str = page.locator(".sheet-layer [aria-selected=true]").get_attribute("id")
        assert page.locator(".sheet").get_attribute("aria-activedescendant") == found
        return found.removeprefix("cell-")

    assert chosen() == "0-0"
    steps = {"ArrowDown": "1-0", "ArrowRight": "1-1", "End": "1-2", "Home": "1-0", "ArrowUp": "0-0"}
    for key, cell in {**steps, "ArrowLeft": "0-0"}.items():
        page.keyboard.press(key)
        assert chosen() == cell, key
    page.keyboard.press("PageDown")
    down = int(chosen().partition("-")[0])
    assert 5 < down < 40
    page.keyboard.press("PageUp")
    assert chosen() == "0-0"


def test_a_cell_is_copied(sql: Callable[..., Any]) -> None:
    page = sql(permissions=["clipboard-read", "clipboard-write"])
    run(page, "SELECT 1 AS a, 'copied text' AS b")
    page.locator(".sheet").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Control+c")
    assert page.evaluate("navigator.clipboard.readText()") == "copied text"


def test_cancel_ends_a_running_query(sql: Callable[..., Any]) -> None:
    page = sql()
    assert not page.locator("#cancel").is_visible()
    write(page, SLOW)
    page.locator("#run").click()
    page.locator("#elapsed", has_text="1.").wait_for()
    assert page.locator("#run").is_disabled()
    page.locator("#cancel").click()
    page.locator("#status", has_text="Cancelled").wait_for(timeout=1500)
    assert not page.locator("#cancel").is_visible()
    assert run(page, "SELECT 42 AS answer").startswith("1 row in")
    assert cells(page, 0) == ["42"]


def test_what_was_cut_is_told(sql: Callable[..., Any]) -> None:
    page = sql()
    told = run(page, "SELECT i FROM range(1000001) t(i)", "cut")
    assert told.startswith("the first 1,000,000 rows in ")
    assert told.endswith("cut at the limit of rows: there are more")
    assert "the first 1,000,000 rows" in page.locator("#limits").inner_text()


def test_saved_queries_run_on_a_click(sql: Callable[..., Any]) -> None:
    page = sql("scientist")
    page.get_by_role("button", name="Rows of the curated tables").click()
    told = status(page, "rows")
    assert told.startswith("2 rows, computed once for everybody")
    assert page.locator(".cm-content").inner_text().startswith("SELECT 'customers_curated'")
    assert cells(page, 0)[0] in {"customers_curated", "machine_learning_curated"}


def test_an_older_version_is_chosen(sql: Callable[..., Any]) -> None:
    page = sql()
    count = "SELECT count(*) AS n FROM customer_landing"
    run(page, count)
    new = int(cells(page, 0)[0])
    moments = page.locator("#moments option", has_text="customer_landing")
    page.locator("#as-of").fill(moments.last.get_attribute("value"))
    page.locator("#run").click()
    page.locator("#run:not([disabled])").wait_for()
    page.wait_for_function(f"() => document.querySelector('#cell-0-0').textContent !== '{new}'")
    assert 0 < int(cells(page, 0)[0]) < new


def drawn(page: Any) -> int:
    """How many pixels of the chart are not empty."""
    page.locator(".plot canvas").wait_for()
    page.wait_for_timeout(100)
    count: int = page.evaluate(
        """() => { const c = document.querySelector('.plot canvas');
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        let n = 0; for (let i = 3; i < d.length; i += 4) if (d[i]) n += 1; return n; }"""
    )
    return count


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "SELECT i, sin(i / 100) AS y FROM range(20000) t(i)",
            "Lines of every 4th of 20,000 rows.",
        ),
        ("SELECT 'c' || i AS c, i AS n FROM range(9) t(i)", "Bars of all 9 rows."),
        ("SELECT 'c' || i AS c, i AS n FROM range(900) t(i)", "Bars of the first 200 of 900 rows."),
        (
            "SELECT DATE '2026-01-01' + i::int AS d, i AS n FROM range(9) t(i)",
            "Bars of all 9 rows.",
        ),
        (
            "SELECT TIMESTAMP '2026-01-01' + to_hours(i) AS t, -i AS n, i * 2.5 AS m "
            "FROM range(99) t(i)",
            "Lines of all 99 rows.",
        ),
    ],
)
def test_a_chart_is_drawn(sql: Callable[..., Any], text: str, told: str) -> None:
    page = sql()
    run(page, text)
    page.get_by_role("tab", name="Chart").click()
    page.get_by_text(told, exact=True).wait_for()
    assert drawn(page) > 500
    assert page.get_by_role("img").get_attribute("aria-label")


def test_a_chart_follows_the_choice_and_the_theme(sql: Callable[..., Any]) -> None:
    page = sql(color_scheme="light")
    run(page, "SELECT i, i * 2 AS twice, -i AS less FROM range(50) t(i)")
    page.get_by_role("tab", name="Chart").click()
    label = page.get_by_role("img")
    drawn(page)
    assert label.get_attribute("aria-label").startswith("twice by i")
    page.get_by_label("less").check()
    page.locator('.plot[aria-label^="twice, less by i"]').wait_for()
    page.get_by_label("Across").select_option("twice")
    page.locator('.plot[aria-label^="twice, less by twice"]').wait_for()
    drawn(page)
    picture = "document.querySelector('.plot canvas').toDataURL()"
    light = page.evaluate(picture)
    page.get_by_role("button", name="Switch between light and dark").click()
    page.wait_for_function(f"(was) => {picture} !== was", arg=light)
    assert drawn(page) > 500


def test_nothing_to_draw_is_told(sql: Callable[..., Any]) -> None:
    page = sql()
    run(page, "SELECT 'a' AS text")
    page.get_by_role("tab", name="Chart").click()
    page.get_by_text("There is nothing to draw").wait_for()


def test_history_is_kept_here_put_back_and_cleared(sql: Callable[..., Any]) -> None:
    page = sql()
    run(page, "SELECT 1 AS first_one")
    run(page, "SELECT nonsense", "nonsense")
    page.reload()
    entries = ready(page).locator("#history li")
    assert [one.split("\n")[0] for one in entries.all_inner_texts()] == [
        "SELECT nonsense",
        "SELECT 1 AS first_one",
    ]
    assert "failed" in entries.first.inner_text()
    assert "1 row, " in entries.last.inner_text()
    entries.last.get_by_role("button").click()
    assert page.locator(".cm-content").inner_text() == "SELECT 1 AS first_one"
    kept = json.loads(page.evaluate("localStorage.getItem('stedi-history-engineer')"))
    assert [one["state"] for one in kept] == ["failed", "done"]
    page.get_by_role("button", name="Clear the history").click()
    assert entries.count() == 0
    assert page.evaluate("localStorage.getItem('stedi-history-engineer')") is None


def test_history_ends_at_a_hundred_and_survives_rubbish(sql: Callable[..., Any]) -> None:
    page = sql()
    many = [{"sql": f"SELECT {n}", "state": "done", "rows": 1, "seconds": 1} for n in range(100)]
    keep = "(text) => localStorage.setItem('stedi-history-engineer', text)"
    page.evaluate(keep, json.dumps(many))
    page.reload()
    run(ready(page), "SELECT 'new'")
    assert page.locator("#history li").count() == 100
    assert page.locator("#history li").first.inner_text().startswith("SELECT 'new'")
    for rubbish in ("{", "null", '[null, 1, {"sql": 5}]'):
        page.evaluate(keep, rubbish)
        page.reload()
        assert ready(page).locator("#history li").count() == 0


def test_the_text_survives_a_reload_and_a_link_brings_one(sql: Callable[..., Any]) -> None:
    page = sql(text="SELECT 'by link' AS l")
    assert page.locator(".cm-content").inner_text() == "SELECT 'by link' AS l"
    assert page.url.endswith("/sql"), "the query does not stay in the address"
    assert page.locator("#status").inner_text() == "", "it is not run by itself"
    write(page, "SELECT 'typed'")
    page.reload()
    assert ready(page).locator(".cm-content").inner_text() == "SELECT 'typed'"


def test_without_the_editor_there_is_a_textarea(
    chromium: Any,
    server: Server,  # a script that is missing is told: it is no `tab`
) -> None:
    context = chromium.new_context(base_url=server.url)
    context.add_cookies(server.cookies("scientist"))
    page = context.new_page()
    page.route("**/vendor/codemirror.js", lambda route: route.abort())
    page.goto("/sql")
    area = ready(page).get_by_label("One SELECT over the tables of your role")
    area.fill("SELECT 1 AS one")
    area.press("Control+Enter")
    status(page, "1 row in")
    area.fill("SELECT '😀', nothing")
    area.press("Control+Enter")
    status(page, "nothing")
    selected = "a => a.value.slice(a.selectionStart, a.selectionEnd)"
    assert area.evaluate(selected) == "nothing"
    context.close()


def test_by_keyboard_alone(sql: Callable[..., Any]) -> None:
    page = sql()
    seen: list[str] = []
    for _ in range(20):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id"))
        if seen[-1] == "code":
            break
    assert seen[-1] == "code"
    page.keyboard.type("SELECT 5 AS five")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+Enter")
    status(page, "1 row in")
    found = []
    for _ in range(9):
        page.keyboard.press("Tab")
        found.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert found[:6] == ["run", "as-of", "tab-table", "csv", "parquet", "sheet"]
    page.locator("#tab-table").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.id") == "tab-chart"
    assert page.locator("#panel-chart").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_all(sql: Callable[..., Any], scheme: str) -> None:
    page = sql(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    run(page, "SELECT i, repeat('wide ', 30) AS t, i * 1000000 AS n FROM range(99) s(i)")
    width = "document.documentElement.scrollWidth"
    assert page.evaluate(width) <= 360
    page.get_by_role("tab", name="Chart").click()
    assert drawn(page) > 500
    assert page.evaluate(width) <= 360


def test_rows_no_longer_kept_are_told(sql: Callable[..., Any]) -> None:
    page = sql()
    run(page, LONG.format(5000), "5,000 rows")
    page.route(
        "**/api/results/**", lambda route: route.fulfill(status=404, json={"error": "gone now"})
    )
    page.locator(".sheet").focus()
    page.keyboard.press("Control+End")
    status(page, "gone now")


def test_downloads_have_names_of_ours(sql: Callable[..., Any], tmp_path: Path) -> None:
    page = sql()
    run(page, "SELECT '=1+1' AS f")
    for suffix in ("csv", "parquet"):
        with page.expect_download() as waiting:
            page.locator(f"#{suffix}").click()
        assert waiting.value.suggested_filename.startswith("stedi-2")
        assert waiting.value.suggested_filename.endswith(f".{suffix}")
        assert Path(waiting.value.path()).stat().st_size > 5
