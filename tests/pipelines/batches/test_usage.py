"""What a batch took is the sum of what its lines say."""

from __future__ import annotations

import json
from functools import reduce
from operator import add
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from thinmesh_pipelines.batches.usage import Used, used

counts = st.integers(0, 10_000)
usages = st.builds(Used, st.just("m"), counts, counts, counts, counts)


def line(one: Used) -> bytes:
    usage = {
        "prompt_tokens": one.input,
        "completion_tokens": one.output,
        "prompt_tokens_details": {"cached_tokens": one.cached},
        "completion_tokens_details": {"reasoning_tokens": one.reasoning},
    }
    return told({"body": {"model": one.model, "usage": usage, "choices": []}})


def told(response: Any) -> bytes:
    return json.dumps({"id": "a", "custom_id": "b", "response": response, "error": None}).encode()


@given(st.lists(usages))
def test_lines_are_added_up(several: list[Used]) -> None:
    assert reduce(add, (used(line(one)) for one in several), Used()) == reduce(add, several, Used())


def test_what_is_not_said_is_nothing() -> None:
    assert used(told({"body": {"model": "m"}})) == Used("m")
    assert used(told({"body": {"model": "m", "usage": {"prompt_tokens": 3}}})) == Used("m", 3)
    assert used(told(None)) == Used()
    assert (Used("a") + Used("b")).model == "a"
