"""How many calls may be tried again: a share of all, so that trying again never becomes the load. Pure.

Retry budgets after Finagle and Envoy; time in seconds.
"""

from __future__ import annotations

RATIO = 0.2
"""Retries for each call."""

FLOOR = 10.0
"""Retries that a mesh with few calls may make in a row; one comes back each second."""

SECONDS = 10.0
"""For so long a call counts."""


class RetryBudget:
    """A bucket that every call fills a little and every retry takes from."""

    __slots__ = ("_floor", "_tokens", "at")

    def __init__(self) -> None:
        self._tokens = 0.0
        self._floor = FLOOR
        self.at = 0.0
        """When it last heard of a call."""

    def call(self, now: float) -> None:
        """A caller's call."""
        self._pass(now)
        self._tokens += RATIO

    def retry(self, now: float) -> bool:
        """Whether one more may be tried again; if so it is counted."""
        self._pass(now)
        if self._tokens >= 1:
            self._tokens -= 1
            return True
        if self._floor >= 1:
            self._floor -= 1
            return True
        return False

    def _pass(self, now: float) -> None:
        passed = max(now - self.at, 0.0)
        self.at = now
        self._tokens *= max(1 - passed / SECONDS, 0.0)
        self._floor = min(self._floor + passed, FLOOR)
