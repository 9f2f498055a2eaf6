"""How long a backend takes to answer, smoothed. Pure.

The peak EWMA of Finagle and Linkerd: a rise counts at once, a fall with time, so that a backend which turned slow is left
before many calls have found out. It fades while nothing is observed, so that one which was slow is tried again.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import exp

TAU_SECONDS = 10.0


class Latency:
    """Seconds to the first event of a stream or to a whole answer."""

    __slots__ = ("_at", "_seconds")

    def __init__(self) -> None:
        self._seconds: float | None = None
        self._at = 0.0

    def at(self, now: float) -> float | None:
        """What a call is likely to take; None while nothing was observed."""
        return None if self._seconds is None else self._seconds * exp(min(self._at - now, 0.0) / TAU_SECONDS)

    def observe(self, seconds: float, now: float) -> None:
        """A call was answered after so long."""
        if self._seconds is None or seconds > self._seconds:
            self._seconds = seconds
        else:
            kept = exp(-max(now - self._at, 0.0) / TAU_SECONDS)
            # at least a tenth of the way, or a burst of quick answers would say nothing
            self._seconds = seconds + (self._seconds - seconds) * min(kept, 0.9)
        self._at = now

    def waited(self, seconds: float, now: float) -> None:
        """A call left unanswered after so long: it takes at least that."""
        known = self.at(now)
        if known is not None and seconds > known:
            self.observe(seconds, now)


def usual(several: Iterable[Latency], now: float) -> float:
    """What a call is likely to take on one of several backends, in seconds: the middle one's; 0 while nothing is known.

    A call that waits for a place has to leave the queue so long before its deadline, or it is served in vain.
    """
    known = sorted([seconds for one in several if (seconds := one.at(now)) is not None])
    return known[len(known) // 2] if known else 0.0
