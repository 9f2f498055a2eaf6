"""The same key to the same backend: few keys move, weights hold, nobody is busier than the bound."""

from __future__ import annotations

from collections import Counter
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinmesh_router.affinity import BUSIER, SLOWER, preferred
from thinmesh_router.balancer import Candidate

KEYS = [f"key {number}".encode() for number in range(3000)]
NAMES = [f"backend-{number}" for number in range(5)]


def home(key: bytes, names: list[str], weights: list[float] | None = None) -> str:
    return names[preferred(key, names, [Candidate(weight, None, 0) for weight in weights or [1.0] * len(names)])]


def loaded(loads: list[int]) -> list[Candidate]:
    return [Candidate(1.0, 0.1, load) for load in loads]


def test_keys_spread_evenly_and_stay() -> None:
    homes = {key: home(key, NAMES) for key in KEYS}
    assert all(count == pytest.approx(600, rel=0.15) for count in Counter(homes.values()).values())
    assert {key: home(key, NAMES[::-1]) for key in KEYS} == homes


@pytest.mark.parametrize("gone", NAMES)
def test_only_the_keys_of_a_backend_that_goes_move(gone: str) -> None:
    left = [name for name in NAMES if name != gone]
    for key in KEYS:
        assert home(key, left) == home(key, NAMES) or home(key, NAMES) == gone


def test_only_the_keys_that_a_newcomer_takes_move() -> None:
    moved = [key for key in KEYS if home(key, NAMES) != home(key, [*NAMES, "new"])]
    assert {home(key, [*NAMES, "new"]) for key in moved} == {"new"}
    assert len(moved) == pytest.approx(len(KEYS) / 6, rel=0.15)


def test_twice_the_weight_is_twice_the_keys() -> None:
    counts = Counter(home(key, ["a", "b"], [2.0, 1.0]) for key in KEYS)
    assert counts["a"] / counts["b"] == pytest.approx(2, rel=0.15)


@given(st.lists(st.binary(min_size=1, max_size=4), min_size=1, max_size=200), st.integers(1, 8))
def test_nobody_is_busier_than_the_bound(keys: list[bytes], count: int) -> None:
    names = [str(number) for number in range(count)]
    loads = [0] * count
    for key in keys:
        loads[preferred(key, names, loaded(loads))] += 1
        assert max(loads) <= ceil(BUSIER * sum(loads) / count)


@given(st.binary(max_size=8), st.lists(st.integers(0, 50), min_size=1, max_size=8))
def test_whatever_the_loads_some_backend_is_chosen_that_is_not_too_busy(key: bytes, loads: list[int]) -> None:
    names = [str(number) for number in range(len(loads))]
    chosen = preferred(key, names, loaded(loads))
    assert loads[chosen] + 1 <= ceil(BUSIER * (sum(loads) + 1) / len(loads))


def test_a_slow_backend_loses_its_keys_to_the_next_of_each() -> None:
    others = [Candidate(1.0, 0.1, 2)] * 4
    slow = [Candidate(1.0, 1.0, 0), *others]
    assert not [key for key in KEYS if preferred(key, NAMES, slow) == 0]
    moved = [key for key in KEYS if home(key, NAMES) != NAMES[preferred(key, NAMES, slow)]]
    assert {home(key, NAMES) for key in moved} == {NAMES[0]}
    somewhat = [Candidate(1.0, 0.1 * SLOWER * 0.9, 0), *others]
    assert all(home(key, NAMES) == NAMES[preferred(key, NAMES, somewhat)] for key in KEYS)


def test_where_all_are_too_busy_or_slow_the_least_is_chosen() -> None:
    assert preferred(b"key", ["a", "b"], [Candidate(1, 0.0, 0), Candidate(1, 50.0, 0)]) == 0
    assert {preferred(key, ["a", "b"], [Candidate(1, 0.1, 3), Candidate(1, 9.0, 0)]) for key in KEYS[:50]} == {0}
