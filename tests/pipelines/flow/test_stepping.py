"""Steps of an author's own, outside of a pipeline: what they take and give as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinmesh_pipelines import flow
from thinmesh_pipelines.flow.stepping import placed


@dataclass
class Point:
    x: int
    y: int


class Pair(NamedTuple):
    first: Point
    second: Point | None


@flow.step()
async def swapped(pair: Pair, *, times: int = 1) -> Pair:
    """Awaited."""
    return pair if times % 2 == 0 or pair.second is None else Pair(pair.second, pair.first)


@flow.step(seconds=5)
def whose() -> str:
    """In a thread."""
    return flow.place().tenant


points = st.builds(Point, st.integers(-(2**53), 2**53), st.integers(-(2**53), 2**53))


@given(st.builds(Pair, points, st.none() | points), st.integers(0, 5))
async def test_values_come_through_as_their_types(pair: Pair, times: int) -> None:
    said = await swapped.perform(msgspec.json.encode({"pair": pair, "times": times}).decode())
    assert msgspec.json.decode(said, type=Pair) == await swapped(pair, times=times)


async def test_a_step_knows_where_it_runs_though_it_is_in_a_thread(tmp_path: Path) -> None:
    with placed(flow.Place("job-1.2", "acme", "somebody", tmp_path)):
        assert await whose.perform("{}") == '"acme"'
        assert await whose() == "acme"
    with pytest.raises(LookupError):
        flow.place()


async def test_arguments_of_other_types_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        await swapped.perform('{"pair": [{"x": 1}, null]}')


def test_a_step_is_known_by_its_module_and_name() -> None:
    assert whose.name == f"{__name__}.whose"
