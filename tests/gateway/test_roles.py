"""What roles grant: patterns of models, and one set of rights within another."""

from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinmesh_core.config import ConfigError, convert
from thinmesh_gateway.roles import BUILT_IN, Action, Models, RoleConfig, Roles

NAMES = st.text("ab/-", max_size=8)
PATTERNS = st.text("ab/-*", min_size=1, max_size=6)
SOME = st.lists(PATTERNS, max_size=3)
ROLES = st.dictionaries(
    st.sampled_from(["one", "two", "three"]),
    st.builds(
        RoleConfig,
        actions=st.lists(st.sampled_from(Action), max_size=3).map(tuple),
        models=st.lists(PATTERNS, max_size=3).map(tuple),
    ),
)
CHOSEN = st.lists(st.sampled_from(["one", "two", "three", "gone"]), max_size=3).map(tuple)


@given(SOME, NAMES)
def test_a_star_stands_for_any_characters(patterns: list[str], name: str) -> None:
    assert (name in Models(patterns)) == any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


@given(SOME, SOME, NAMES)
def test_models_within_others_are_never_more(patterns: list[str], others: list[str], name: str) -> None:
    if Models(patterns) >= Models(others) and name in Models(others):
        assert name in Models(patterns)


@given(SOME, SOME)
def test_models_are_within_themselves_and_their_unions(patterns: list[str], others: list[str]) -> None:
    assert Models([*patterns, *others]) >= Models(patterns)
    assert Models(["*"]) >= Models(patterns)


@given(ROLES, CHOSEN, CHOSEN, st.sampled_from(Action), NAMES)
def test_whoever_covers_others_may_all_that_they_may(
    configured: dict[str, RoleConfig], mine: tuple[str, ...], theirs: tuple[str, ...], action: Action, model: str
) -> None:
    roles = Roles(configured)
    if roles.cover(mine, theirs) and model in roles.granted(theirs).get(action, Models([])):
        assert model in roles.granted(mine)[action]
    assert roles.cover(mine, mine)


def test_a_name_that_no_model_has_is_looked_at_in_no_time() -> None:
    assert "a" * 10_000_000 not in Models(["*a*a*a*a*b"])
    assert "a" * 500 not in Models(["*a*a*a*a*a*a*a*b"])


def test_no_role_grants_nothing_but_ones_own_name() -> None:
    assert set(Roles({}).granted(())) == set(Roles({}).granted(("gone",))) == {Action.SELF}


def test_the_roles_that_are_built_in_do_what_they_are_called() -> None:
    roles = Roles({})
    granted = {name: set(roles.granted((name,))) - {Action.SELF} for name in BUILT_IN}
    assert granted["user"] == {
        Action.INFER,
        Action.EMBED,
        Action.TENSORS,
        Action.JOBS,
        Action.PIPELINES,
        Action.APPROVALS,
        Action.MODELS,
    }
    assert Action.EDIT_MODELS in granted["model-owner"]
    assert Action.QUOTAS not in granted["model-owner"]
    assert granted["auditor"] == {Action.MODELS, Action.AUDIT}
    assert granted["admin"] == set(Action) - {Action.SELF}


def test_a_role_that_is_written_down_goes_before_one_that_is_built_in() -> None:
    roles = Roles({"user": RoleConfig(actions=(Action.EMBED,), models=("mini*",))})
    assert roles.granted(("user",)).keys() == {Action.SELF, Action.EMBED}
    assert "minilm" in roles.granted(("user",))[Action.EMBED]
    assert "other" not in roles.granted(("user",))[Action.EMBED]


@pytest.mark.parametrize(
    "wrong", [{}, {"actions": ["fly"]}, {"actions": ["infer"], "models": ["a b"]}, {"actions": [], "x": 1}]
)
def test_a_role_that_is_wrong_is_no_role(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        convert(wrong, RoleConfig, source="roles")
