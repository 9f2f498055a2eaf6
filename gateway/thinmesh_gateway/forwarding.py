"""What both surfaces do with an authenticated call: bound it, treat it, forward it to the router, observe it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import grpc

from thinmesh_core import capabilities, course
from thinmesh_core.call import Metadata, told
from thinmesh_core.capabilities import Request
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.status import from_rpc_error, lost
from thinmesh_core.telemetry import Observed
from thinmesh_gateway.audit.trail import Trail
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.media.fetcher import Fetcher
from thinmesh_gateway.policies import Policies
from thinmesh_gateway.treatment import Treatment
from thinmesh_gateway.vetting import request as vetting

A = TypeVar("A")
R = TypeVar("R", bound=Request)

Method = Callable[..., "grpc.aio.UnaryUnaryCall[Any, A]"]
"""A method of a stub."""

Hear = Callable[[Metadata], None]
"""Is called with what the router tells the caller beside its answer, before that; not at all where it tells nothing."""


async def listen(call: grpc.aio.Call, hear: Hear) -> None:
    """Hears what the router told in front of its answer, of which the first message has come."""
    said = told(await call.initial_metadata())
    if said:
        hear(said)


def deaf(_: Metadata) -> None:
    """Hears nothing."""


def failure(error: grpc.aio.AioRpcError) -> MeshError:
    """What the router said; NO_BACKEND where it is gone itself, for then nothing can be said of an engine."""
    if lost(error):
        return MeshError(Reason.NO_BACKEND, "The mesh's router can't be reached; try again shortly.", retry_after=1)
    return from_rpc_error(error)


class Way:
    """One call's way to a router: where that dies before the first word, another may be there, once."""

    __slots__ = ("_moved", "_trail", "heard")

    def __init__(self, trail: Trail) -> None:
        self._trail = trail
        self.heard = False
        """Whether a first word has come."""
        self._moved = False

    async def done(self, call: grpc.aio.Call) -> None:
        """Reads what the router tells of a call that has ended well."""
        self._trail.course = course.from_metadata(await call.trailing_metadata())

    def failed(self, error: grpc.aio.AioRpcError) -> None:
        """Returns where the call may be sent once more; raises what the caller is told otherwise."""
        self._trail.course = course.from_metadata(error.trailing_metadata())
        if self._moved or self.heard or not lost(error):
            raise failure(error) from None
        self._moved = True


class Forwarding:
    """Calls to the router. They raise MeshError and nothing else of the wire's.

    `seconds` is the caller's own time limit, if any; `call_seconds` bounds it.
    """

    def __init__(self, call_seconds: float, policies: Policies, media: Fetcher) -> None:
        self.call_seconds = call_seconds
        self.policies = policies
        self.media = media

    async def unary(
        self, operation: str, method: Method[A], request: Request, call: AuthorizedCall, hear: Hear, seconds: float | None
    ) -> A:
        """One bounded, observed call of `method`."""
        with Observed(operation), self.policies.open(call) as treatment:
            request = await self.prepared(request, call, treatment)
            answer = await self.send(method, request, call, hear, seconds)
            return answer if treatment is None else await treatment.answer(answer)

    async def prepared(self, request: R, call: AuthorizedCall, treatment: Treatment | None) -> R:
        """The request as the router may have it: allowed, its images in it, vetted, treated."""
        call.check(capabilities.model(request))
        request = await self.media.fetched(request)
        vetting.check(request)
        return request if treatment is None else await treatment.request(request)

    async def send(
        self, method: Method[A], request: Any, call: AuthorizedCall, hear: Hear = deaf, seconds: float | None = None
    ) -> A:
        """One call of `method`, a second one where its router dies; what it raises is the router's MeshError."""
        until = time.monotonic() + self.bounded(seconds)
        way = Way(call.trail)
        while True:
            try:
                running = method(request, metadata=call.to_metadata(), timeout=until - time.monotonic())
                answer = await running
                await listen(running, hear)
                await way.done(running)
                return answer
            except grpc.aio.AioRpcError as error:
                way.failed(error)

    def bounded(self, seconds: float | None) -> float:
        """The call's time limit."""
        return self.call_seconds if seconds is None else min(seconds, self.call_seconds)
