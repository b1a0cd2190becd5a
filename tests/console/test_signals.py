"""The signals: the readings as they are in the table, the true steps, and nobody's address."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import stedi
from console.conftest import ROLES
from console.serving import Client, Server, serving
from stedi.people import pseudonym

TABLE = "machine_learning_curated"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOVED = "([a, b]) => !location.href.includes(`since=${a}&until=${b}`)"
SERIES = ("x", "y", "z", "magnitude", "distance")


@pytest.fixture(scope="module")
def lake(master: Path) -> Iterator[stedi.Lake]:
    with stedi.open(master / "lake") as opened:
        yield opened


@pytest.fixture(scope="module")
def subject(lake: stedi.Lake) -> str:
    """Whoever has most readings."""
    sql = f"SELECT subject_id FROM {TABLE} GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
    return str(next(iter(lake.sql(sql)))["subject_id"])


def ms(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


def rows(lake: stedi.Lake, subject: str, since: int, until: int) -> list[dict[str, Any]]:
    """The readings of a subject from the table, with times in milliseconds."""
    sql = f"SELECT * FROM {TABLE} WHERE subject_id = '{subject}' ORDER BY timestamp, x, y, z"
    found = [{**row, "t": ms(row["timestamp"])} for row in lake.sql(sql)]
    return [row for row in found if since <= row["t"] <= until]


def ask(client: Client, subject: str, **options: object) -> Any:
    answer = client.get("/api/signals", params={"subject": subject, **options})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("role", ROLES)
def test_subjects_are_those_of_the_table(
    clients: dict[str, Client], lake: stedi.Lake, role: str
) -> None:
    found = clients[role].get("/api/signals/subjects").json()["subjects"]
    sql = (
        f"SELECT subject_id, count(*) AS readings, count(DISTINCT CAST(timestamp AS DATE)) AS days "
        f"FROM {TABLE} GROUP BY 1 ORDER BY readings DESC, subject_id"
    )
    assert found == list(lake.sql(sql))


def test_without_a_span_it_is_the_first_recording(
    clients: dict[str, Client], lake: stedi.Lake, subject: str
) -> None:
    found = ask(clients["scientist"], subject)
    times = [row["t"] for row in rows(lake, subject, 0, 2**60)]
    starts = [0, *(n for n in range(1, len(times)) if times[n] - times[n - 1] > 300_000)]
    ends = [*starts[1:], len(times)]
    assert len(starts) > 1
    assert found["recordings"] == [
        {"readings": end - start, "span": [times[start], times[end - 1]]}
        for start, end in zip(starts, ends, strict=True)
    ]
    assert found["span"] == found["recordings"][0]["span"]
    assert found["readings"] == found["recordings"][0]["readings"]


def test_a_small_span_holds_the_very_rows(
    clients: dict[str, Client], lake: stedi.Lake, subject: str
) -> None:
    since = ask(clients["scientist"], subject)["span"][0] + 1000
    found = ask(clients["scientist"], subject, since=since, until=since + 5000)
    expected = rows(lake, subject, since, since + 5000)
    assert (found["every"], found["readings"]) == (0, len(expected))
    told = found["columns"]
    assert told["t"] == [row["t"] for row in expected]
    assert told["distance"] == [row["distancefromobject"] for row in expected]
    for axis in "xyz":
        assert told[axis] == [row[axis] for row in expected]
    lengths = [(row["x"] ** 2 + row["y"] ** 2 + row["z"] ** 2) ** 0.5 for row in expected]
    assert told["magnitude"] == pytest.approx(lengths)
    assert found["figures"]["x"] == pytest.approx(
        [
            min(told["x"]),
            sum(told["x"]) / len(expected),
            max(told["x"]),
        ]
    )


@pytest.mark.parametrize("points", [10, 101, 1000, 4000])
def test_thinning_keeps_every_peak(
    clients: dict[str, Client], lake: stedi.Lake, subject: str, points: int
) -> None:
    made = ask(clients["scientist"], subject)["recordings"]
    since, until = made[0]["span"][0], made[-1]["span"][1]
    found = ask(clients["scientist"], subject, since=since, until=until, points=points)
    expected = rows(lake, subject, since, until)
    told = found["columns"]
    assert found["every"] > 0
    assert found["readings"] == len(expected) > points >= len(told["t"]) > min(points // 3, 800)
    assert told["t"] == sorted(told["t"])
    assert {(found["first"], found["last"])} == {(told["t"][0], told["t"][-1])}
    for column, stored in (("x", "x"), ("z", "z"), ("distance", "distancefromobject")):
        assert min(told[column]) == min(row[stored] for row in expected)
        assert max(told[column]) == max(row[stored] for row in expected)
    times = {row["t"] for row in expected}
    assert set(told["t"]) <= times


def test_a_pause_has_no_readings(clients: dict[str, Client], subject: str) -> None:
    first = ask(clients["scientist"], subject)["recordings"][0]["span"][0]
    found = ask(clients["scientist"], subject, since=first - 5000, until=first - 1)
    assert (found["readings"], found["columns"]["t"], found["figures"]) == (0, [], {})


def test_steps_are_those_of_the_truth(
    clients: dict[str, Client], lake: stedi.Lake, master: Path
) -> None:
    truth = pq.read_table(master / "feeds/truth/steps.parquet").to_pylist()
    key = lake.home.key()
    people = {pseudonym(key, row["person"]): row["person"] for row in truth}
    known = {one["subject_id"] for one in lake.sql(f"SELECT DISTINCT subject_id FROM {TABLE}")}
    assert known
    count = 0
    for subject in sorted(known):
        since, until = ask(clients["scientist"], subject)["span"]
        since += (until - since) // 3
        found = ask(clients["scientist"], subject, since=since, until=until)["steps"]
        stepped = [ms(r["time"]) for r in truth if r["person"] == people.get(subject)]
        expected = sorted(time for time in stepped if since <= time <= until)
        assert found == {"known": True, "count": len(expected), "times": expected}
        count += len(expected)
    assert count > len(known)


def test_no_answer_holds_an_address(
    clients: dict[str, Client], lake: stedi.Lake, subject: str
) -> None:
    people = {
        row["email"].strip().lower() for row in lake.sql("SELECT email FROM customer_landing")
    }
    for role in ROLES:
        client = clients[role]
        texts = [client.get(path).text for path in ("/signals", "/api/signals/subjects")]
        texts.append(client.get(f"/api/signals?subject={subject}").text)
        assert not [one for one in people for text in texts if one in text.lower()]
        assert "@" not in "".join(texts[1:])


@pytest.mark.parametrize(
    "subject",
    ["", "x", "0" * 64, "A" * 64, "0" * 63, "' OR true --" + "0" * 53, "..", "0" * 64 + "\n"],
)
def test_unknown_subjects_are_not_there(clients: dict[str, Client], subject: str) -> None:
    answer = clients["scientist"].get("/api/signals", params={"subject": subject})
    assert (answer.status_code, list(answer.json())) == (404, ["error"])


@pytest.mark.parametrize(
    "asked",
    [
        {"since": "1"},
        {"until": "1"},
        {"since": "5", "until": "4"},
        {"since": "-1", "until": "4"},
        {"since": "1.5", "until": "4"},
        {"since": "1", "until": "9" * 30},
        {"since": "²", "until": "4"},
        {"points": "9"},
        {"points": "4001"},
        {"points": "many"},
    ],
)
def test_bad_spans_are_refused(
    clients: dict[str, Client], subject: str, asked: dict[str, str]
) -> None:
    answer = clients["scientist"].get("/api/signals", params={"subject": subject, **asked})
    assert answer.status_code == 400
    assert re.search(r"since|until|points", answer.json()["error"])


def test_without_truth_no_steps_are_told(
    lake_folder: Path, tmp_path: Path, tab: Callable[..., Any]
) -> None:
    shutil.rmtree(lake_folder / "feeds" / "truth")
    with serving(lake_folder / "lake", tmp_path / "log") as server:
        client = server.signed_in("scientist")
        subject = client.get("/api/signals/subjects").json()["subjects"][0]["subject_id"]
        assert ask(client, subject)["steps"] == {"known": False, "count": 0, "times": []}
        page = tab("scientist", at=server)
        page.goto(f"/signals?subject={subject}")
        page.get_by_text("True steps are there only for lakes of simulated feeds").wait_for()


def test_an_empty_lake_says_so(empty: Server, tab: Callable[..., Any]) -> None:
    client = empty.signed_in("scientist")
    assert client.get("/api/signals/subjects").json()["subjects"] == []
    assert client.get(f"/api/signals?subject={'0' * 64}").status_code == 404
    assert client.get("/api/preview?table=customers_curated").json()["rows"] == []
    page = tab("scientist", at=empty)
    page.goto("/signals")
    page.get_by_text("No readings: nobody is in the table yet.").wait_for()
    page.goto("/tables/customers_curated")
    page.get_by_text("All 0 rows.").wait_for()
    assert "never published" in page.locator("main").inner_text()


def test_zooming_with_the_keyboard(tab: Callable[..., Any], subject: str) -> None:
    page = tab("scientist")
    page.goto("/signals")
    page.get_by_label("Most readings first").select_option(subject)
    whole = _span(page)
    for name in ("Zoom in", "Later", "Earlier", "Zoom out", "All recordings"):
        page.get_by_role("button", name=name).focus()
        before = _span(page)
        page.keyboard.press("Enter")
        page.wait_for_function(MOVED, arg=before)
        after = _span(page)
        if name == "Zoom in":
            assert after[1] - after[0] == pytest.approx((whole[1] - whole[0]) / 2, abs=2)
        if name == "All recordings":
            assert after[1] - after[0] > 3_600_000
    page.get_by_label("Recording").select_option(index=1)
    page.wait_for_function(MOVED, arg=whole)
    second = _span(page)
    assert second[0] > whole[1]
    page.get_by_role("button", name="Zoom in").press("Enter")
    page.wait_for_function(MOVED, arg=second)
    page.get_by_role("button", name="Whole recording").press("Enter")
    page.wait_for_url(re.compile(f"since={second[0]}&until={second[1]}"))


def _span(page: Any) -> list[int]:
    """What is shown, once it is there."""
    page.locator("#figures tbody tr").first.wait_for()
    found = re.search(r"since=(\d+)&until=(\d+)", page.url)
    assert found, page.url
    return [int(found[1]), int(found[2])]


def test_dragging_zooms_and_reads_finer_data(
    tab: Callable[..., Any], lake: stedi.Lake, subject: str
) -> None:
    page = tab("scientist")
    page.goto(f"/signals?subject={subject}")
    whole = _span(page)
    box = page.locator("#acceleration .u-over").bounding_box()
    y = box["y"] + box["height"] / 2
    with page.expect_response(lambda answer: "since=" in answer.url) as awaited:
        page.mouse.move(box["x"] + box["width"] * 0.25, y)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.5, y, steps=5)
        page.mouse.up()
    since, until = awaited.value.json()["span"]
    assert until - since == pytest.approx((whole[1] - whole[0]) / 4, rel=0.05)
    count = len(rows(lake, subject, since, until))
    page.get_by_text(re.compile(rf"^{count:,} readings, .*Every one is drawn")).wait_for()
    figures = page.locator("#figures tbody tr").all_inner_texts()
    assert [line.split()[0] for line in figures] == list(SERIES)
    assert all(f"{count:,}" in line for line in figures)
    page.locator("#distance .u-over").dblclick()
    page.wait_for_url(re.compile(f"since={whole[0]}&until={whole[1]}"))


def test_the_legend_is_used_by_keyboard(tab: Callable[..., Any], subject: str) -> None:
    page = tab("scientist")
    page.goto(f"/signals?subject={subject}")
    _span(page)
    button = page.get_by_role("button", name="magnitude")
    before = page.locator("#acceleration canvas").screenshot()
    button.press("Enter")
    assert button.get_attribute("aria-pressed") == "false"
    page.wait_for_timeout(200)
    assert page.locator("#acceleration canvas").screenshot() != before


def test_subjects_are_found_by_a_part(tab: Callable[..., Any], subject: str) -> None:
    page = tab("scientist")
    page.goto("/signals")
    page.get_by_text(re.compile(r"^\d+ subjects, all\.$")).wait_for()
    page.get_by_label("Find").fill(subject[10:40])
    assert page.locator("#subject option").count() == 1
    assert page.locator("#subject option").get_attribute("value") == subject


def test_it_fits_a_telephone_in_the_dark(tab: Callable[..., Any], subject: str) -> None:
    page = tab("scientist", viewport={"width": 360, "height": 740}, color_scheme="dark")
    page.goto(f"/signals?subject={subject}")
    _span(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    before = page.locator("#acceleration canvas").screenshot()
    page.get_by_role("button", name="Switch between light and dark").click()
    page.wait_for_timeout(300)
    assert page.locator("#acceleration canvas").screenshot() != before
