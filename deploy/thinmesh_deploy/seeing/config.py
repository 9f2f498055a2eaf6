"""What thinmesh.yaml promises of calls. Pure."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from thinmesh_core.config import Section
from thinmesh_core.ranges import Seconds

Promise = Annotated[float, Meta(ge=0.5, lt=1)]
"""A share of calls; what it leaves is the budget for errors."""


class ModelObjectives(Section, frozen=True, kw_only=True):
    """What is promised of one model where it is not what is promised of all."""

    availability: Promise | None = None
    first_token_share: Promise | None = None
    first_token_seconds: Seconds | None = None


class ObjectivesConfig(Section, frozen=True, kw_only=True):
    """What is promised over 30 days; alerts tell where it will not be kept.

    `availability`: the share of calls that do not fail by the mesh's fault. `first_token_share`: the share of streams that have
    their first token within `first_token_seconds`, which is a bound of the histogram of those times.
    """

    availability: Promise = 0.999
    first_token_share: Promise = 0.95
    first_token_seconds: Seconds = 2.5
    models: dict[str, ModelObjectives] = field(default_factory=dict)
