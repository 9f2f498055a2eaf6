"""What a router knows of a model's load, and what several know together."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from thinmesh_router.autoscaling.policy import Figures
from thinmesh_router.backends import Backends
from thinmesh_router.queues import Queues
from thinmesh_router.routes import Route


def own(route: Route, backends: Backends, queues: Queues, now: float) -> Figures:
    """This router's figures of a model; what runs on a backend that several models share counts for each of them."""
    replicas = [backends[target.backend] for target in route.targets]
    ready = [one.limit.maximum for one in replicas if one.ready]
    queue = queues[route.model]
    called = queues.last_call(route.model)
    return Figures(
        replicas=len(ready),
        running=sum(one.limit.running for one in replicas),
        waiting=queue.calls,
        slots=sum(ready) / len(ready) if ready else None,
        wait=queue.longest(now),
        idle=now - called if called else inf,
    )


def joined(own: Figures, others: Sequence[Figures], *, partial: bool) -> Figures:
    """Those of several routers as one: calls add up, replicas are the same for all."""
    every = (own, *others)
    return Figures(
        replicas=max(one.replicas for one in every),
        running=sum(one.running for one in every),
        waiting=sum(one.waiting for one in every),
        slots=max((one.slots for one in every if one.slots is not None), default=None),
        wait=max(one.wait for one in every),
        idle=min(one.idle for one in every),
        others=len(others),
        partial=partial,
    )


def looked(route: Route, backends: Backends) -> bool:
    """Whether each of a model's backends was looked for: until then nobody knows what is there."""
    return all(backends[target.backend].looked for target in route.targets)
