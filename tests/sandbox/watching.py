"""The processes of a sandbox's queries, as anybody on the machine sees them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from stedi.sandbox.runner import Sandbox


def nursery(box: Sandbox) -> int:
    """The process that forks one for each query."""
    assert box._process is not None
    return box._process.pid


def children(box: Sandbox) -> list[int]:
    """The processes of queries."""
    if box._process is None:
        return []
    number = box._process.pid
    return [int(one) for one in Path(f"/proc/{number}/task/{number}/children").read_text().split()]


def files(process: int | str) -> dict[str, str]:
    """What a process holds open, by number."""
    folder = Path(f"/proc/{process}/fd")
    return {one.name: str(one.readlink()) for one in folder.iterdir() if one.is_symlink()}


async def running(box: Sandbox, many: int = 1) -> int:
    """The process of the query that is about to start; waits until there are so many."""
    while len(found := children(box)) < many:
        await asyncio.sleep(0.02)
    return found[0]


def held(box: Sandbox) -> tuple[int, int, int]:
    """How much there is: files open here and in the process that forks, processes of queries."""
    return len(files("self")), len(files(nursery(box))), len(children(box))
