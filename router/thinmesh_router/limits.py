"""How many calls run on a backend at once: what it declares, or less while it refuses or is too slow. Pure.

Additive increase, multiplicative decrease: Chiu and Jain, 1989. Time in seconds.
"""

from __future__ import annotations

DECREASE = 0.8
"""What is left of the limit after a sign of overload."""

PAUSE_SECONDS = 1.0
"""Signs of overload within so long are one sign."""


class Limit:
    """A count of running calls that never passes what is allowed; what is allowed may change while calls run."""

    __slots__ = ("_allowed", "_cut_at", "_maximum", "running")

    def __init__(self, maximum: int = 0) -> None:
        self._maximum = maximum
        self._allowed = float(maximum)
        self._cut_at = -PAUSE_SECONDS
        self.running = 0

    @property
    def maximum(self) -> int:
        """What the backend declares."""
        return self._maximum

    @maximum.setter
    def maximum(self, maximum: int) -> None:
        """A lower one holds at once; a higher one too, unless the limit had been cut: then it grows back."""
        if self._allowed >= self._maximum or self._allowed > maximum:
            self._allowed = float(maximum)
        self._maximum = maximum

    @property
    def allowed(self) -> int:
        """How many may run now."""
        return int(self._allowed)

    @property
    def free(self) -> bool:
        """Whether one more may run."""
        return self.running + 1 <= self._allowed

    def acquire(self) -> None:
        """Counts one in; the caller has seen that it is free."""
        if not self.free:
            raise ValueError(f"{self.running} of {self.allowed} run already")
        self.running += 1

    def release(self) -> None:
        """Counts one out."""
        if self.running == 0:
            raise ValueError("nothing runs")
        self.running -= 1

    def succeeded(self) -> None:
        """A call was answered: after as many as are allowed, one more is."""
        if self._allowed < self._maximum:
            self._allowed = min(self._allowed + 1 / self._allowed, self._maximum)

    def overloaded(self, now: float) -> None:
        """The backend refused a call as one too many, or let it wait too long."""
        if now - self._cut_at >= PAUSE_SECONDS and self._maximum:
            self._allowed = max(min(self._allowed, float(self.running)) * DECREASE, 1.0)
            self._cut_at = now
