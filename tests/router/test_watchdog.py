"""The watchdog ends a silent call; a caller who leaves at that moment has left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from thinmesh_router.config import WatchdogConfig
from thinmesh_router.watchdog import SilentError, Watchdog

LIMITS = WatchdogConfig(first_event_seconds=0.01, idle_seconds=0.01)


class Silent:
    """A call by network that says nothing until it is cancelled, and what else happens then."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self._cancelled = asyncio.Event()
        self._meanwhile = meanwhile

    def cancel(self) -> bool:
        """Ends it."""
        self._meanwhile()
        self._cancelled.set()
        return True

    async def read(self) -> None:
        """As grpc.aio has it, a cancelled call raises this in whoever reads, whose task nobody cancelled."""
        await self._cancelled.wait()
        raise asyncio.CancelledError


async def watched(call: Silent) -> None:
    with Watchdog(call, LIMITS) as watchdog:
        watchdog.waits()
        await call.read()


async def test_a_silent_call_is_told_as_that() -> None:
    with pytest.raises(SilentError):
        await watched(Silent(lambda: None))


async def test_a_caller_who_leaves_in_the_same_moment_has_left() -> None:
    tasks: list[asyncio.Task[None]] = []

    def leave() -> None:
        tasks[0].cancel()

    tasks.append(asyncio.create_task(watched(Silent(leave))))
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]
    assert tasks[0].cancelled()
