"""Simulated time: what is to happen, in order."""

from __future__ import annotations

import heapq
from collections.abc import Callable

Action = Callable[[], None]


class Clock:
    """Seconds from 0. Of two things at the same time the one planned first happens first, so that every run is the same."""

    def __init__(self) -> None:
        self.now = 0.0
        self._planned: list[tuple[float, int, Action]] = []
        self._count = 0

    def at(self, when: float, action: Action) -> None:
        """Plans an action."""
        self._count += 1
        heapq.heappush(self._planned, (when, self._count, action))

    def after(self, seconds: float, action: Action) -> None:
        """Plans an action from now on."""
        self.at(self.now + seconds, action)

    def every(self, seconds: float, action: Action) -> None:
        """Repeats an action for ever, first after so long."""

        def again() -> None:
            action()
            self.after(seconds, again)

        self.after(seconds, again)

    def run(self, until: float) -> None:
        """Lets everything happen that is planned before then."""
        planned = self._planned
        while planned and planned[0][0] < until:
            self.now, _, action = heapq.heappop(planned)
            action()
        self.now = until
