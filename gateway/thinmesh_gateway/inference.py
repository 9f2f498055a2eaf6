"""What both surfaces do with an authenticated call: bound it, forward it to the router, observe it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, TypeVar

import grpc
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from thinmesh.model.v1 import model_service_pb2 as model_pb
from thinmesh.model.v1 import model_service_pb2_grpc as model_grpc

from thinmesh_core import bounds
from thinmesh_core.call import Call
from thinmesh_core.capabilities import Request
from thinmesh_core.channel import cancelling
from thinmesh_core.status import from_rpc_error
from thinmesh_core.telemetry import observed

R = TypeVar("R")
A = TypeVar("A")


class Inference:
    """The router, as REST and gRPC alike see it. Every method raises MeshError and nothing else of the wire's.

    `seconds` is the caller's own time limit, if any; `call_seconds` bounds it.
    """

    def __init__(self, channel: grpc.aio.Channel, call_seconds: float) -> None:
        self._router = inference_grpc.InferenceServiceStub(channel)
        self._models = model_grpc.ModelServiceStub(channel)
        self.call_seconds = call_seconds

    async def stream(
        self, request: pb.GenerateRequest, call: Call, seconds: float | None = None
    ) -> AsyncGenerator[pb.GenerateEvent, None]:
        """The events of a generation."""
        with observed("stream", request.model, call):
            bounds.check(request)
            try:
                stream = self._router.StreamGenerate(request, metadata=call.to_metadata(), timeout=self._bounded(seconds))
                async with cancelling(stream) as events:
                    async for event in events:
                        yield event
            except grpc.aio.AioRpcError as error:
                raise from_rpc_error(error) from None

    async def generate(self, request: pb.GenerateRequest, call: Call, seconds: float | None = None) -> pb.GenerateResponse:
        """A whole generation."""
        return await self._unary("generate", self._router.Generate, request, call, seconds)

    async def embed(self, request: pb.EmbedRequest, call: Call, seconds: float | None = None) -> pb.EmbedResponse:
        """Vectors."""
        return await self._unary("embed", self._router.Embed, request, call, seconds)

    async def rerank(self, request: pb.RerankRequest, call: Call, seconds: float | None = None) -> pb.RerankResponse:
        """An order."""
        return await self._unary("rerank", self._router.Rerank, request, call, seconds)

    async def count_tokens(
        self, request: pb.CountTokensRequest, call: Call, seconds: float | None = None
    ) -> pb.CountTokensResponse:
        """A count."""
        return await self._unary("count_tokens", self._router.CountTokens, request, call, seconds)

    async def list_models(self, request: model_pb.ListModelsRequest, call: Call) -> model_pb.ListModelsResponse:
        """All models."""
        return await self._send(self._models.ListModels, request, call, None)

    async def get_model(self, request: model_pb.GetModelRequest, call: Call) -> model_pb.GetModelResponse:
        """One model."""
        return await self._send(self._models.GetModel, request, call, None)

    async def _unary(
        self, operation: str, method: Callable[..., Awaitable[A]], request: Request, call: Call, seconds: float | None
    ) -> A:
        with observed(operation, request.model, call):
            bounds.check(request)
            return await self._send(method, request, call, seconds)

    async def _send(self, method: Callable[..., Awaitable[A]], request: Any, call: Call, seconds: float | None) -> A:
        try:
            return await method(request, metadata=call.to_metadata(), timeout=self._bounded(seconds))
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None

    def _bounded(self, seconds: float | None) -> float:
        return self.call_seconds if seconds is None else min(seconds, self.call_seconds)
