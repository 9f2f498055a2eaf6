"""The calls to a Triton, and what its words mean."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import grpc
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc as tensor_grpc

from thinmesh_adapters.rpc import GrpcEngine, Words
from thinmesh_core.call import Metadata
from thinmesh_core.errors import Reason
from thinmesh_core.tensor_stream import once

# UNAVAILABLE is said for a full queue, for a timeout in it, and for a lost engine; in a stream there is no code at all.
WORDS = Words(
    vague={None, grpc.StatusCode.UNAVAILABLE},
    by_text=(
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
    ),
)


class Engine(GrpcEngine):
    """One Triton."""

    words = WORDS

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.stub = tensor_grpc.GRPCInferenceServiceStub(self.channel)

    async def infer(self, request: pb.ModelInferRequest, seconds: float, trace: Metadata) -> pb.ModelInferResponse:
        """One answer within `seconds`."""
        return await self.ask(self.stub.ModelInfer(request, timeout=seconds, metadata=trace))

    async def stream(
        self, request: pb.ModelInferRequest, seconds: float, trace: Metadata
    ) -> AsyncGenerator[pb.ModelStreamInferResponse, None]:
        """Every answer to one request, within `seconds`: one stream a request, since leaving it is what cancels."""
        responses = self.read(self.stub.ModelStreamInfer(once(request), timeout=seconds, metadata=trace))
        async with aclosing(responses):
            async for response in responses:
                if response.error_message:
                    raise self.words.meaning(None, response.error_message)
                yield response
