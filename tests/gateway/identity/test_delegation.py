"""A child key never exceeds its creator."""

from __future__ import annotations

from contextlib import suppress

import pytest
from gateway.test_roles import CHOSEN, ROLES
from hypothesis import given
from hypothesis import strategies as st

from thinmesh_core.errors import MeshError
from thinmesh_gateway.identity.delegation import check_end, check_keys, check_roles, lasting
from thinmesh_gateway.identity.principal import Key, Principal, is_name
from thinmesh_gateway.roles import Action, Models, RoleConfig, Roles

ENDS = st.none() | st.integers(0, 9).map(float)


@given(ROLES, st.lists(CHOSEN, min_size=2, max_size=5), st.sampled_from(Action), st.text("ab/-", max_size=8))
def test_no_line_of_children_ever_may_more_than_the_first(
    configured: dict[str, RoleConfig], line: list[tuple[str, ...]], action: Action, model: str
) -> None:
    roles, first = Roles(configured), line[0]
    parent = first
    for child in line[1:]:
        with suppress(MeshError):
            check_roles(roles, Principal("p", "t", parent), child)
            parent = child
    if model in roles.granted(parent).get(action, Models([])):
        assert model in roles.granted(first)[action]


@given(ENDS, st.lists(ENDS, max_size=4))
def test_no_line_of_children_outlives_the_first(first: float | None, asked: list[float | None]) -> None:
    end = first
    for expires in asked:
        parent = Principal("p", "t", (), "k", end)
        child = lasting(parent, expires)
        with suppress(MeshError):
            check_end(parent, child)
            end = child
    assert first is None or (end is not None and end <= first)


def test_a_tokens_end_is_not_its_holders() -> None:
    holder = Principal("p", "t", (), None, 5.0)
    check_end(holder, lasting(holder, None))


def test_nobody_acts_in_the_name_of_who_may_more() -> None:
    roles, holder = Roles({}), Principal("p", "t", ("key-owner",))
    keys = [Key("a", "t", "q", ("user",), 0), Key("b", "t", "q", ("admin",), 0, expires=5)]
    with pytest.raises(MeshError):
        check_keys(roles, holder, keys, 4)
    check_keys(roles, holder, keys, 5)


@pytest.mark.parametrize(("name", "good"), [("a@b.c|1", True), ("", False), ("a b", False), ("é", False), ("a" * 129, False)])
def test_a_principals_name_can_be_a_header(name: str, good: bool) -> None:
    assert is_name(name) == good
