"""The gRPC surface: the router's own services behind a key check."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import grpc
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from thinmesh.model.v1 import model_service_pb2 as model_pb
from thinmesh.model.v1 import model_service_pb2_grpc as model_grpc

from thinmesh_gateway.auth import Authenticator
from thinmesh_gateway.inference import Inference

Context = grpc.aio.ServicerContext[Any, Any]


class GatewayService(inference_grpc.InferenceServiceServicer, model_grpc.ModelServiceServicer):
    """InferenceService and ModelService for whoever has a key, sent as metadata `authorization: Bearer ...`."""

    def __init__(self, authenticator: Authenticator, inference: Inference) -> None:
        self._authenticator = authenticator
        self._inference = inference

    async def Generate(self, request: pb.GenerateRequest, context: Context) -> pb.GenerateResponse:
        """A whole generation."""
        return await self._inference.generate(request, self._authenticator.admit(context), context.time_remaining())

    async def StreamGenerate(self, request: pb.GenerateRequest, context: Context) -> AsyncGenerator[pb.GenerateEvent, None]:
        """The events of a generation."""
        async with aclosing(
            self._inference.stream(request, self._authenticator.admit(context), context.time_remaining())
        ) as events:
            async for event in events:
                yield event

    async def Embed(self, request: pb.EmbedRequest, context: Context) -> pb.EmbedResponse:
        """Vectors."""
        return await self._inference.embed(request, self._authenticator.admit(context), context.time_remaining())

    async def Rerank(self, request: pb.RerankRequest, context: Context) -> pb.RerankResponse:
        """An order."""
        return await self._inference.rerank(request, self._authenticator.admit(context), context.time_remaining())

    async def CountTokens(self, request: pb.CountTokensRequest, context: Context) -> pb.CountTokensResponse:
        """A count."""
        return await self._inference.count_tokens(request, self._authenticator.admit(context), context.time_remaining())

    async def ListModels(self, request: model_pb.ListModelsRequest, context: Context) -> model_pb.ListModelsResponse:
        """All models."""
        return await self._inference.list_models(request, self._authenticator.admit(context))

    async def GetModel(self, request: model_pb.GetModelRequest, context: Context) -> model_pb.GetModelResponse:
        """One model."""
        return await self._inference.get_model(request, self._authenticator.admit(context))
