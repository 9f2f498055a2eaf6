"""How a running step says that it lives, and hears whether it is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from temporalio import activity

HEARTBEAT_SECONDS = 0.5


@asynccontextmanager
async def beating(details: Callable[[], tuple[object, ...]] = tuple) -> AsyncIterator[None]:
    """Beats until left, each time with what is to be told of the step."""
    task = asyncio.create_task(_beat(details))  # no group: what fails inside would leave as a group of one
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _beat(details: Callable[[], tuple[object, ...]]) -> None:
    while True:
        activity.heartbeat(*details())
        await asyncio.sleep(HEARTBEAT_SECONDS)
