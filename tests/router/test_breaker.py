"""Ejection and return of backends that fail: never more than one probe at once, ever longer, never all of them."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from thinmesh_router.breaker import (
    FAILURES,
    FIRST_SECONDS,
    FORGIVEN_SECONDS,
    LONGEST_SECONDS,
    MOST_FAILURES,
    SLOW_START_SECONDS,
    SLOW_START_SHARE,
    Breaker,
    FailureRate,
    Health,
    usable,
)

JITTER = 1.25


def breaker(seed: int = 1) -> Breaker:
    return Breaker(Random(seed), FailureRate())


def fail(one: Breaker, times: int, now: float) -> None:
    for _ in range(times):
        one.failed(now, one.begin(now))


def eject(one: Breaker, now: float) -> float:
    """Fails until it is ejected, or its probe; gives for how long."""
    before = one.until
    while one.until == before:
        fail(one, 1, now)
    assert one.until is not None
    return one.until - now


def test_five_failures_in_a_row_eject_and_a_success_between_them_does_not() -> None:
    one = breaker()
    fail(one, FAILURES - 1, 0)
    one.succeeded(0, 0)
    fail(one, FAILURES - 1, 0)
    assert one.closed
    fail(one, 1, 0)
    assert (one.closed, one.health(0)) == (False, Health.EJECTED)


def test_one_call_probes_once_the_time_is_over() -> None:
    one = breaker()
    after = eject(one, 0)
    assert not one.allows_probe(after - 0.01)
    assert one.begin(after - 0.01) == 0
    assert one.allows_probe(after)
    assert one.begin(after) != 0
    assert one.health(after) is Health.PROBING
    assert not one.allows_probe(after)
    assert one.begin(after) == 0


def test_a_probe_that_is_abandoned_makes_room_for_the_next() -> None:
    one = breaker()
    after = eject(one, 0)
    one.abandoned(one.begin(after))
    assert one.allows_probe(after)


def test_what_was_under_way_before_the_ejection_decides_nothing_about_the_probe() -> None:
    one = breaker()
    late = one.begin(0)
    after = eject(one, 0)
    probe = one.begin(after)
    one.failed(after, late)
    one.abandoned(late)
    assert (one.health(after), one.allows_probe(after)) == (Health.PROBING, False)
    one.failed(after, probe)
    assert one.health(after) is Health.EJECTED


def test_each_ejection_lasts_longer_until_the_longest() -> None:
    one = breaker()
    now, wanted = 0.0, FIRST_SECONDS
    for _ in range(10):
        seconds = eject(one, now)
        assert wanted / JITTER * 0.9 < seconds <= wanted * JITTER
        now += seconds
        wanted = min(wanted * 2, LONGEST_SECONDS)


def test_a_long_peace_is_forgiveness_and_a_short_one_is_not() -> None:
    one = breaker()
    now = eject(one, 0)
    now += eject(one, now)
    one.succeeded(now, now)
    assert eject(one, now + FORGIVEN_SECONDS - 1) > 2 * FIRST_SECONDS
    now += FORGIVEN_SECONDS + 10
    one.succeeded(now, now)
    assert eject(one, now + FORGIVEN_SECONDS) <= FIRST_SECONDS * JITTER


def test_who_is_back_begins_with_a_small_share_and_ends_with_all_of_it() -> None:
    one = breaker()
    assert one.share(0) == 1
    now = eject(one, 0)
    one.begin(now)
    one.succeeded(now, now)
    assert one.share(now) == pytest.approx(SLOW_START_SHARE)
    assert one.health(now) is Health.RECOVERING
    shares = [one.share(now + SLOW_START_SECONDS * step / 10) for step in range(11)]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert one.health(now + SLOW_START_SECONDS) is Health.HEALTHY


@given(st.floats(0, 1), st.integers(0, 2**32))
def test_the_threshold_is_what_chance_makes_once_in_a_thousand(share: float, seed: int) -> None:
    rate = FailureRate()
    random = Random(seed)
    for _ in range(300):
        rate.observe(failed=random.random() < share)
    assert FAILURES <= rate.remarkable <= MOST_FAILURES


@pytest.mark.parametrize(("share", "threshold"), [(0.0, 5), (0.2, 5), (0.6, 14), (0.9, 50), (1.0, 50)])
def test_where_most_calls_fail_more_failures_in_a_row_are_nothing_special(share: float, threshold: int) -> None:
    rate = FailureRate()
    for number in range(5000):
        rate.observe(failed=(number * share) % 1 + share >= 1)
    assert rate.remarkable == pytest.approx(threshold, abs=1)


def test_where_all_are_ejected_the_one_due_soonest_is_used() -> None:
    several = [breaker(seed) for seed in range(4)]
    for one in several:
        eject(one, 0)
    several[2].until = 0.1
    assert usable(several, 0) == [2]
    assert usable(several, 0.1) == [2]  # now as its probe
    several[0].succeeded(0, 0)
    assert usable(several, 0.1) == [2, 0]


class BreakerMachine(RuleBasedStateMachine):
    """Three backends whose calls are sent where `usable` allows, and end as they like, in any order."""

    def __init__(self) -> None:
        super().__init__()
        rate = FailureRate()
        self.breakers = [Breaker(Random(index), rate) for index in range(3)]
        self.running: list[tuple[int, int]] = []
        """The backend of each call, and its probe's number."""
        self.now = 0.0
        self.lasted = [0.0] * 3
        """How long each one's last ejection was, and when it was over."""
        self.over = [-FORGIVEN_SECONDS] * 3

    @rule(choice=st.integers(0, 2))
    def send(self, choice: int) -> None:
        allowed = usable(self.breakers, self.now)
        index = allowed[choice % len(allowed)]
        one = self.breakers[index]
        was_open, due = not one.closed, one.allows_probe(self.now)
        probe = one.begin(self.now)
        assert bool(probe) == due
        assert probe or not was_open or all(not other.closed for other in self.breakers)
        self.running.append((index, probe))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), ended=st.sampled_from(["answered", "failed", "failed", "failed", "abandoned"]))
    def end(self, data: st.DataObject, ended: str) -> None:
        index, probe = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        one = self.breakers[index]
        before = one.until
        if ended == "answered":
            one.succeeded(self.now, self.now)
            assert one.closed
        elif ended == "abandoned":
            one.abandoned(probe)
            assert one.until == before
        else:
            one.failed(self.now, probe)
            if one.until is not None and one.until != before:
                self._grew(index, one.until - self.now)

    @rule(index=st.integers(0, 2))
    def fall_ill(self, index: int) -> None:
        """A streak of failures, as a dead backend makes them."""
        one = self.breakers[index]
        for _ in range(MOST_FAILURES):
            if one.closed:
                one.failed(self.now, one.begin(self.now))
                if one.until is not None:
                    self._grew(index, one.until - self.now)

    @rule(seconds=st.sampled_from([0.1, 1.0, 3.0, 70.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    def _grew(self, index: int, seconds: float) -> None:
        """No shorter than the one before, but for the jitter, unless there was peace for long."""
        assert 0.75 * FIRST_SECONDS <= seconds <= JITTER * LONGEST_SECONDS
        if self.now - self.over[index] < FORGIVEN_SECONDS:
            assert seconds >= self.lasted[index] * 0.75 / JITTER
            assert seconds >= min(self.lasted[index] * 2 * 0.75 / JITTER, LONGEST_SECONDS * 0.75)
        self.lasted[index], self.over[index] = seconds, self.now

    @invariant()
    def some_backend_can_be_used(self) -> None:
        allowed = usable(self.breakers, self.now)
        assert allowed
        assert len(set(allowed)) == len(allowed)
        assert {index for index, one in enumerate(self.breakers) if one.closed} <= set(allowed)

    @invariant()
    def no_more_than_one_probe_runs(self) -> None:
        for index, one in enumerate(self.breakers):
            probes = [probe for backend, probe in self.running if backend == index and probe and probe == one.probe]
            assert len(probes) == (one.probe != 0)
            assert one.probe == 0 or not one.allows_probe(self.now)

    @invariant()
    def shares_stay_in_range(self) -> None:
        assert all(SLOW_START_SHARE <= one.share(self.now) <= 1 for one in self.breakers)


TestBreaker = BreakerMachine.TestCase
TestBreaker.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)


def test_an_answer_to_a_call_from_before_the_ejection_does_not_end_it() -> None:
    one = Breaker(Random(1), FailureRate())
    for _ in range(FAILURES):
        one.failed(10.0, 0)
    one.succeeded(11.0, began=5.0)
    assert not one.closed
    one.succeeded(12.0, began=11.0)
    assert one.closed
