"""The gRPC surface: the router's own services behind a key check."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from thinmesh.model.v1 import model_service_pb2 as model_pb
from thinmesh.model.v1 import model_service_pb2_grpc as model_grpc

from thinmesh_gateway.inference import Inference
from thinmesh_gateway.reception import Context, Reception, tell


class GatewayService(inference_grpc.InferenceServiceServicer, model_grpc.ModelServiceServicer):
    """InferenceService and ModelService for whoever has a key, sent as metadata `authorization: Bearer ...`."""

    def __init__(self, reception: Reception, inference: Inference) -> None:
        self._reception = reception
        self._inference = inference

    async def Generate(self, request: pb.GenerateRequest, context: Context) -> pb.GenerateResponse:
        """A whole generation."""
        return await self._reception.unary(self._inference.generate, request, context, pb.GenerateResponse)

    async def StreamGenerate(self, request: pb.GenerateRequest, context: Context) -> AsyncGenerator[pb.GenerateEvent, None]:
        """The events of a generation."""
        told: dict[str, str] = {}
        with self._reception.streaming(context) as call:
            async with aclosing(self._inference.stream(request, call, told.update, context.time_remaining())) as events:
                async for event in events:
                    if told:
                        await tell(context, told)
                    yield event

    async def Embed(self, request: pb.EmbedRequest, context: Context) -> pb.EmbedResponse:
        """Vectors."""
        return await self._reception.unary(self._inference.embed, request, context, pb.EmbedResponse)

    async def Rerank(self, request: pb.RerankRequest, context: Context) -> pb.RerankResponse:
        """An order."""
        return await self._reception.unary(self._inference.rerank, request, context, pb.RerankResponse)

    async def CountTokens(self, request: pb.CountTokensRequest, context: Context) -> pb.CountTokensResponse:
        """A count."""
        return await self._reception.unary(self._inference.count_tokens, request, context, pb.CountTokensResponse)

    async def ListModels(self, request: model_pb.ListModelsRequest, context: Context) -> model_pb.ListModelsResponse:
        """All models."""
        with self._reception.admit(context) as call:
            return await self._inference.list_models(request, call)

    async def GetModel(self, request: model_pb.GetModelRequest, context: Context) -> model_pb.GetModelResponse:
        """One model."""
        with self._reception.admit(context) as call:
            return await self._inference.get_model(request, call)
