"""What stands before every gRPC method: the key, the idempotency key, and what the router tells beside its answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from thinmesh_core.call import REQUEST_ID, Call, request_id
from thinmesh_gateway.auth import Authenticator
from thinmesh_gateway.forwarding import Hear
from thinmesh_gateway.idempotency.key import KEY, REPLAYED, fingerprint, unstreamed
from thinmesh_gateway.idempotency.once import Once
from thinmesh_gateway.wishes import GRPC

Context = grpc.aio.ServicerContext[Any, Any]
R = TypeVar("R", bound=Message)
A = TypeVar("A", bound=Message)


class Reception:
    """Receives strangers: whatever a servicer does for one begins here."""

    def __init__(self, authenticator: Authenticator, once: Once) -> None:
        self._authenticator = authenticator
        self._once = once

    def admit(self, context: Context) -> Call:
        """The call of whoever holds the key in the metadata; its request id goes back as trailing metadata."""
        return self._admit(_sent(context), context)

    async def unary(
        self, method: Callable[[R, Call, Hear, float | None], Awaitable[A]], request: R, context: Context, kind: type[A]
    ) -> A:
        """The answer of a method, made once where there is an idempotency key; `kind` is the answer's message."""
        sent = _sent(context)
        call = self._admit(sent, context)
        told: dict[str, str] = {}
        if KEY not in sent:
            answer = await method(request, call, told.update, context.time_remaining())
        else:

            async def make() -> bytes:
                return (await method(request, call, told.update, context.time_remaining())).SerializeToString()

            same = fingerprint(request.DESCRIPTOR.full_name, request.SerializeToString(deterministic=True))
            given = await self._once.once(call, sent[KEY], same, make)
            answer = kind.FromString(given.answer)
            if given.replayed:
                told[REPLAYED] = "true"
        await tell(context, told)
        return answer

    def streaming(self, context: Context) -> Call:
        """The call of a method that streams; INVALID_REQUEST under an idempotency key."""
        sent = _sent(context)
        call = self._admit(sent, context)
        if KEY in sent:
            raise unstreamed()
        return call

    def _admit(self, sent: dict[str, str], context: Context) -> Call:
        known = request_id(sent.get(REQUEST_ID))
        context.set_trailing_metadata(((REQUEST_ID, known),))
        return self._authenticator.call(sent.get, GRPC, known)


async def tell(context: Context, told: dict[str, str]) -> None:
    """Sends what the router told as initial metadata, once: nothing is left of it."""
    if told:
        await context.send_initial_metadata(tuple(told.items()))
        told.clear()


def _sent(context: Context) -> dict[str, str]:
    return {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
