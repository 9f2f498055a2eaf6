"""What a role may do, and with which models. Deny by default: what no role grants is not granted. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from thinmesh_core.config import Section

EVERY = "*"

LONGEST = 512
"""A name longer than this is no model's, and not looked at."""

Pattern = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:/*-]{1,128}$")]
"""A model's name or alias; `*` in it stands for any characters."""

RoleName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,62}$")]


class Action(StrEnum):
    """What a route or an RPC does. Each of them has one, in `actions.py`."""

    INFER = "infer"
    EMBED = "embed"
    TENSORS = "tensors"
    JOBS = "jobs"
    PIPELINES = "pipelines"  # make a job of one
    APPROVALS = "approvals"  # give a job what it waits for
    MODELS = "models"  # see which there are
    EDIT_MODELS = "edit-models"
    BACKENDS = "backends"
    QUOTAS = "quotas"
    KEYS = "keys"
    AUDIT = "audit"
    SELF = "self"  # ask who one is and what there is; everybody who is known may


class RoleConfig(Section, frozen=True, kw_only=True):
    """A role: these actions, with these models."""

    actions: tuple[Action, ...]
    models: tuple[Pattern, ...] = (EVERY,)


_USE = (
    Action.INFER,
    Action.EMBED,
    Action.TENSORS,
    Action.JOBS,
    Action.PIPELINES,
    Action.APPROVALS,
    Action.MODELS,
)

BUILT_IN: dict[str, RoleConfig] = {
    "user": RoleConfig(actions=_USE),
    "model-owner": RoleConfig(actions=(*_USE, Action.EDIT_MODELS, Action.BACKENDS)),
    "key-owner": RoleConfig(actions=(*_USE, Action.KEYS)),
    "auditor": RoleConfig(actions=(Action.MODELS, Action.AUDIT)),
    "admin": RoleConfig(actions=tuple(Action)),
}
"""The roles that are there without being written down; `roles` in thinmesh.yaml may say otherwise of any."""


class Models:
    """Some of the models, by patterns. A name is looked at as the caller gave it: an alias is a name like any other."""

    __slots__ = ("_every", "_matching", "_names", "patterns")

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns = tuple(sorted(set(patterns)))
        self._names = frozenset(one for one in self.patterns if EVERY not in one)
        self._every = EVERY in self.patterns
        self._matching = re.compile("|".join(_expression(one) for one in self.patterns if EVERY in one) or "(?!)", re.DOTALL)

    def __contains__(self, name: str) -> bool:
        """Whether the model is among them."""
        return self._every or name in self._names or (len(name) <= LONGEST and bool(self._matching.fullmatch(name)))

    def __ge__(self, others: Models) -> bool:
        """Whether every model that can be among the others is among these.

        A pattern is within another where that one takes its `*` for a character: then it takes whatever stands there.
        """
        return all(pattern in self for pattern in others.patterns)


class Roles:
    """The roles in force."""

    def __init__(self, configured: Mapping[str, RoleConfig]) -> None:
        self._roles = {**BUILT_IN, **configured}
        self._granted: dict[tuple[str, ...], dict[Action, Models]] = {}

    def __contains__(self, name: str) -> bool:
        """Whether there is a role of the name."""
        return name in self._roles

    @property
    def names(self) -> list[str]:
        """The names of all."""
        return sorted(self._roles)

    def granted(self, roles: tuple[str, ...]) -> Mapping[Action, Models]:
        """What these roles grant together; one that there is not any more grants nothing."""
        found = self._granted.get(roles)
        if found is None:
            found = self._granted[roles] = self._grant(roles)
        return found

    def cover(self, roles: tuple[str, ...], others: tuple[str, ...]) -> bool:
        """Whether whoever has `roles` may do all that the others may, with every model."""
        mine = self.granted(roles)
        return all(action in mine and mine[action] >= models for action, models in self.granted(others).items())

    def _grant(self, roles: tuple[str, ...]) -> dict[Action, Models]:
        patterns: dict[Action, set[str]] = {Action.SELF: {EVERY}}
        for role in roles:
            config = self._roles.get(role)
            for action in () if config is None else config.actions:
                patterns.setdefault(action, set()).update(config.models if config is not None else ())
        return {action: Models(some) for action, some in patterns.items()}


def _expression(pattern: str) -> str:
    """It never looks back: what stands between two `*` is taken where it is first found."""
    first, *middle, last = (re.escape(part) for part in pattern.split(EVERY))
    return "".join([first, *(f"(?>.*?{part})" for part in middle), ".*", last])
