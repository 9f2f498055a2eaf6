"""How many calls run on a backend: within what it declares, less after signs of overload, growing back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from thinmesh_router.limits import DECREASE, PAUSE_SECONDS, Limit


def full(maximum: int) -> Limit:
    limit = Limit(maximum)
    while limit.free:
        limit.acquire()
    return limit


def test_a_sign_of_overload_leaves_four_fifths_of_what_runs() -> None:
    limit = full(100)
    for _ in range(50):
        limit.release()
    limit.overloaded(0)
    assert limit.allowed == int(50 * DECREASE)
    assert not limit.free


def test_signs_close_together_are_one() -> None:
    limit = full(100)
    for hundredth in range(100):
        limit.overloaded(hundredth / 100 * PAUSE_SECONDS)
    assert limit.allowed == 80
    limit.overloaded(PAUSE_SECONDS)
    assert limit.allowed == 64


def test_it_never_falls_below_one_and_none_declared_is_none() -> None:
    limit = full(3)
    for second in range(20):
        limit.overloaded(second)
    assert limit.allowed == 1
    none = Limit()
    none.overloaded(0)
    assert (none.allowed, none.free) == (0, False)


def test_after_as_many_answers_as_are_allowed_one_more_is() -> None:
    limit = full(10)
    limit.overloaded(0)
    for _ in range(8):
        assert limit.allowed == 8
        limit.succeeded()
    limit.succeeded()
    assert limit.allowed == 9
    for _ in range(1000):
        limit.succeeded()
    assert limit.allowed == 10


def test_a_higher_declaration_holds_at_once_unless_the_limit_was_cut() -> None:
    limit = Limit(4)
    limit.maximum = 8
    assert limit.allowed == 8
    limit.maximum = 2
    assert limit.allowed == 2
    cut = full(10)
    cut.overloaded(0)
    cut.maximum = 20
    assert cut.allowed == 8
    cut.maximum = 5
    assert cut.allowed == 5


@given(st.integers(4, 60), st.integers(2, 5))
def test_it_finds_what_the_backend_can_really_do(capacity: int, declared: int) -> None:
    """Where a backend takes less than it declares, the limit swings between four fifths of that and a little more."""
    limit = Limit(capacity * declared)
    seen = []
    now = 0.0
    for step in range(4000):
        now += 1 / capacity  # a call lasts a second
        while limit.free:
            limit.acquire()
            if limit.running > capacity:
                limit.overloaded(now)
                limit.release()
                break
        if limit.running:
            limit.release()
            limit.succeeded()
        if step > 2000:
            seen.append(limit.allowed)
    assert capacity * DECREASE - 1 <= min(seen) <= max(seen) <= capacity + 3
    assert sum(seen) / len(seen) == pytest.approx(capacity * (1 + DECREASE) / 2, rel=0.2)


class LimitMachine(RuleBasedStateMachine):
    """Whatever the backend declares or refuses, no more run than was allowed when each was let in."""

    def __init__(self) -> None:
        super().__init__()
        self.limit = Limit(5)
        self.running = 0
        self.now = 0.0

    @rule()
    def acquire(self) -> None:
        if self.limit.free:
            self.limit.acquire()
            self.running += 1
            assert self.running <= self.limit.allowed
        else:
            with pytest.raises(ValueError, match="run already"):
                self.limit.acquire()

    @rule()
    def release(self) -> None:
        if self.running:
            self.limit.release()
            self.running -= 1
        else:
            with pytest.raises(ValueError, match="nothing runs"):
                self.limit.release()

    @precondition(lambda self: self.running)
    @rule()
    def succeed(self) -> None:
        before = self.limit.allowed
        self.limit.succeeded()
        assert before <= self.limit.allowed <= before + 1

    @rule(seconds=st.sampled_from([0.0, 0.4, 1.0, 5.0]))
    def overload(self, seconds: float) -> None:
        self.now += seconds
        before = self.limit.allowed
        self.limit.overloaded(self.now)
        assert min(before, 1) <= self.limit.allowed <= before

    @rule(maximum=st.integers(0, 12))
    def declare(self, maximum: int) -> None:
        self.limit.maximum = maximum

    @invariant()
    def counts_hold(self) -> None:
        assert self.limit.running == self.running
        assert 0 <= self.limit.allowed <= self.limit.maximum
        assert self.limit.maximum == 0 or self.limit.allowed >= 1
        assert self.limit.free == (self.running < self.limit.allowed)


TestLimit = LimitMachine.TestCase
TestLimit.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
