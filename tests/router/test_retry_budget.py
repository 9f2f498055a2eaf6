"""How many calls may be tried again: a share of all, with a floor for a mesh of few calls."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinmesh_router.retry_budget import FLOOR, RATIO, SECONDS, RetryBudget

STEPS = st.lists(st.tuples(st.booleans(), st.floats(0, 3)), max_size=300)


@given(STEPS)
def test_no_more_are_tried_again_than_a_share_and_the_floor(steps: list[tuple[bool, float]]) -> None:
    budget = RetryBudget()
    now = 0.0
    calls = retries = 0
    for is_call, passed in steps:
        now += passed
        if is_call:
            budget.call(now)
            calls += 1
        else:
            retries += budget.retry(now)
        assert retries <= RATIO * calls + FLOOR + now + 1e-6


@given(st.floats(0, 1e6))
def test_a_mesh_without_calls_has_the_floor_and_one_more_each_second(start: float) -> None:
    budget = RetryBudget()
    assert sum(budget.retry(start) for _ in range(50)) == FLOOR
    assert sum(budget.retry(start + 3.5) for _ in range(50)) == 3
    assert sum(budget.retry(start + 1000) for _ in range(50)) == FLOOR


def test_a_busy_mesh_has_a_fifth() -> None:
    budget = RetryBudget()
    retries = 0
    for number in range(10_000):
        now = number / 100
        budget.call(now)
        retries += sum(budget.retry(now) for _ in range(3))
    assert retries == pytest.approx(0.2 * 10_000 + 100, rel=0.02)


def test_old_calls_count_no_more() -> None:
    budget = RetryBudget()
    for _ in range(1000):
        budget.call(0)
    assert sum(budget.retry(SECONDS) for _ in range(1000)) == FLOOR
