"""BackendService: what operators see of backends and queues, and the switch that takes a backend out of service."""

from __future__ import annotations

import time
from typing import Any

import grpc
from thinmesh.adapter.v1 import adapter_service_pb2 as adapter_pb
from thinmesh.router.v1 import backend_service_pb2 as pb
from thinmesh.router.v1 import backend_service_pb2_grpc as backend_grpc

from thinmesh_core.errors import MeshError, Reason
from thinmesh_router.backend import Backend
from thinmesh_router.backends import Backends
from thinmesh_router.fair_queue import FairQueue
from thinmesh_router.queues import Queues
from thinmesh_router.ticket import Waiting

Context = grpc.aio.ServicerContext[Any, Any]


class BackendService(backend_grpc.BackendServiceServicer):
    """For operators alone: it is served where only they can reach it."""

    def __init__(self, backends: Backends, queues: Queues) -> None:
        self._backends = backends
        self._queues = queues

    async def ListBackends(self, request: pb.ListBackendsRequest, context: Context) -> pb.ListBackendsResponse:
        """All backends by name."""
        return pb.ListBackendsResponse(backends=[_seen(one) for _, one in sorted(self._backends.items())])

    async def GetBackend(self, request: pb.GetBackendRequest, context: Context) -> pb.GetBackendResponse:
        """One of them."""
        return pb.GetBackendResponse(backend=_seen(self._named(request.name)))

    async def DrainBackend(self, request: pb.DrainBackendRequest, context: Context) -> pb.DrainBackendResponse:
        """No new calls for it from this router."""
        return pb.DrainBackendResponse(backend=_seen(self._switch(request.name, drained=True)))

    async def UndrainBackend(self, request: pb.UndrainBackendRequest, context: Context) -> pb.UndrainBackendResponse:
        """Calls again; those that wait are served at once."""
        return pb.UndrainBackendResponse(backend=_seen(self._switch(request.name, drained=False)))

    async def ListQueues(self, request: pb.ListQueuesRequest, context: Context) -> pb.ListQueuesResponse:
        """All queues by model."""
        now = time.monotonic()
        return pb.ListQueuesResponse(queues=[_queue(model, queue, now) for model, queue in self._queues.items()])

    def _switch(self, name: str, *, drained: bool) -> Backend:
        backend = self._named(name)
        backend.drained = drained
        self._queues.dispatch()
        return backend

    def _named(self, name: str) -> Backend:
        backend = self._backends.get(name)
        if backend is None:
            known = ", ".join(sorted(self._backends))
            raise MeshError(Reason.NOT_FOUND, f"There is no backend {name!r}; there are: {known}.", param="name")
        return backend


def _seen(backend: Backend) -> pb.Backend:
    now = time.monotonic()
    status = backend.status
    if backend.drained and status.state == adapter_pb.STATE_READY:
        status = adapter_pb.Status()
        status.CopyFrom(backend.status)
        status.state, status.message = adapter_pb.STATE_DRAINING, "drained at this router"
    breaker = backend.breaker
    failure = backend.last_failure
    return pb.Backend(
        name=backend.name,
        address=backend.address,
        status=status,
        running=backend.limit.running,
        limit=backend.limit.allowed,
        latency_seconds=backend.latency.at(now),
        health=pb.Health.ValueType(breaker.health(now)),
        failures=breaker.failures,
        retry_seconds=None if breaker.until is None else max(breaker.until - now, 0.0),
        last_failure=None if failure is None else failure[0].value,
        last_failure_seconds=None if failure is None else now - failure[1],
    )


def _queue(model: str, queue: FairQueue[Waiting], now: float) -> pb.Queue:
    lines = [
        pb.Line(
            priority=line.priority.word,
            tenant=line.tenant,
            calls=line.calls,
            tokens=line.tokens,
            waited_seconds=line.waited,
            wait_seconds=line.wait,
        )
        for line in queue.lines(now)
    ]
    return pb.Queue(
        model=model, calls=len(queue), tokens=queue.tokens, tokens_per_second=queue.rate.tokens_per_second, lines=lines
    )
