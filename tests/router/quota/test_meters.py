"""Windows: no minute, day or month grants more than its limit, whatever is given back and whenever."""

from __future__ import annotations

from datetime import UTC, datetime
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from thinmesh_router.quota.meters import Calendar, Concurrent, Moment, SlidingMinute

LIMIT = 100


def wall(text: str) -> Moment:
    return Moment(0.0, datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


class Minutes(RuleBasedStateMachine):
    """What was granted, and not given back, in any 60 seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.meter = SlidingMinute(LIMIT)
        self.now = 1000.0
        self.held: list[list[float]] = []
        self.granted: list[list[float]] = []

    @property
    def at(self) -> Moment:
        return Moment(self.now, 0.0)

    @rule(amount=st.integers(1, LIMIT))
    def take(self, amount: int) -> None:
        before = self.meter.used(self.at)
        stamp = self.meter.take(amount, self.at)
        assert (stamp is not None) == (before + amount <= LIMIT)
        if stamp is not None:
            self.granted.append([self.now, amount])
            self.held.append([len(self.granted) - 1, amount, stamp])

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def give(self, data: st.DataObject) -> None:
        number, amount, stamp = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        back = data.draw(st.integers(0, int(amount)))
        self.meter.give(back, int(stamp))
        self.granted[int(number)][1] -= back

    @rule(seconds=st.floats(0, 40))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(amount=st.integers(1, LIMIT))
    def whoever_waits_as_told_gets_it(self, amount: int) -> None:
        told = self.meter.wait(amount, self.at)
        assert 0 <= told <= 62
        later = Moment(self.now + told + 1e-6, 0.0)
        assert self.meter.used(later) + amount <= LIMIT
        self.now = later.mono

    @invariant()
    def no_minute_has_more_than_the_limit(self) -> None:
        for at, _ in self.granted:
            assert sum(amount for when, amount in self.granted if at - 60 <= when <= at) <= LIMIT


TestMinutes = Minutes.TestCase
TestMinutes.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_all_of_a_minute_can_be_used_and_again_when_it_has_passed() -> None:
    meter = SlidingMinute(LIMIT)
    assert meter.take(LIMIT, Moment(10.2, 0)) is not None
    assert meter.take(1, Moment(70.9, 0)) is None
    assert meter.take(LIMIT, Moment(71.0, 0)) is not None


@pytest.mark.parametrize(
    ("monthly", "last", "first"),
    [
        (False, "2026-02-28T23:59:59", "2026-03-01T00:00:00"),
        (True, "2026-12-31T23:59:59", "2027-01-01T00:00:00"),
        (True, "2028-02-29T23:59:59", "2028-03-01T00:00:00"),
    ],
)
def test_a_calendar_window_ends_at_midnight_utc(monthly: bool, last: str, first: str) -> None:
    meter = Calendar(LIMIT, monthly=monthly)
    stamp = meter.take(LIMIT, wall(last))
    assert stamp is not None
    assert meter.take(1, wall(last)) is None
    assert meter.wait(1, wall(last)) == 1
    assert meter.take(LIMIT - 1, wall(first)) is not None
    meter.give(LIMIT, stamp)  # of the window that is closed
    assert meter.used(wall(first)) == LIMIT - 1


def test_a_clock_that_is_set_back_grants_nothing_twice() -> None:
    meter = Calendar(LIMIT, monthly=False)
    assert meter.take(LIMIT, wall("2026-03-02T00:00:10")) is not None
    assert meter.take(1, wall("2026-03-01T23:00:00")) is None


def test_what_was_saved_counts_on_in_its_own_window_only() -> None:
    before = Calendar(LIMIT, monthly=False)
    before.take(70, wall("2026-03-01T10:00:00"))
    for text, used in (("2026-03-01T11:00:00", 70), ("2026-03-02T00:00:00", 0)):
        after = Calendar(LIMIT, monthly=False)
        after.restore(*before.saved(), wall(text))
        assert after.used(wall(text)) == used


@given(st.lists(st.integers(0, 3), max_size=30))
def test_calls_at_once_never_pass_the_limit_and_end_at_none(moves: list[int]) -> None:
    meter, held, at = Concurrent(3), 0, Moment(0, 0)
    for move in moves:
        if move and meter.take(1, at) is not None:
            held += 1
        elif held:
            meter.give(1, 0)
            held -= 1
        assert 0 <= meter.used(at) == held <= 3


@pytest.mark.parametrize("meter", [SlidingMinute(5), Calendar(5, monthly=True), Concurrent(5)])
def test_what_is_larger_than_the_limit_never_fits(meter: SlidingMinute | Calendar | Concurrent) -> None:
    assert meter.wait(6, Moment(0, 0)) == inf
    assert meter.take(6, Moment(0, 0)) is None
    assert meter.used(Moment(0, 0)) == 0
