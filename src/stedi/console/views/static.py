"""Style and scripts, read once into memory: a name is looked up, never made a path."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).parent.parent / "static"
KINDS = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
UNSHIPPED = ("build.js", "codemirror.entry.js")


async def file(request: Request) -> Response:
    """One file; 404 for any other name."""
    name = request.path_params["name"]
    if name not in files():
        raise HTTPException(404, "there is no such file")
    body, kind, tag = files()[name]
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag})
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    return Response(body, media_type=kind, headers=headers)


@cache
def files() -> dict[str, tuple[bytes, str, str]]:
    """Bytes, media type and entity tag of each file by its name below static/."""
    found = {}
    for path in sorted(FOLDER.rglob("*")):
        if path.suffix in KINDS and path.name not in UNSHIPPED:
            body = path.read_bytes()
            tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
            found[path.relative_to(FOLDER).as_posix()] = (body, KINDS[path.suffix], tag)
    return found
