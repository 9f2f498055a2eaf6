"""How fast a queue is served while something waits in it. Pure."""

from __future__ import annotations

from math import exp

TAU_SECONDS = 10.0
"""What was served so long ago counts about a third."""

KNOWN_AFTER = 3.0
"""Dispatches, older ones counted less, before the rate is trusted."""


class ServiceRate:
    """Tokens a second, smoothed over the time in which there was a queue: an idle one says nothing of the engines.

    What was served before a pause counts less by its length, so that after a long one nothing is known.
    """

    __slots__ = ("_at", "_count", "_seconds", "_since", "_tokens")

    def __init__(self) -> None:
        self._tokens = self._seconds = self._count = self._at = 0.0
        self._since: float | None = None

    def waits(self, now: float) -> None:
        """Something waits from now on."""
        if self._since is None:
            self._fade(now - self._at)
            self._since = self._at = now

    def rests(self) -> None:
        """Nothing waits any more, or nobody serves."""
        self._since = None

    def served(self, tokens: float, now: float) -> None:
        """So many tokens left the queue."""
        if self._since is None:
            return
        passed = max(now - self._since, 0.0)
        self._fade(passed)
        self._tokens += tokens
        self._seconds += passed
        self._count += 1
        self._since = self._at = now

    @property
    def tokens_per_second(self) -> float | None:
        """The rate; None while too little was served to tell."""
        if self._count < KNOWN_AFTER or self._seconds <= 0 or self._tokens <= 0:
            return None
        return self._tokens / self._seconds

    def _fade(self, seconds: float) -> None:
        kept = exp(-max(seconds, 0.0) / TAU_SECONDS)
        self._tokens *= kept
        self._seconds *= kept
        self._count *= kept
