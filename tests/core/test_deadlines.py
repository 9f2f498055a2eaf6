"""Many deadlines by one timer: what is over is called back once, what is discarded never, whatever came in which order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from thinmesh_core.deadlines import Deadlines


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time a test moves; it keeps the timer that is set, and how many were."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.set = 0
        self._due: tuple[float, Callable[[], object]] | None = None

    def time(self) -> float:
        """The test's time."""
        return self.now

    def call_at(self, when: float, callback: Callable[[], object]) -> asyncio.TimerHandle:  # type: ignore[override]
        """Keeps the one timer."""
        self.set += 1
        self._due = when, callback
        return asyncio.TimerHandle(when, callback, (), self)

    def reach(self, now: float) -> None:
        """Lets the time pass, and the timer go off as often as it is due."""
        self.now = now
        while self._due is not None and self._due[0] <= now:
            (_, callback), self._due = self._due, None
            callback()


@pytest.fixture
def clock() -> Iterator[Clock]:
    """One at 0."""
    clock = Clock()
    yield clock
    clock.close()


def test_each_is_called_back_at_its_time_and_once(clock: Clock) -> None:
    """Also the one that came later and is over sooner."""
    over: list[str] = []
    deadlines = Deadlines(clock)
    late, soon = (lambda: over.append("late")), (lambda: over.append("soon"))
    deadlines.add(late, 10)
    deadlines.add(soon, 5)
    clock.reach(4)
    assert over == []
    clock.reach(5)
    assert over == ["soon"]
    clock.reach(20)
    assert over == ["soon", "late"]


def test_what_is_discarded_is_not_called_back_even_by_another(clock: Clock) -> None:
    """A call's end may end the next one, whose time is over in the same moment."""
    over: list[str] = []
    deadlines = Deadlines(clock)
    second = lambda: over.append("second")  # noqa: E731  # to be compared

    def first() -> None:
        over.append("first")
        deadlines.discard(second)

    deadlines.add(first, 5)
    deadlines.add(second, 5)
    clock.reach(5)
    assert over == ["first"]


def test_calls_that_end_in_time_set_no_timer_of_their_own(clock: Clock) -> None:
    """One is set for the first, and none when it goes off where nothing is left."""
    deadlines = Deadlines(clock)
    for number in range(1000):
        clock.reach(number / 100)
        callback = lambda: None  # noqa: E731
        deadlines.add(callback, clock.now + 600)
        deadlines.discard(callback)
    assert clock.set == 1
    clock.reach(700)
    assert clock.set == 1
