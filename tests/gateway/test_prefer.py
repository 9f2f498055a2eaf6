"""What of a Prefer header is heeded, whatever stands in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinmesh_gateway.prefer import LONGEST_WAIT, Later, later

HEADERS = {
    "respond-async": Later(),
    " Respond-Async ": Later(),
    "respond-async, wait=10": Later(10),
    "wait=10, respond-async": Later(10),
    'respond-async; a="b, c", wait = "7"': Later(7),
    "respond-async, wait=3, wait=9": Later(3),
    "respond-async, wait=-1": Later(),
    "respond-async, wait=x": Later(),
    "respond-async, wait": Later(),
    "respond-async, wait=99999999999": Later(LONGEST_WAIT),
    "return=minimal, handling=lenient;x, respond-async": Later(),
    "wait=10": None,
    'x="respond-async, wait=1"': None,
    "respond-asynchronously": None,
    "": None,
}


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_prefers_what_the_rfc_says(header: str) -> None:
    assert later(header) == HEADERS[header]


@given(st.text(st.characters(max_codepoint=255)))
def test_no_header_breaks_it(header: str) -> None:
    found = later(header)
    assert found is None or found.wait is None or 0 <= found.wait <= LONGEST_WAIT


@given(st.none() | st.integers(0, LONGEST_WAIT), st.lists(st.sampled_from(["a", "b=c", 'd="e, f"', "return=minimal;g"])))
def test_what_is_said_to_be_applied_is_what_was_preferred(wait: int | None, others: list[str]) -> None:
    preferred = Later(wait)
    assert later(", ".join([*others, str(preferred)])) == preferred
