"""Many deadlines by one timer: to set a timer and to cancel it costs a call some microseconds, and hardly any goes off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf


class Deadlines:
    """Calls back whatever is not discarded by its time, in the loop's seconds.

    The timer stands at the earliest deadline that there was when it was set. What came to its end before leaves it where it
    is, so that a look at all that are left is due once in about the time that the shortest one has.
    """

    __slots__ = ("_loop", "_next", "_timer", "_when")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._when: dict[Callable[[], object], float] = {}
        self._next = inf
        self._timer: asyncio.TimerHandle | None = None

    def add(self, callback: Callable[[], object], when: float) -> None:
        """Calls back at that time, once."""
        self._when[callback] = when
        if when < self._next:
            self._set(when)

    def discard(self, callback: Callable[[], object]) -> None:
        """Does not call back any more."""
        self._when.pop(callback, None)

    def _set(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = when
        self._timer = self._loop.call_at(when, self._look)

    def _look(self) -> None:
        now = self._loop.time()
        self._next, self._timer = inf, None
        over = [callback for callback, when in self._when.items() if when <= now]
        later = min((when for when in self._when.values() if when > now), default=None)
        if later is not None:
            self._set(later)
        for callback in over:
            if self._when.pop(callback, None) is not None:  # the one before may have ended it
                callback()
