"""The store that routers share: how it is connected to, and how long it is waited for. Needs the extra `redis`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

T = TypeVar("T")

PUNCTUAL_SECONDS = 0.005
MOST_LOOKS = 5
"""An event loop that is later than that is busy itself, and looks for an answer again, so often at most."""


def connected(store: str) -> Redis:
    """A client that connects when it is asked, and tries nothing twice; ValueError or TypeError where it makes no sense."""
    redis = Redis.from_url(store, retry=Retry(NoBackoff(), 0), single_connection_client=True)
    pool = redis.connection_pool
    pool.connection_class(**pool.connection_kwargs)  # an option that it does not know is told now
    return redis


async def within(seconds: float, awaited: Coroutine[object, object, T]) -> T:
    """TimeoutError where it takes longer. Time for which this process was too busy to look is not counted."""
    task = asyncio.create_task(awaited)
    try:
        for _ in range(MOST_LOOKS):
            due = time.monotonic() + seconds
            await asyncio.wait({task}, timeout=seconds)
            if task.done():
                return task.result()
            late = time.monotonic() - due
            if late < PUNCTUAL_SECONDS:
                break
            seconds = min(late, seconds)
        raise TimeoutError
    finally:
        task.cancel()
        await asyncio.wait({task})
