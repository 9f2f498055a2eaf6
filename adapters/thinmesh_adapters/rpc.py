"""Engines that speak gRPC: the calls to them, and what their failures mean. Their own words decide, and stay inside."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

import grpc

from thinmesh_core.channel import Responses, cancelling, dial_engine
from thinmesh_core.errors import MeshError, Reason

A = TypeVar("A")

ASK_SECONDS = 2.0
"""What a question about the engine or a model may take."""

_MESSAGES = {
    Reason.INVALID_REQUEST: "The model's engine refused the request as invalid.",
    Reason.CONTEXT_LENGTH_EXCEEDED: "The input is longer than the model's context; shorten it.",
    Reason.MODEL_NOT_FOUND: "The model's engine does not serve this model.",
    Reason.DEADLINE_EXCEEDED: "The engine did not answer in time.",
    Reason.BACKEND_FULL: "The model is busy; try again shortly.",
    Reason.ENGINE_UNAVAILABLE: "The model's engine can't be reached; try again shortly.",
    Reason.CAPABILITY_MISSING: "The model's engine can't answer it in this way: stream it, or don't.",
    Reason.ENGINE_ERROR: "The model's engine failed.",
    Reason.ENGINE_PROTOCOL: "The model's engine sent what can't be read.",
    Reason.REQUEST_TOO_LARGE: "The request is larger than the model's engine takes; shorten it.",
}
_BY_CODE = {
    grpc.StatusCode.INVALID_ARGUMENT: Reason.INVALID_REQUEST,
    grpc.StatusCode.NOT_FOUND: Reason.MODEL_NOT_FOUND,
    grpc.StatusCode.DEADLINE_EXCEEDED: Reason.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Reason.BACKEND_FULL,
    grpc.StatusCode.UNAVAILABLE: Reason.ENGINE_UNAVAILABLE,
    grpc.StatusCode.UNIMPLEMENTED: Reason.CAPABILITY_MISSING,
}
# What grpc itself says as RESOURCE_EXHAUSTED, however busy the engine is.
_TOO_LARGE = (
    ("client: received message larger than max", Reason.ENGINE_PROTOCOL),
    ("server: sent message larger than max", Reason.ENGINE_PROTOCOL),
    ("message larger than max", Reason.REQUEST_TOO_LARGE),
)


@dataclass(frozen=True, slots=True)
class Words:
    """What an engine says where its code alone is vague: lower-case pieces of its texts, the first that fits decides."""

    vague: Collection[grpc.StatusCode | None]
    by_text: Sequence[tuple[str, Reason]]

    def meaning(self, code: grpc.StatusCode | None, text: str) -> MeshError:
        """What a failure means: by its code where that is clear, else by its text. No code: it was told inside a stream."""
        reason = Reason.ENGINE_ERROR if code is None else _BY_CODE.get(code, Reason.ENGINE_ERROR)
        by_text = (*(_TOO_LARGE if reason is Reason.BACKEND_FULL else ()), *(self.by_text if code in self.vague else ()))
        lowered = text.lower()
        reason = next((meant for words, meant in by_text if words in lowered), reason)
        return MeshError(reason, _MESSAGES[reason], retry_after=1 if reason is Reason.BACKEND_FULL else None)


class GrpcEngine:
    """One engine's channel. Every call raises MeshError, and has stopped at the engine when it is left."""

    words: Words

    def __init__(self, address: str) -> None:
        self.channel = dial_engine(address)

    async def close(self) -> None:
        """Ends every call."""
        await self.channel.close()

    async def ask(self, call: Awaitable[A]) -> A:
        """The answer to a call."""
        try:
            return _parsed(await call)
        except grpc.aio.AioRpcError as error:
            raise self.words.meaning(error.code(), error.details() or "") from None

    async def read(self, call: Responses[A]) -> AsyncGenerator[A, None]:
        """Every answer to a call."""
        try:
            async with cancelling(call) as responses:
                async for response in responses:
                    yield _parsed(response)
        except grpc.aio.AioRpcError as error:
            raise self.words.meaning(error.code(), error.details() or "") from None


def _parsed(answer: A) -> A:
    """An answer; grpc gives None for one that does not parse."""
    if answer is None:
        raise MeshError(Reason.ENGINE_PROTOCOL, _MESSAGES[Reason.ENGINE_PROTOCOL])
    return answer
