"""How a model's replicas follow its load, in thinmesh.yaml."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from thinmesh_core.config import Section
from thinmesh_core.ranges import Pause, Seconds

MOST_REPLICAS = 1000

Replicas = Annotated[int, Meta(ge=0, le=MOST_REPLICAS)]


class AutoscaleTarget(Section, frozen=True, kw_only=True):
    """What replicas are held to: a share of their places taken, or how long calls wait for one. Of both, what wants more."""

    utilisation: Annotated[float, Meta(gt=0, le=1)] | None = None
    queue_wait_seconds: Seconds | None = None

    def __post_init__(self) -> None:
        """Msgspec makes a ConfigError of it."""
        if self.utilisation is None and self.queue_wait_seconds is None:
            raise ValueError("give `utilisation`, `queue_wait_seconds` or both")


class AutoscaleConfig(Section, frozen=True, kw_only=True):
    """Bounds and pace of a model's replicas. `maximum` is the number of its backends where it is left out.

    More are wanted at once, fewer after `cool_down_seconds` in which no more were needed. With `minimum: 0` none are wanted
    after `idle_seconds` without a call; the next one waits for a replica in the waiting room, `waiting_room_seconds` at most
    (that of `queue` where it is left out).
    """

    target: AutoscaleTarget = AutoscaleTarget(utilisation=0.8)
    minimum: Replicas = 1
    maximum: Annotated[int, Meta(ge=1, le=MOST_REPLICAS)] | None = None
    cool_down_seconds: Pause = 120.0
    idle_seconds: Pause = 300.0
    waiting_room_seconds: Seconds | None = None

    def __post_init__(self) -> None:
        """Msgspec makes a ConfigError of it."""
        if self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"`minimum` {self.minimum} is above `maximum` {self.maximum}")
