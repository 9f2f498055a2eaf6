"""What is granted of one quota in its window. Pure: monotonic time counts minutes, the wall clock (UTC) days and months.

Amounts are whole numbers: calls, tokens, or millionths of the price table's currency. What was taken is given back to the
moment that it was taken in: a refund to a later moment would let more than the limit pass in some minute after it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from math import inf
from typing import NamedTuple, Protocol

MINUTE = 60


class Moment(NamedTuple):
    """Now, in seconds: `mono` of the monotonic clock, `wall` since 1970."""

    mono: float
    wall: float


class Meter(Protocol):
    """One quota's count. `limit` may change while calls run."""

    limit: int

    @property
    def dry(self) -> bool:
        """Whether what does not fit now can't be had elsewhere."""
        ...

    def take(self, amount: int, at: Moment) -> int | None:
        """Grants the amount; gives the stamp to give it back with, or None where it does not fit."""
        ...

    def book(self, amount: int, at: Moment) -> int:
        """Counts what was used without being asked for, also above the limit."""
        ...

    def give(self, amount: int, stamp: int) -> None:
        """Takes back what was granted with this stamp and not used."""
        ...

    def used(self, at: Moment) -> int:
        """What is granted in the window."""
        ...

    def wait(self, amount: int, at: Moment) -> float:
        """Seconds until the amount fits; infinite where it never does."""
        ...

    def empty_in(self, at: Moment) -> float:
        """Seconds until nothing counts any more of what was granted so far."""
        ...


class SlidingMinute:
    """Any 60 seconds, to the second: what was granted in the running second and the 60 before it."""

    __slots__ = ("_by_second", "_newest", "_total", "limit")

    dry = True

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._by_second: dict[int, int] = {}
        self._total = 0
        self._newest = 0

    def take(self, amount: int, at: Moment) -> int | None:
        """Grants where the last minute has room."""
        second = int(at.mono)
        if second != self._newest:
            self._roll(second)
        if self._total + amount > self.limit:
            return None
        return self._add(amount, second)

    def book(self, amount: int, at: Moment) -> int:
        """Counts it in the running second."""
        second = int(at.mono)
        self._roll(second)
        return self._add(amount, second)

    def give(self, amount: int, stamp: int) -> None:
        """To its own second; what has left the window is gone already."""
        if stamp in self._by_second:
            self._by_second[stamp] -= amount
            self._total -= amount

    def used(self, at: Moment) -> int:
        """In the last minute."""
        self._roll(int(at.mono))
        return self._total

    def wait(self, amount: int, at: Moment) -> float:
        """Until enough of the oldest has left the window."""
        if amount > self.limit:
            return inf
        excess = self.used(at) + amount - self.limit
        for second, granted in self._by_second.items():  # oldest first
            if excess <= 0:
                break
            excess -= granted
            if excess <= 0:
                return second + MINUTE + 1 - at.mono
        return 0.0

    def empty_in(self, at: Moment) -> float:
        """Seconds until nothing is left of what was granted."""
        self._roll(int(at.mono))
        newest = max((second for second, granted in self._by_second.items() if granted), default=None)
        return 0.0 if newest is None else newest + MINUTE + 1 - at.mono

    def _add(self, amount: int, second: int) -> int:
        self._by_second[second] = self._by_second.get(second, 0) + amount
        self._total += amount
        return second

    def _roll(self, second: int) -> None:
        self._newest = second
        oldest = second - MINUTE
        gone = [one for one in self._by_second if one < oldest]
        for one in gone:
            self._total -= self._by_second.pop(one)


class Calendar:
    """A calendar day or month in UTC; the stamp is the window's number."""

    __slots__ = ("_granted", "_monthly", "_until", "_window", "limit")

    dry = True

    def __init__(self, limit: int, *, monthly: bool) -> None:
        self.limit = limit
        self._monthly = monthly
        self._window = 0
        self._until = 0.0
        self._granted = 0

    def take(self, amount: int, at: Moment) -> int | None:
        """Grants where the window has room."""
        self._roll(at.wall)
        if self._granted + amount > self.limit:
            return None
        self._granted += amount
        return self._window

    def book(self, amount: int, at: Moment) -> int:
        """Counts it in the present window."""
        self._roll(at.wall)
        self._granted += amount
        return self._window

    def give(self, amount: int, stamp: int) -> None:
        """To its own window; one that has ended is closed."""
        if stamp == self._window:
            self._granted -= amount

    def used(self, at: Moment) -> int:
        """In the present window."""
        self._roll(at.wall)
        return self._granted

    def wait(self, amount: int, at: Moment) -> float:
        """Until the next window."""
        if amount > self.limit:
            return inf
        return 0.0 if self.used(at) + amount <= self.limit else self._until - at.wall

    def empty_in(self, at: Moment) -> float:
        """Until the next window."""
        return self._until - at.wall if self.used(at) else 0.0

    def saved(self) -> tuple[int, int]:
        """The window's number and what was granted in it."""
        return self._window, self._granted

    def restore(self, window: int, granted: int, at: Moment) -> None:
        """Goes on from what was saved, if its window is still the present one."""
        self._roll(at.wall)
        if window == self._window:
            self._granted += granted

    def _roll(self, wall: float) -> None:
        """A clock that is set back keeps the window that it was in: nothing is granted twice."""
        if wall < self._until:
            return
        day = datetime.fromtimestamp(wall, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        first = day.replace(day=1)
        if self._monthly:
            self._window = day.year * 12 + day.month
            following = first.replace(year=day.year + day.month // 12, month=day.month % 12 + 1)
            self._until = following.timestamp()
        else:
            self._window = day.toordinal()
            self._until = day.timestamp() + 86_400
        self._granted = 0


class Concurrent:
    """Calls that run or wait now."""

    __slots__ = ("_running", "limit")

    dry = True

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._running = 0

    def take(self, amount: int, at: Moment) -> int | None:
        """Grants where there is room."""
        return None if self._running + amount > self.limit else self.book(amount, at)

    def book(self, amount: int, at: Moment) -> int:
        """Counts it."""
        self._running += amount
        return 0

    def give(self, amount: int, stamp: int) -> None:
        """The call is over."""
        self._running -= amount

    def used(self, at: Moment) -> int:
        """Now."""
        return self._running

    def wait(self, amount: int, at: Moment) -> float:
        """Nobody knows when a call ends: a second is a good time to look again."""
        if amount > self.limit:
            return inf
        return 0.0 if self._running + amount <= self.limit else 1.0

    def empty_in(self, at: Moment) -> float:
        """Nobody knows."""
        return 1.0 if self._running else 0.0
