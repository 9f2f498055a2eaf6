"""One model whose replicas follow its load."""

from __future__ import annotations

import asyncio

from thinmesh_core.telemetry import (
    AUTOSCALE_CALLS,
    AUTOSCALE_READY,
    AUTOSCALE_REPLICA,
    AUTOSCALE_WAIT,
    AUTOSCALE_WANTED,
)
from thinmesh_router.autoscaling.config import AutoscaleConfig
from thinmesh_router.autoscaling.policy import Decision, Figures, Policy
from thinmesh_router.routes import Route


class Scaled:
    """What was decided last, and from which figures."""

    def __init__(self, route: Route, config: AutoscaleConfig) -> None:
        self.route = route
        self.config = config
        self.policy = Policy(config, len(route.targets))
        self.figures: Figures | None = None
        self.decision = Decision(0, ())
        self.begun = asyncio.Event()
        for target in route.targets:
            AUTOSCALE_REPLICA.labels(route.model, target.backend).set(1)
        self.changed = asyncio.Event()
        """Set, and replaced, when there are to be some replicas where there were to be none, or the other way round."""

    @property
    def active(self) -> bool:
        """Whether there is to be any replica."""
        return self.decision.wanted > 0

    @property
    def maximum(self) -> int:
        """The most there may be."""
        return self.config.maximum or len(self.route.targets)

    def decide(self, figures: Figures, now: float) -> None:
        """What is wanted now, told to the metrics and to whoever watches."""
        before, begun = self.active, self.begun.is_set()
        if figures.slots is None and self.figures is not None:  # the last replica that was there has said it
            figures = figures._replace(slots=self.figures.slots)
        self.figures, self.decision = figures, self.policy.decide(figures, now)
        self.begun.set()
        if not begun or self.active is not before:
            self.tell()
        model = self.route.model
        AUTOSCALE_WANTED.labels(model).set(self.decision.wanted)
        AUTOSCALE_READY.labels(model).set(figures.replicas)
        AUTOSCALE_CALLS.labels(model, "running").set(figures.running)
        AUTOSCALE_CALLS.labels(model, "waiting").set(figures.waiting)
        AUTOSCALE_WAIT.labels(model).set(figures.wait)

    def tell(self) -> None:
        """Wakes whoever watches."""
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()

    def forget(self) -> None:
        """Its replicas follow nothing any more: nothing is told of it."""
        self.tell()
        model = self.route.model
        for target in self.route.targets:
            AUTOSCALE_REPLICA.remove(model, target.backend)
        if self.begun.is_set():
            for gauge in (AUTOSCALE_WANTED, AUTOSCALE_READY, AUTOSCALE_WAIT):
                gauge.remove(model)
            for state in ("running", "waiting"):
                AUTOSCALE_CALLS.remove(model, state)
