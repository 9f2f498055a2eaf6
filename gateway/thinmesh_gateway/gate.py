"""What stands before every RPC: the method that was matched, the key and the action. Nothing behind it runs without."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol, TypeAlias

import grpc

from thinmesh_core.call import REQUEST_ID
from thinmesh_core.errors import MeshError
from thinmesh_core.readable import END
from thinmesh_core.request_id import request_id
from thinmesh_gateway.actions import PUBLIC, RPCS
from thinmesh_gateway.audit.trail import Add, Trail
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.identity.guesses import FORWARDED, Guesses, grpc_host, origin
from thinmesh_gateway.wishes import GRPC, Names, Sent

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


class Arrival(NamedTuple):
    """An RPC that was let in: its call, and the metadata that came with it."""

    call: AuthorizedCall
    sent: dict[str, str]


ARRIVAL: ContextVar[Arrival] = ContextVar("arrival")
"""The RPC that runs in this task."""


class Door(Protocol):
    """Tells who calls, and whether it may do what it asks for."""

    async def call(self, sent: Sent, names: Names, trail: Trail) -> AuthorizedCall:
        """The call that is let in; MeshError where it is not."""
        ...


class Gate(grpc.aio.ServerInterceptor):
    """Lets RPCs in. A method without an action in the table is denied to everybody."""

    def __init__(self, door: Door, guesses: Guesses, add: Add) -> None:
        self._door = door
        self._guesses = guesses
        self._add = add

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]], handler_call_details: Any
    ) -> Handler | None:
        """The method's handler, or one that refuses."""
        method, handler = handler_call_details.method, await continuation(handler_call_details)
        if handler is not None and not method.startswith(PUBLIC):
            metadata = handler_call_details.invocation_metadata or ()
            sent = {key: value for key, value in metadata if isinstance(value, str)}
            trail = Trail(self._add, GRPC.surface, method, RPCS.get(method), request_id(sent.get(REQUEST_ID)))
            END.set(trail.end)
            try:
                call = await self._door.call(sent.get, GRPC, trail)
            except MeshError as error:
                return self._refusing(error, trail, sent.get(FORWARDED))
            except BaseException as error:
                trail.end(error)
                raise
            ARRIVAL.set(Arrival(call, sent))
        return handler

    def _refusing(self, failed: MeshError, trail: Trail, forwarded: str | None) -> Handler:
        """A handler that fits every kind of method: it reads nothing, and its answer never begins."""

        async def refuse(_: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
            context.set_trailing_metadata(((REQUEST_ID, trail.request_id),))
            peer = origin(grpc_host(context.peer()), forwarded)
            error = self._guesses.told(failed, peer, time.monotonic())
            trail.end(error)
            raise error
            yield None  # type: ignore[unreachable]  # it makes a generator of this, as streaming handlers are

        return grpc.stream_stream_rpc_method_handler(refuse)
