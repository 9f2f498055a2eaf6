"""What every gRPC method does first and last: its call, the idempotency key, and what the router tells beside its answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from thinmesh_core import capabilities
from thinmesh_core.call import REQUEST_ID
from thinmesh_core.capabilities import Request
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.forwarding import Hear
from thinmesh_gateway.gate import ARRIVAL, Arrival
from thinmesh_gateway.idempotency.key import KEY, REPLAYED, fingerprint, unstreamed
from thinmesh_gateway.idempotency.once import Once

Context = grpc.aio.ServicerContext[Any, Any]
R = TypeVar("R", bound=Request)
A = TypeVar("A", bound=Message)


class Reception:
    """Receives strangers: whatever a servicer does for one begins here."""

    def __init__(self, once: Once) -> None:
        self._once = once

    def admit(self, context: Context) -> AuthorizedCall:
        """The call that the gate let in, to be left at its end; its request id goes back as trailing metadata."""
        return _arrived(context).call

    async def unary(
        self,
        method: Callable[[R, AuthorizedCall, Hear, float | None], Awaitable[A]],
        request: R,
        context: Context,
        kind: type[A],
    ) -> A:
        """The answer of a method, made once where there is an idempotency key; `kind` is the answer's message."""
        call, sent = _arrived(context)
        told: dict[str, str] = {}
        with call:
            if KEY not in sent:
                answer = await method(request, call, told.update, context.time_remaining())
            else:

                async def make() -> bytes:
                    return (await method(request, call, told.update, context.time_remaining())).SerializeToString()

                call.check(capabilities.model(request))  # an answer that was made for another key may not be for this one
                same = fingerprint(request.DESCRIPTOR.full_name, request.SerializeToString(deterministic=True))
                given = await self._once.once(call, sent[KEY], same, make)
                answer = kind.FromString(given.answer)
                if given.replayed:
                    told[REPLAYED] = "true"
            await tell(context, told)
            return answer

    def streaming(self, context: Context) -> AuthorizedCall:
        """The call of a method that streams, to be left at its end; INVALID_REQUEST under an idempotency key."""
        call, sent = _arrived(context)
        if KEY in sent:
            error = unstreamed()
            call.trail.end(error)
            raise error
        return call


async def tell(context: Context, told: dict[str, str]) -> None:
    """Sends what the router told as initial metadata, once: nothing is left of it."""
    if told:
        await context.send_initial_metadata(tuple(told.items()))
        told.clear()


def _arrived(context: Context) -> Arrival:
    arrival = ARRIVAL.get()
    context.set_trailing_metadata(((REQUEST_ID, arrival.call.request_id),))
    return arrival
