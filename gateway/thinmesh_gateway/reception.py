"""What stands before every gRPC method: the key, and what the router tells beside its answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import grpc

from thinmesh_core.call import REQUEST_ID, Call, request_id
from thinmesh_gateway.auth import Authenticator
from thinmesh_gateway.forwarding import Hear
from thinmesh_gateway.wishes import GRPC

Context = grpc.aio.ServicerContext[Any, Any]
R = TypeVar("R")
A = TypeVar("A")


class Reception:
    """Receives strangers: whatever a servicer does for one begins here."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    def admit(self, context: Context) -> Call:
        """The call of whoever holds the key in the metadata; its request id goes back as trailing metadata."""
        sent = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        known = request_id(sent.get(REQUEST_ID))
        context.set_trailing_metadata(((REQUEST_ID, known),))
        return self._authenticator.call(sent.get, GRPC, known)

    async def unary(self, method: Callable[[R, Call, Hear, float | None], Awaitable[A]], request: R, context: Context) -> A:
        """The answer of a method."""
        told: dict[str, str] = {}
        answer = await method(request, self.admit(context), told.update, context.time_remaining())
        await tell(context, told)
        return answer


async def tell(context: Context, told: dict[str, str]) -> None:
    """Sends what the router told as initial metadata, once: nothing is left of it."""
    if told:
        await context.send_initial_metadata(tuple(told.items()))
        told.clear()
