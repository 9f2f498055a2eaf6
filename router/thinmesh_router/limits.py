"""How many calls run on a backend at once. Pure."""

from __future__ import annotations


class Limit:
    """A count that never passes its maximum; the maximum may change while calls run."""

    __slots__ = ("maximum", "running")

    def __init__(self, maximum: int = 0) -> None:
        self.maximum = maximum
        self.running = 0

    @property
    def free(self) -> bool:
        """Whether one more may run."""
        return self.running < self.maximum

    def acquire(self) -> None:
        """Counts one in; the caller has seen that it is free."""
        if not self.free:
            raise ValueError(f"{self.running} of {self.maximum} run already")
        self.running += 1

    def release(self) -> None:
        """Counts one out."""
        if self.running == 0:
            raise ValueError("nothing runs")
        self.running -= 1
