"""Who is in a lake, and looking them up in the console."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import stedi

FAR = 60_000  # milliseconds


def people(lake: Path) -> list[dict[str, Any]]:
    """Address and name of every customer."""
    sql = "SELECT lower(trim(email)) AS email, max(customername) AS name FROM customer_landing"
    with stedi.open(lake) as opened:
        return list(opened.sql(f"{sql} GROUP BY 1 ORDER BY 1"))


def somebody(lake: Path, table: str = "customers_curated", within: bool = True) -> str:
    """The first simulated person who has a row there, or who has none."""
    sql = f"SELECT DISTINCT lower(trim(email)) AS email FROM {table}"
    with stedi.open(lake) as opened:
        there = {row["email"] for row in opened.sql(sql)}
    found = (one["email"] for one in people(lake) if re.fullmatch(r"[\w.]+@\S+", one["email"]))
    return next(email for email in found if (email in there) == within)


def look_up(page: Any, email: str) -> None:
    """Type an address on the privacy page; wait for the answer."""
    page.goto("/privacy")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_role("button", name="Look up").click()
    page.get_by_role("heading", name="How long it is kept").wait_for(timeout=FAR)
