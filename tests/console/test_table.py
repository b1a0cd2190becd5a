"""The pages of tables: what they say is what the lake holds, and nobody sees more than they may."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

import stedi
from console.conftest import MARKUP, ROLES
from console.serving import Client
from stedi.console.charts import FLOOR, TOP, rows_over_time
from stedi.console.preview import ROWS, Wish, enough
from stedi.contract import load_tables
from stedi.contract.roles import load_roles
from stedi.lake.model import DataFile, Source

CURATED = "curated.customers_curated"
LANDED = "landing.accelerometer_landing"
TRAINING = "curated.machine_learning_curated"
SQL = re.compile(r'<pre id="sql".*?</pre>', re.DOTALL)


@pytest.fixture(scope="module")
def lake(master: Path) -> Iterator[stedi.Lake]:
    with stedi.open(master / "lake") as opened:
        yield opened


def preview(client: Client, table: str, *filters: list[str], **options: str) -> Any:
    answer = client.get(
        "/api/preview", params={"table": table, "filter": json.dumps(filters), **options}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def values(found: Any, column: str) -> list[Any]:
    place = [one["name"] for one in found["columns"]].index(column)
    return [row[place] for row in found["rows"]]


def _read(page: Any) -> None:
    """Wait until the preview is there."""
    page.locator("#told", has_text=re.compile(r"^(All|The first) [\d,]+ (of|rows\.)")).wait_for()


@pytest.mark.parametrize("role", ROLES)
def test_the_dictionary_of_every_table_is_complete(clients: dict[str, Client], role: str) -> None:
    listed = clients[role].get("/tables").text
    for table in load_tables().values():
        seen = load_roles()[role].columns(table)
        answer = clients[role].get(f"/tables/{table.full_name}")
        assert answer.status_code == (200 if seen else 404)
        assert (f"/tables/{table.full_name}" in listed) == bool(seen)
        if seen:
            assert clients[role].get(f"/tables/{table.name}").text.count("<h1") == 1
            told = re.findall(r'<tr data-column="([^"]+)">(.*?)</tr>', answer.text, re.DOTALL)
            assert [name for name, _ in told] == [column.name for column in seen]
            for column, (_, row) in zip(seen, told, strict=True):
                assert column.type in row
                assert ">no<" in row if column.pii == "none" else f">{column.pii}<" in row
            withheld = len(table.columns) - len(seen)
            assert (f"{withheld} column" in answer.text) == bool(withheld)


def test_units_and_how_it_is_made_are_told(clients: dict[str, Client]) -> None:
    text = clients["engineer"].get(f"/tables/{TRAINING}").text
    assert "as delivered by the app" in text
    assert "HMAC-SHA256 (RFC 2104)" in text
    assert "every field is there" in text
    for source in load_tables()["machine_learning_curated"].sources:
        assert f'href="/tables/{load_tables()[source].full_name}"' in text


def test_a_scientist_sees_nothing_that_identifies(
    clients: dict[str, Client], lake: stedi.Lake
) -> None:
    people = lake.sql("SELECT customername, email, phone, serialnumber FROM customer_landing")
    secrets = {str(value) for row in people for value in row.values()} - {MARKUP}
    hidden = {"customername", "email", "birthday", "serialnumber"}
    for table in load_roles()["scientist"].tables():
        page = SQL.sub("", clients["scientist"].get(f"/tables/{table.full_name}").text)
        answers = [clients["scientist"].get(f"/api/preview?table={table.name}").text]
        for column in load_roles()["scientist"].columns(table):
            name = f"{table.full_name}.{column.name}"
            answers.append(clients["scientist"].get(f"/api/lineage?column={name}").text)
        for text in (page, *answers):
            assert not hidden & set(re.findall(r"\w+", text.lower()))
            assert not [one for one in secrets if one in text]


@pytest.mark.parametrize(
    "query",
    [
        "table=customer_trusted",
        "table=landing.customer_landing",
        "table=runs",
        "table=nothing",
        "table=customers_curated;DROP TABLE x",
        "table=curated.customers_curated%22--",
        "table=../../etc/passwd",
        "table=",
    ],
)
def test_other_tables_are_not_there(clients: dict[str, Client], query: str) -> None:
    answer = clients["scientist"].get(f"/api/preview?{query}")
    assert (answer.status_code, list(answer.json())) == (404, ["error"])
    hidden = clients["scientist"].get("/tables/landing.customer_landing")
    unknown = clients["scientist"].get("/tables/landing.nothing_here")
    assert (hidden.status_code, unknown.status_code) == (404, 404)
    assert hidden.text.count("no such table for you") == unknown.text.count("no such table for you")


def test_hidden_columns_cannot_be_asked_of(clients: dict[str, Client]) -> None:
    for asked in (
        {"sort": "email"},
        {"filter": '[["email", "contains", "a"]]'},
        {"filter": '[["birthday", "is null"]]'},
    ):
        answer = clients["scientist"].get("/api/preview", params={"table": CURATED, **asked})
        assert answer.status_code == 400
        assert "there is no column" in answer.json()["error"]
    assert clients["scientist"].get(f"/api/lineage?column={CURATED}.email").status_code == 404


@pytest.mark.parametrize("desc", ["0", "1"])
@pytest.mark.parametrize("column", ["timestamp", "x", "user"])
def test_sorting_is_that_of_the_rows(
    clients: dict[str, Client], lake: stedi.Lake, column: str, desc: str
) -> None:
    found = preview(clients["engineer"], LANDED, sort=column, desc=desc)
    rows = lake.sql(f'SELECT "{column}" AS v FROM accelerometer_landing').to_arrow()["v"]
    expected = sorted(rows.to_pylist(), reverse=desc == "1")[:ROWS]
    if column == "timestamp":
        shown = [datetime.fromisoformat(one) for one in values(found, column)]
    else:
        shown = values(found, column)
    assert shown == expected
    assert found["total"] == len(rows)


@pytest.mark.parametrize(
    ("filters", "where"),
    [
        ([["x", ">", "3.5"]], "x > 3.5"),
        ([["x", "<=", "-1"], ["z", "<", "0"]], "x <= -1 AND z < 0"),
        ([["user", "contains", "@test"]], "contains(\"user\", '@test')"),
        ([["user", "=", "nobody"]], "false"),
        (
            [["timestamp", ">=", "2026-01-06T00:00"]],
            "timestamp >= TIMESTAMPTZ '2026-01-06 00:00:00+00'",
        ),
        (
            [["timestamp", "<", "2026-01-06T01:00:00+01:00"]],
            "timestamp < TIMESTAMPTZ '2026-01-06 00:00:00+00'",
        ),
        ([["y", "is null"]], "y IS NULL"),
        ([["y", "is not null"]], "y IS NOT NULL"),
        ([["y", "contains", "9.8"]], "contains(CAST(y AS VARCHAR), '9.8')"),
    ],
)
def test_filters_match_what_sql_matches(
    clients: dict[str, Client], lake: stedi.Lake, filters: list[list[str]], where: str
) -> None:
    found = preview(clients["engineer"], LANDED, *filters)
    sql = f"SELECT count(*) AS n FROM accelerometer_landing WHERE {where}"
    expected = next(iter(lake.sql(sql)))["n"]
    assert (found["total"], len(found["rows"])) == (expected, min(expected, ROWS))


def test_filters_of_whole_numbers_and_dates(clients: dict[str, Client], lake: stedi.Lake) -> None:
    for table, filters, where in (
        (TRAINING, ["distancefromobject", "<", "230"], "distancefromobject < 230"),
        ("files", ["size", ">", "1000"], "size > 1000"),
        (CURATED, ["birthday", "<", "1960-01-01"], "birthday < DATE '1960-01-01'"),
    ):
        bare = table.rpartition(".")[2]
        expected = next(iter(lake.sql(f"SELECT count(*) AS n FROM {bare} WHERE {where}")))["n"]
        assert preview(clients["engineer"], table, filters)["total"] == expected > 0


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"sort": "nothing"}, "there is no column 'nothing'"),
        ({"sort": 'x" DESC; DROP TABLE t --'}, "there is no column"),
        ({"desc": "yes"}, "use 1 for descending"),
        ({"filter": '[["x", "LIKE", "1"]]'}, "there is no operator 'LIKE'"),
        ({"filter": '[["x", "= 1 OR 1 =", "1"]]'}, "there is no operator"),
        ({"filter": '[["x) OR (1", "=", "1"]]'}, "there is no column"),
        ({"filter": '[["x", "=", "1 OR true"]]'}, "x: '1 OR true' is not a number"),
        ({"filter": '[["x", "=", "nan"]]'}, "is not a number"),
        ({"filter": '[["timestamp", "<", "yesterday"]]'}, "is not a time such as"),
        ({"filter": '[["timestamp", "<", "0001-01-01T00:00+23:00"]]'}, "is not a time such as"),
        ({"filter": '[["user", "=", "a\\u0000b"]]'}, "none of them NUL"),
        ({"filter": json.dumps([["user", "=", "a" * 1001]])}, "up to 1000 characters"),
        ({"filter": json.dumps([["x", "=", "1"]] * 51)}, "filter is a JSON list"),
        ({"filter": "[" * 5000}, "filter is a JSON list"),
        ({"filter": '{"x": 1}'}, "filter is a JSON list"),
        ({"filter": '[["x", "=", 1]]'}, "a filter is [column, operator, value]"),
        ({"filter": '[["x"]]'}, "a filter is [column, operator, value]"),
    ],
)
def test_what_cannot_be_asked_is_said(
    clients: dict[str, Client], asked: dict[str, str], told: str
) -> None:
    answer = clients["engineer"].get("/api/preview", params={"table": LANDED, **asked})
    assert answer.status_code == 400
    assert told in answer.json()["error"]


@pytest.mark.parametrize(
    "value", ["' OR true --", "'' OR 1=1", "\\' OR true", "$$ OR true", "'); DROP TABLE t; --"]
)
def test_values_stay_values(clients: dict[str, Client], value: str) -> None:
    for operator in ("=", "contains"):
        assert preview(clients["engineer"], CURATED, ["email", operator, value])["total"] == 0
    found = preview(clients["engineer"], CURATED, ["email", "<>", value])
    assert found["total"] == preview(clients["engineer"], CURATED)["total"] > 0


def test_time_travel_shows_the_rows_of_then(
    clients: dict[str, Client], lake: stedi.Lake, tab: Callable[..., Any]
) -> None:
    versions = [version for _, version in lake.history("customer_landing")]
    first, last = versions[0], versions[-1]
    assert first.rows < last.rows
    found = preview(clients["engineer"], "customer_landing", as_of=str(first.id))
    assert (found["total"], len(found["rows"])) == (first.rows, first.rows)
    page = tab("engineer")
    page.goto("/tables/landing.customer_landing")
    page.get_by_text(f"All {last.rows} rows.").wait_for()
    page.locator(f'tr[data-snapshot="{first.id}"] a', has_text="as of then").click()
    page.get_by_text(f"As of snapshot {first.id}").wait_for()
    page.get_by_text(f"All {first.rows} rows.").wait_for()
    page.get_by_role("link", name="Back to now").click()
    page.get_by_text(f"All {last.rows} rows.").wait_for()


@pytest.mark.parametrize("number", ["1", "abc", "2026-01-01", "' OR 1=1", "9" * 400])
def test_unknown_snapshots_are_said_to_be(clients: dict[str, Client], number: str) -> None:
    asked = {"as_of": number}
    page = clients["engineer"].get(f"/tables/{CURATED}", params=asked)
    answer = clients["engineer"].get("/api/preview", params={"table": CURATED, **asked})
    assert (page.status_code, answer.status_code) == (404, 404)
    assert "has no snapshot" in page.text
    assert "expired" in answer.json()["error"]


def test_a_snapshot_of_another_table_is_none_of_this_one(
    clients: dict[str, Client], lake: stedi.Lake
) -> None:
    other = lake.history("customer_landing")[0][1].id
    assert clients["engineer"].get(f"/tables/{CURATED}?as_of={other}").status_code == 404


def test_history_is_listed_newest_first(clients: dict[str, Client], lake: stedi.Lake) -> None:
    text = clients["engineer"].get("/tables/landing.customer_landing").text
    known = [str(version.id) for _, version in lake.history("customer_landing")]
    assert re.findall(r'<tr data-snapshot="(\d+)"', text) == known[::-1]
    assert text.count("<circle") == len(known)
    assert "style=" not in text


def test_sorting_and_filtering_in_the_page(tab: Callable[..., Any], lake: stedi.Lake) -> None:
    page = tab("scientist")
    page.goto(f"/tables/{TRAINING}")
    header = page.locator('#grid th[data-name="distancefromobject"]')
    header.get_by_role("button").click()
    page.locator('#grid:not([aria-busy]) th[data-name="distancefromobject"][aria-sort]').wait_for()
    assert header.get_attribute("aria-sort") == "ascending"
    header.get_by_role("button").press("Enter")
    assert header.get_attribute("aria-sort") == "descending"
    page.get_by_label("How distancefromobject is compared").select_option("<")
    page.get_by_label("distancefromobject filter").fill("230")
    sql = "SELECT count(*) AS n FROM machine_learning_curated WHERE distancefromobject < 230"
    expected = next(iter(lake.sql(sql)))["n"]
    page.get_by_text(
        re.compile(rf"^(The first 500 of )?{expected:,} rows (that )?match\.$")
    ).wait_for()
    cells = page.locator("#grid tbody tr td:last-child").all_inner_texts()
    assert len(cells) == min(expected, ROWS)
    assert max(map(int, cells)) < 230
    assert cells == sorted(cells, key=int, reverse=True)
    page.get_by_label("distancefromobject filter").fill("near")
    page.get_by_text("'near' is not a whole number").wait_for()


def test_markup_of_the_feeds_is_shown_as_text(tab: Callable[..., Any]) -> None:
    page = tab("engineer")
    page.goto("/tables/customer_landing")
    page.get_by_label("customername filter").fill("<script>")
    page.get_by_text("1 row matches.").wait_for()
    cells = page.locator("#grid tbody td").all_inner_texts()
    assert MARKUP in cells
    assert '"><img src=x onerror=alert(1)>@test.com' in cells
    assert page.locator("#grid img, #grid script, #grid svg").count() == 0
    assert "null" in cells
    page.goto("/tables/quarantine")
    _read(page)
    assert page.locator("#grid tbody tr").count() > 0
    assert page.locator("#grid script").count() == 0


def test_lineage_opens_on_click(tab: Callable[..., Any]) -> None:
    page = tab("engineer")
    page.goto(f"/tables/{TRAINING}")
    page.get_by_role("button", name="subject_id").first.press("Enter")
    panel = page.locator("#lineage")
    panel.get_by_text("customers_curated").first.wait_for()
    text = panel.inner_text()
    assert "keyed hash" in text
    assert "landing.customer_landing" in text
    assert panel.get_by_role("link", name="landing.customer_landing").count() == 1
    page.goto("/tables/landing.customer_landing")
    page.locator('[data-lineage$=".email"]').click()
    panel.get_by_role("link", name=TRAINING).first.wait_for()
    assert "Nothing further up" in panel.inner_text()


def test_lineage_tells_a_scientist_tables_but_no_hidden_columns(
    clients: dict[str, Client], tab: Callable[..., Any]
) -> None:
    found = clients["scientist"].get(f"/api/lineage?column={TRAINING}.subject_id").json()
    assert {one["flow"] for one in found["sources"]} == {"keyed hash", "copied"}
    assert {one["column"] for one in found["sources"]} == {None}
    opened = {one["table"]: one["open"] for one in found["sources"]}
    assert opened[CURATED]
    assert not opened["landing.customer_landing"]
    page = tab("scientist")
    page.goto(f"/tables/{TRAINING}")
    page.locator('[data-lineage$=".subject_id"]').click()
    panel = page.locator("#lineage")
    panel.get_by_text("(a column withheld from you)").first.wait_for()
    assert panel.get_by_role("link", name="landing.customer_landing").count() == 0


@pytest.mark.parametrize("column", ["", "x", f"{TRAINING}.nothing", "a.b.c", "landing.x.email"])
def test_unknown_columns_have_no_lineage(clients: dict[str, Client], column: str) -> None:
    answer = clients["engineer"].get("/api/lineage", params={"column": column})
    assert (answer.status_code, list(answer.json())) == (404, ["error"])


def test_it_fits_a_telephone_in_the_dark(tab: Callable[..., Any]) -> None:
    page = tab("engineer", viewport={"width": 360, "height": 740}, color_scheme="dark")
    for path in ("/tables", f"/tables/{CURATED}", f"/tables/{TRAINING}"):
        page.goto(path)
        if path != "/tables":
            _read(page)
            page.locator("[data-lineage]").first.click()
            page.locator("#lineage h3").nth(1).wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def files(*days: tuple[int, int, int]) -> Source:
    made = [
        DataFile(f"/{n}", rows, 1, date(2026, 1, first), date(2026, 1, last))
        for n, (first, last, rows) in enumerate(days)
    ]
    return Source("accelerometer_landing", [], made)


def test_only_files_that_may_hold_the_first_rows_are_read() -> None:
    table = load_tables()["accelerometer_landing"]
    source = files((3, 3, 400), (1, 1, 300), (2, 2, 300), (1, 9, 10), (4, 4, 900))
    chosen = {
        way: [file.path for file in enough(source, table, wish).files]
        for way, wish in {
            "any": Wish(),
            "first": Wish(sort="timestamp"),
            "last": Wish(sort="timestamp", desc=True),
            "other": Wish(sort="x"),
        }.items()
    }
    assert chosen["any"] == ["/0", "/1"]
    assert chosen["first"] == ["/1", "/2", "/3"]
    assert chosen["last"] == ["/3", "/4"]
    assert len(chosen["other"]) == 5


def test_the_chart_is_to_scale() -> None:
    times = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 5)]
    chart = rows_over_time(list(zip(times, (0, 30, 100), strict=True)), times[-1])
    assert chart is not None
    assert [rows for _, rows in chart.lines] == [0, 25, 50, 75, 100]
    assert (chart.points[0].y, chart.points[2].y) == (FLOOR, TOP)
    assert chart.points[2].x == chart.right
    assert rows_over_time([], times[0]) is None
    for most in (0, 1, 3, 7, 12, 99, 101, 4_073_332):
        flat = rows_over_time([(times[0], most)], times[0])
        assert flat is not None
        assert flat.lines[-1][1] >= most
        assert flat.points[0].y >= TOP
