"""Which of several backends gets a call: weights while idle, else the quicker and less busy of two."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinmesh_router.balancer import CACHE_FULL, Candidate, choose

CANDIDATES = st.lists(
    st.builds(
        Candidate,
        st.floats(0.01, 100),
        st.none() | st.floats(0, 10),
        st.integers(0, 50),
        st.none() | st.floats(0, 1),
    ),
    min_size=1,
    max_size=10,
)


def shares(candidates: list[Candidate], times: int = 10_000) -> list[float]:
    random = Random(7)
    drawn = Counter(choose(candidates, random) for _ in range(times))
    return [drawn[index] / times for index in range(len(candidates))]


@given(CANDIDATES, st.integers())
def test_some_candidate_is_always_chosen(candidates: list[Candidate], seed: int) -> None:
    assert 0 <= choose(candidates, Random(seed)) < len(candidates)


@pytest.mark.parametrize("weights", [(9, 1), (1, 1, 2), (1, 0.1, 1, 1)])
def test_an_idle_mesh_keeps_its_weights(weights: tuple[float, ...]) -> None:
    wanted = [weight / sum(weights) for weight in weights]
    assert shares([Candidate(weight, None, 0) for weight in weights]) == pytest.approx(wanted, abs=0.02)


def test_of_equal_weights_the_worst_is_never_chosen() -> None:
    slow, usual = Candidate(1, 1.0, 0), Candidate(1, 0.1, 4)
    assert shares([slow, *[usual] * 7])[0] == 0


def test_the_better_of_two_different_ones_is_chosen() -> None:
    one, two, three = shares([Candidate(1, 0.1, 0), Candidate(1, 0.1, 1), Candidate(1, 0.1, 2)])
    assert one == pytest.approx(2 / 3, abs=0.02)
    assert two == pytest.approx(1 / 3, abs=0.02)
    assert three == 0


def test_a_canary_that_is_quicker_gets_no_more_than_twice_its_share() -> None:
    assert shares([Candidate(9, 0.2, 0), Candidate(1, 0.1, 0)])[1] == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (Candidate(1, 0.1, 3), Candidate(1, 0.5, 0)),
        (Candidate(1, 0.1, 0), Candidate(1, 0.1, 1)),
        (Candidate(1, 0.1, 1, CACHE_FULL), Candidate(1, 0.1, 1, 0.99)),
        (Candidate(1, 0.1, 0), Candidate(1, None, 1)),
        (Candidate(1, None, 0), Candidate(1, 0.1, 1)),
    ],
    ids=["quicker", "less busy", "cache not full", "known and idle", "unknown and idle"],
)
def test_the_better_of_two_gets_all(better: Candidate, worse: Candidate) -> None:
    assert shares([better, worse], 100) == [1, 0]
    assert shares([worse, better], 100) == [0, 1]
