"""The store that routers share is given its time to answer, and no more."""

from __future__ import annotations

import asyncio
import time

import pytest

from thinmesh_router import store


def block(seconds: float) -> None:
    """Keeps the event loop from running."""
    time.sleep(seconds)


async def test_a_router_that_is_busy_itself_does_not_take_its_store_for_silent() -> None:
    async def answer() -> int:
        await asyncio.sleep(0.01)
        await asyncio.sleep(0)
        return 7

    asked = asyncio.create_task(store.within(0.05, answer()))
    for _ in range(3):
        await asyncio.sleep(0)
    block(0.2)
    assert await asked == 7
    with pytest.raises(TimeoutError):
        await store.within(0.01, asyncio.sleep(60))
