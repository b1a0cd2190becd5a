"""Holding a lake's files from the event loop, which waits for no storage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stedi.lake.readers import Hold


@asynccontextmanager
async def letting_go(hold: Hold) -> AsyncIterator[None]:
    """Let go of it after the block, in a thread: on S3 that takes requests."""
    try:
        yield
    finally:
        await asyncio.to_thread(hold.close)
