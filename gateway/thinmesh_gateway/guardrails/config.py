"""A tenant's guardrails in thinmesh.yaml."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, field

from thinmesh_core.config import Section

When: TypeAlias = Literal["before", "after"]
"""The engine."""


class GuardrailConfig(Section, frozen=True, kw_only=True):
    """One guardrail, in the place of the list where its turn is.

    Where it is not done within `seconds`, or fails otherwise, `when_failing` says whether the call goes on without it (`open`)
    or is refused (`closed`).
    """

    name: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,31}$")]
    when: Annotated[frozenset[When], Meta(min_length=1)]
    settings: dict[str, Any] = field(default_factory=dict)
    seconds: Annotated[float, Meta(gt=0, le=60)] = 0.5
    when_failing: Literal["open", "closed"] = "closed"


GuardrailConfigs: TypeAlias = Annotated[tuple[GuardrailConfig, ...], Meta(max_length=16)]
"""A tenant's, in order."""
