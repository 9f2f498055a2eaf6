"""How long a call was where: the parts are the whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from thinmesh_core.course import Course
from thinmesh_gateway.audit.timing import Timing, timing

SECONDS = st.floats(0, 1e5)


@given(SECONDS, SECONDS, SECONDS, SECONDS, st.none() | SECONDS)
def test_the_parts_add_up_to_the_whole(
    gateway: float, queue: float, retries: float, generation: float, first_token: float | None
) -> None:
    course = Course("b", queue, retries, generation, first_token)
    whole = gateway + queue + retries + generation + (first_token or 0)
    took = timing(whole, course)
    assert abs(sum(took[1:]) - took.total) < 0.001
    assert abs(took.total - whole * 1000) < 0.01
    assert abs(took.gateway - gateway * 1000) < 0.01


def test_of_a_call_that_no_router_saw_all_is_the_gateways() -> None:
    assert timing(0.0123456, None) == Timing(12.346, 12.346)
