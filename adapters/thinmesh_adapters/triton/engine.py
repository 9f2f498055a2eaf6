"""The calls to a Triton, and what its failures mean to the caller; its own words decide, and stay inside."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable
from typing import TypeVar

import grpc
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc as tensor_grpc

from thinmesh_core.channel import cancelling, dial_engine
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.tensor_stream import once

A = TypeVar("A")

ASK_SECONDS = 2.0
"""What a question about the engine or a model may take."""

SERVER = "triton"

_MESSAGES = {
    Reason.INVALID_REQUEST: "The model's engine refused the request as invalid.",
    Reason.CONTEXT_LENGTH_EXCEEDED: "The input is longer than the model's context; shorten it.",
    Reason.MODEL_NOT_FOUND: "The model's engine does not serve this model.",
    Reason.DEADLINE_EXCEEDED: "The engine did not answer in time.",
    Reason.BACKEND_FULL: "The model is busy; try again shortly.",
    Reason.ENGINE_UNAVAILABLE: "The model's engine can't be reached; try again shortly.",
    Reason.CAPABILITY_MISSING: "The model's engine can't answer it in this way: stream it, or don't.",
    Reason.ENGINE_ERROR: "The model's engine failed.",
}

# UNAVAILABLE is said for a full queue, for a timeout in it, and for a lost engine; in a stream there is no code at all.
_BY_TEXT = (
    ("request timeout expired", Reason.DEADLINE_EXCEEDED),
    ("exceeds maximum queue size", Reason.BACKEND_FULL),
    ("maximum model length", Reason.CONTEXT_LENGTH_EXCEEDED),
    ("unknown model", Reason.MODEL_NOT_FOUND),
    ("is not found", Reason.MODEL_NOT_FOUND),
    ("unexpected inference input", Reason.INVALID_REQUEST),
    ("unexpected shape", Reason.INVALID_REQUEST),
    ("data-type is", Reason.INVALID_REQUEST),
    ("expected", Reason.INVALID_REQUEST),
    ("must specify", Reason.INVALID_REQUEST),
)
_BY_CODE = {
    grpc.StatusCode.INVALID_ARGUMENT: Reason.INVALID_REQUEST,
    grpc.StatusCode.NOT_FOUND: Reason.MODEL_NOT_FOUND,
    grpc.StatusCode.DEADLINE_EXCEEDED: Reason.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Reason.BACKEND_FULL,
    grpc.StatusCode.UNAVAILABLE: Reason.ENGINE_UNAVAILABLE,
    grpc.StatusCode.UNIMPLEMENTED: Reason.CAPABILITY_MISSING,
}


class Engine:
    """One Triton. Every call raises MeshError, and has stopped at the engine when it is left."""

    def __init__(self, address: str) -> None:
        self._channel = dial_engine(address)
        self.stub = tensor_grpc.GRPCInferenceServiceStub(self._channel)

    async def close(self) -> None:
        """Ends every call."""
        await self._channel.close()

    async def ask(self, call: Awaitable[A]) -> A:
        """The answer to a call."""
        try:
            return await call
        except grpc.aio.AioRpcError as error:
            raise meaning(error.code(), error.details() or "") from None

    async def infer(self, request: pb.ModelInferRequest, seconds: float) -> pb.ModelInferResponse:
        """One answer within `seconds`."""
        return await self.ask(self.stub.ModelInfer(request, timeout=seconds))

    async def stream(self, request: pb.ModelInferRequest, seconds: float) -> AsyncGenerator[pb.ModelStreamInferResponse, None]:
        """Every answer to one request, within `seconds`: one stream a request, since leaving it is what cancels."""
        try:
            async with cancelling(self.stub.ModelStreamInfer(once(request), timeout=seconds)) as responses:
                async for response in responses:
                    if response.error_message:
                        raise meaning(None, response.error_message)
                    yield response
        except grpc.aio.AioRpcError as error:
            raise meaning(error.code(), error.details() or "") from None


def meaning(code: grpc.StatusCode | None, text: str) -> MeshError:
    """What a failure means: by its code where that is clear, else by its text."""
    reason = Reason.ENGINE_ERROR if code is None else _BY_CODE.get(code, Reason.ENGINE_ERROR)
    if code in {None, grpc.StatusCode.UNAVAILABLE}:
        lowered = text.lower()
        reason = next((meant for words, meant in _BY_TEXT if words in lowered), reason)
    return MeshError(reason, _MESSAGES[reason], retry_after=1 if reason is Reason.BACKEND_FULL else None)
