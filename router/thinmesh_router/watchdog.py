"""Ends a call that is silent for too long, at the price of one timer a stream and not one an event."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

import grpc

from thinmesh_core.channel import Cancellable
from thinmesh_core.errors import MeshError, Reason
from thinmesh_router.config import WatchdogConfig


class SilentError(MeshError):
    """The backend said nothing for too long."""

    def __init__(self) -> None:
        super().__init__(Reason.ENGINE_UNAVAILABLE, "The model's engine fell silent.")


class Watchdog:
    """Cancels `call` once a wait for its next message has taken too long, and turns what comes of that into SilentError.

    Only waits count: between `heard` and `waits` the reader has the message and may take its time, for a slow reader is
    nobody's fault. A caller who leaves in the same moment has left: for nobody nothing is tried elsewhere.
    """

    __slots__ = ("_call", "_cancels", "_expired", "_fresh", "_limits", "_loop", "_since", "_timer")

    def __init__(self, call: Cancellable, limits: WatchdogConfig) -> None:
        self._call = call
        self._limits = limits
        self._expired = False
        self._fresh = True
        self._loop = asyncio.get_running_loop()
        self._since: float | None = None
        self._timer = self._loop.call_later(limits.first_event_seconds, self._look)

    def waits(self) -> None:
        """A wait begins."""
        self._since = self._loop.time()

    def heard(self) -> None:
        """The wait is over; the ones after the first may take less."""
        self._since = None
        if self._fresh:
            self._fresh = False
            self._timer.cancel()
            self._timer = self._loop.call_later(self._limits.idle_seconds, self._look)

    def __enter__(self) -> Self:
        """It looks from now on."""
        self._cancels = _cancels()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Looks no more."""
        self._timer.cancel()
        if not self._expired:
            return
        if isinstance(error, grpc.aio.AioRpcError) or (
            isinstance(error, asyncio.CancelledError) and _cancels() <= self._cancels
        ):
            raise SilentError from None

    def _look(self) -> None:
        seconds = self._limits.first_event_seconds if self._fresh else self._limits.idle_seconds
        waited = 0.0 if self._since is None else self._loop.time() - self._since
        if waited >= seconds:
            self._expired = True
            self._call.cancel()
        else:
            self._timer = self._loop.call_later(seconds - waited, self._look)


def _cancels() -> int:
    """How often this task was asked to end."""
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()
