"""Ends a call that is silent for too long, at the price of one timer a stream and not one an event."""

from __future__ import annotations

import asyncio

from thinmesh_core.channel import Cancellable


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
