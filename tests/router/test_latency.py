"""How quick a backend is taken to be: a rise counts at once, a fall with time, and silence fades."""

from __future__ import annotations

from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinmesh_router.latency import TAU_SECONDS, Latency, usual

SECONDS = st.floats(0.001, 100)


def observed(*pairs: tuple[float, float]) -> Latency:
    latency = Latency()
    for seconds, now in pairs:
        latency.observe(seconds, now)
    return latency


def test_nothing_observed_is_nothing_known() -> None:
    assert Latency().at(5) is None


def test_one_slow_answer_counts_at_once() -> None:
    assert observed((0.1, 0), (0.1, 1), (3.0, 1)).at(1) == 3.0


def test_quick_answers_count_with_time_but_a_burst_of_them_counts_too() -> None:
    assert observed((3.0, 0), (1.0, TAU_SECONDS)).at(TAU_SECONDS) == pytest.approx(1 + 2 * exp(-1))
    assert observed((3.0, 0), *[(1.0, 0.0)] * 10).at(0) == pytest.approx(1 + 2 * 0.9**10)


def test_who_was_slow_is_forgotten_to_be_while_it_gets_no_calls() -> None:
    slow = observed((1.0, 0))
    assert slow.at(TAU_SECONDS) == pytest.approx(exp(-1))
    assert (slow.at(25) or 1) < 0.1 < (slow.at(20) or 0)


@given(st.lists(st.tuples(SECONDS, st.floats(0, 30)), min_size=1, max_size=50))
def test_it_stays_within_what_was_observed(steps: list[tuple[float, float]]) -> None:
    latency = Latency()
    now = 0.0
    for seconds, passed in steps:
        now += passed
        latency.observe(seconds, now)
        at = latency.at(now)
        assert at is not None
        assert seconds * 0.999 <= at <= max(observed for observed, _ in steps) * 1.001


def test_what_is_usual_is_not_what_one_slow_backend_does() -> None:
    assert usual([], 0) == 0
    assert usual([Latency()], 0) == 0
    assert usual([observed((0.1, 0)), Latency(), observed((9.0, 0)), observed((0.2, 0))], 0) == 0.2


def test_a_call_that_left_unanswered_raises_it_and_never_lowers_it() -> None:
    latency = Latency()
    latency.waited(5.0, 0.0)
    assert latency.at(0.0) is None
    latency.observe(0.1, 0.0)
    latency.waited(0.05, 0.0)
    assert latency.at(0.0) == 0.1
    latency.waited(5.0, 0.0)
    assert latency.at(0.0) == 5.0
