"""How a terminal shows where one call's time went."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from thinmesh_deploy.trace import WIDTH, course
from thinmesh_gateway.audit.entry import Entry

MS = st.floats(0, 1e7)


def bars(gateway: float, queue: float, retries: float, first: float, generation: float) -> list[str]:
    parts = (gateway, queue, retries, first, generation)
    timed = (sum(parts), *parts)
    told = course(Entry(0, "rest", "o", "ALLOWED", "", "t", "", "", "m", "r", "", {}, 1, "", "", "b", 1, 1, *timed))
    return [str(bar) for bar in told.columns[3].cells][:-1]


def test_each_bar_begins_where_the_one_before_it_ends() -> None:
    found = bars(0, WIDTH / 4, 0, WIDTH / 4, WIDTH / 2)
    quarter = WIDTH // 4
    assert found == ["", "━" * quarter, "", " " * quarter + "━" * quarter, " " * quarter * 2 + "━" * quarter * 2]


@given(MS, MS, MS, MS, MS)
def test_what_took_any_time_is_seen_and_fits(gateway: float, queue: float, retries: float, first: float, made: float) -> None:
    parts = (gateway, queue, retries, first, made)
    found = bars(*parts)
    assert [bool(bar) for bar in found] == [ms > 0 for ms in parts]
    assert max(map(len, found)) <= WIDTH + 2  # each is rounded by itself


def test_a_call_from_before_it_was_measured_is_shown() -> None:
    console = Console(record=True, width=200)
    console.print(course(Entry(0, "rest", "POST /v1/completions", "ALLOWED", tenant="t")))
    assert "POST /v1/completions" in console.export_text()


def test_a_tenant_by_a_name_that_looks_like_markup_is_shown() -> None:
    console = Console(record=True, width=200)
    console.print(course(Entry(0, "rest", "POST /v1/completions", "ALLOWED", tenant="[/x]")))
    assert "[/x]" in console.export_text()
