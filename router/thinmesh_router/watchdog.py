"""Ends a call that is silent for too long, at the price of one timer a stream and not one an event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any, TypeVar

import grpc

from thinmesh_core.channel import Cancellable
from thinmesh_core.errors import MeshError, Reason
from thinmesh_router.config import WatchdogConfig

E = TypeVar("E")


class SilentError(MeshError):
    """The backend said nothing for too long."""

    def __init__(self) -> None:
        super().__init__(Reason.ENGINE_UNAVAILABLE, "The model's engine fell silent.")


class Watchdog:
    """Cancels `call` once a wait for it has taken `seconds`; `expired` tells that from every other cancellation.

    Only waits count: between `heard` and `waits` the reader has the event, and may take its time.
    """

    __slots__ = ("_call", "_loop", "_seconds", "_since", "_timer", "expired")

    def __init__(self, call: Cancellable, seconds: float) -> None:
        self.expired = False
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._since: float | None = None
        self._timer = self._loop.call_later(seconds, self._look)

    def waits(self) -> None:
        """A wait begins."""
        self._since = self._loop.time()

    def heard(self) -> None:
        """The wait is over."""
        self._since = None

    def expect(self, seconds: float) -> None:
        """From now on a wait may take so long."""
        self._seconds = seconds
        self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._look)

    def close(self) -> None:
        """Looks no more."""
        self._timer.cancel()

    def _look(self) -> None:
        waited = 0.0 if self._since is None else self._loop.time() - self._since
        if waited >= self._seconds:
            self.expired = True
            self._call.cancel()
        else:
            self._timer = self._loop.call_later(self._seconds - waited, self._look)


async def watched(stream: Any, limits: WatchdogConfig, check: Callable[[E], None]) -> AsyncGenerator[E, None]:
    """The stream's events, each checked, while it is never silent for too long; ENGINE_UNAVAILABLE once it is.

    Only the wait for the backend is timed: a slow reader is nobody's fault.
    """
    watchdog = Watchdog(stream, limits.first_event_seconds)
    fresh = True
    try:
        while True:
            watchdog.waits()
            event = await stream.read()
            watchdog.heard()
            if event is grpc.aio.EOF:
                return
            if fresh:
                watchdog.expect(limits.idle_seconds)
                fresh = False
            check(event)
            yield event
    except (grpc.aio.AioRpcError, asyncio.CancelledError):
        if watchdog.expired:
            raise SilentError from None
        raise
    finally:
        watchdog.close()
