"""How many requests wait inside a Triton, from what it counts. Pure."""

from __future__ import annotations


class Queue:
    """The mean number of waiting requests between two looks.

    Triton's statistics have no gauge, but the time that requests spent waiting: by Little's law that time, over the time
    that passed, is how many were waiting.
    """

    def __init__(self) -> None:
        self._waited = 0
        self._at: float | None = None

    def look(self, waited_nanoseconds: int, now: float) -> int:
        """The number since the last look; `waited_nanoseconds` ever grows, until the engine restarts. `now` in seconds."""
        at, self._at = self._at, now
        before, self._waited = self._waited, waited_nanoseconds
        if at is None or now <= at or waited_nanoseconds < before:
            return 0
        return round((waited_nanoseconds - before) / 1e9 / (now - at))
