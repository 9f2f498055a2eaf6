"""How a running step says that it lives, and hears whether it is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from temporalio import activity

from thinmesh_core.beside import beside

HEARTBEAT_SECONDS = 0.5


def beating(details: Callable[[], tuple[object, ...]] = tuple) -> AbstractAsyncContextManager[None]:
    """Beats until left, each time with what is to be told of the step."""
    return beside(_beat(details))


async def _beat(details: Callable[[], tuple[object, ...]]) -> None:
    while True:
        activity.heartbeat(*details())
        await asyncio.sleep(HEARTBEAT_SECONDS)
