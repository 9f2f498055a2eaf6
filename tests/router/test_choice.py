"""Routes, weights, limits: the router's pure parts."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinmesh_core.config import ConfigError
from thinmesh_core.errors import MeshError, Reason
from thinmesh_router.balancer import Candidate, choose
from thinmesh_router.config import ModelConfig, Target
from thinmesh_router.limits import Limit
from thinmesh_router.routes import RouteTable

CANDIDATE = st.builds(
    Candidate, st.floats(0.01, 100), st.none() | st.floats(0, 10), st.integers(0, 100), st.none() | st.floats(0, 1)
)
ONE = ModelConfig(backends=("a",))


def test_a_name_and_its_aliases_are_one_route() -> None:
    table = RouteTable({"m": ModelConfig(backends=("a", Target(backend="b", weight=3)), aliases=("x", "y"))}, "ab")
    assert table.resolve("m") is table.resolve("x") is table.resolve("y")
    assert [(target.backend, target.weight) for target in table.resolve("m").targets] == [("a", 1), ("b", 3)]
    with pytest.raises(MeshError) as raised:
        table.resolve("z")
    assert (raised.value.reason, raised.value.param) == (Reason.MODEL_NOT_FOUND, "model")


@pytest.mark.parametrize(
    ("models", "told"),
    [
        ({"m": ModelConfig(backends=("z",))}, r"models\.m\.backends: there is no backend 'z'; there are: a, b"),
        ({"m": ModelConfig(backends=())}, r"models\.m\.backends is empty"),
        ({"m": ModelConfig(backends=("a",), fallback=("z",))}, r"models\.m\.fallback: there is no model 'z'; there are: m"),
        (
            {
                "m": ModelConfig(backends=("a",), aliases=("x",), fallback=("y",)),
                "n": ModelConfig(backends=("a",), aliases=("y",)),
            },
            r"fallback: 'y' is an alias; write 'n'",
        ),
        ({"m": ModelConfig(backends=("a",), fallback=("m",))}, r"can't stand in for itself"),
        ({"m": ONE, "n": ModelConfig(backends=("a",), aliases=("m",))}, r"models\.n\.aliases: 'm' already names 'm'"),
        (
            {"m": ModelConfig(backends=("a",), aliases=("x",)), "n": ModelConfig(backends=("a",), aliases=("x",))},
            r"models\.n\.aliases: 'x' already names 'm'",
        ),
    ],
)
def test_a_route_that_makes_no_sense_names_the_key(models: dict[str, ModelConfig], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        RouteTable(models, "ab")


def test_an_idle_mesh_keeps_its_weights() -> None:
    random = Random(7)
    candidates = [Candidate(9, None, 0), Candidate(1, None, 0)]
    drawn = Counter(choose(candidates, random) for _ in range(10_000))
    assert 0.88 < drawn[0] / 10_000 < 0.92


def test_the_less_loaded_is_preferred() -> None:
    random = Random(7)
    candidates = [Candidate(1, 1.0, 9), Candidate(1, 1.0, 1), Candidate(1, 1.0, 5)]
    drawn = Counter(choose(candidates, random) for _ in range(9_000))
    assert drawn[1] > drawn[2] > drawn[0] == 0


@given(st.lists(CANDIDATE, min_size=1, max_size=10), st.integers())
def test_some_candidate_is_always_chosen(candidates: list[Candidate], seed: int) -> None:
    assert 0 <= choose(candidates, Random(seed)) < len(candidates)


@given(st.integers(0, 5), st.lists(st.sampled_from(["acquire", "release", "less", "more"])))
def test_a_limit_never_lets_one_more_in_than_it_allows(maximum: int, steps: list[str]) -> None:
    limit = Limit(maximum)
    for step in steps:
        before = limit.running
        match step:
            case "acquire" if limit.free:
                limit.acquire()
                assert limit.running == before + 1 <= limit.maximum
            case "acquire":
                with pytest.raises(ValueError, match="run already"):
                    limit.acquire()
            case "release" if before:
                limit.release()
            case "release":
                with pytest.raises(ValueError, match="nothing runs"):
                    limit.release()
            case "less":
                limit.maximum = max(limit.maximum - 1, 0)
            case "more":
                limit.maximum += 1
