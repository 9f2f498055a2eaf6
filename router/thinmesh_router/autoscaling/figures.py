"""What a router knows of a model's load."""

from __future__ import annotations

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


def looked(route: Route, backends: Backends) -> bool:
    """Whether each of a model's backends was looked for: until then nobody knows what is there."""
    return all(backends[target.backend].looked for target in route.targets)
