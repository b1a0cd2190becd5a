"""Pages out of templates, forms in, errors as pages or JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from stedi import __version__
from stedi.console.sessions import Session
from stedi.console.state import console_of

PAGES = Path(__file__).parent / "pages"
TITLES = {
    400: "That cannot be",
    401: "Sign in first",
    403: "Not for you",
    404: "Not here",
    405: "Not that way",
    409: "The lake is busy",
    413: "Too large",
    422: "Refused",
    429: "Too fast",
    500: "A fault",
    503: "The lake cannot be read",
}
NAVIGATION = (
    ("overview", "/", "Overview"),
    ("table", "/tables", "Tables"),
    ("query", "/sql", "SQL"),
    ("signals", "/signals", "Signals"),
    ("runs", "/runs", "Runs"),
    ("privacy", "/privacy", "Privacy"),
)


def page(request: Request, name: str, status: int = 200, /, **values: Any) -> Response:
    """A page for whoever is signed in (or nobody), from pages/<name>.html.

    Every template gets `session` (None for strangers), `board`, `here` (its own name), `nonce`.
    """
    text = (
        templates()
        .get_template(f"{name}.html")
        .render(
            here=name,
            session=getattr(request.state, "session", None),
            board=console_of(request).boards.now,
            nonce=request.scope["nonce"],
            **values,
        )
    )
    return HTMLResponse(text, status)


def fail(
    request: Request, status: int, message: str, extra: Mapping[str, Any] | None = None
) -> Response:
    """Why a request is not answered: JSON below /api/, else a page."""
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": message, **(extra or {})}, status)
    return page(request, "error", status, title=TITLES.get(status, "Error"), message=message)


def told_to(session: Session | None, trouble: str) -> str:
    """Why the lake cannot be read, for those who see how it works; others learn that it cannot."""
    if session is not None and "ops" in session.role.zones:
        return trouble
    return "the lake cannot be read just now; whoever runs it finds the reason with `stedi status`"


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a posted form (application/x-www-form-urlencoded); 413 if it is too large."""
    try:
        body = (await request.body()).decode("utf-8", "replace")
    except ClientDisconnect:
        raise HTTPException(413, "the request is too large, or took too long") from None
    return dict(parse_qsl(body, keep_blank_values=True, max_num_fields=100))


@cache
def templates() -> Environment:
    """The templates; every value is escaped."""
    made = Environment(
        loader=FileSystemLoader(PAGES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"number": number, "size": size, "moment": moment, "ago": ago, "span": span}
    made.globals |= {"told_to": told_to, "navigation": NAVIGATION, "version": __version__}
    return made


def number(value: Any) -> str:
    """1234567 as 1,234,567; nothing for None."""
    return "" if value is None else f"{value:,}"


def size(count: int) -> str:
    """Bytes in words: 1.4 MB."""
    scaled = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if scaled < 1000:
            return f"{scaled:,.0f} {unit}" if unit == "B" else f"{scaled:,.1f} {unit}"
        scaled /= 1000
    return f"{scaled:,.1f} TB"


def span(seconds: float | None) -> str:
    """Seconds in words: 0.42 s, 3 min 20 s."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, left = divmod(int(seconds), 60)
    return f"{minutes} min {left} s" if left else f"{minutes} min"


def moment(value: datetime | date | None) -> str:
    """2026-01-31 12:00:05 UTC; a date as it is; nothing for None."""
    if value is None:
        return ""
    if not isinstance(value, datetime):
        return value.isoformat()
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def ago(value: datetime | None) -> str:
    """How long ago, roughly: 5 minutes ago."""
    if value is None:
        return "never"
    seconds = (datetime.now(UTC) - value).total_seconds()
    for name, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {name}{'' if count == 1 else 's'} ago"
    return "just now"
