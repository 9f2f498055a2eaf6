"""A tenant's privacy in thinmesh.yaml."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, field

from thinmesh_core.config import Section
from thinmesh_gateway.privacy.entities import Entity

Policy: TypeAlias = Literal["off", "detect", "mask", "reversible", "block"]
"""Passed; counted; replaced; replaced, and restored in the answer; refused."""

PatternName: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,15}$")]


class PatternConfig(Section, frozen=True, kw_only=True):
    """An entity of the tenant's own, as RE2 writes it."""

    pattern: str
    policy: Policy = "mask"


class PrivacyConfig(Section, frozen=True, kw_only=True):
    """What happens to each entity; what `entities` does not name has the policy `default`.

    `answers`: whether what the model itself writes is masked too. `tensor_models` are those whose tensors are no text: all
    others' are refused to a tenant that masks or blocks anything.
    """

    default: Policy = "off"
    entities: dict[Entity, Policy] = field(default_factory=dict)
    patterns: dict[PatternName, PatternConfig] = field(default_factory=dict)
    answers: bool = True
    tensor_models: frozenset[str] = frozenset()
