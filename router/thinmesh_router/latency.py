"""How long a backend takes to answer, smoothed. Pure.

The peak EWMA of Finagle and Linkerd: a rise counts at once, a fall with time, so that a backend which turned slow is left
before many calls have found out.
"""

from __future__ import annotations

from math import exp

TAU_SECONDS = 10.0


class Latency:
    """Seconds to the first event of a stream or to a whole answer."""

    __slots__ = ("_at", "seconds")

    def __init__(self) -> None:
        self.seconds: float | None = None
        """None while nothing was observed."""
        self._at = 0.0

    def observe(self, seconds: float, now: float) -> None:
        """A call was answered after so long."""
        if self.seconds is None or seconds > self.seconds:
            self.seconds = seconds
        else:
            kept = exp(-max(now - self._at, 0.0) / TAU_SECONDS)
            # at least a tenth of the way, or a burst of quick answers would say nothing
            self.seconds = seconds + (self.seconds - seconds) * min(kept, 0.9)
        self._at = now
