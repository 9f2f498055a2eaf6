"""Text at the gateway: authenticated calls of either surface on their way to the router."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator

import grpc
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from thinmesh.model.v1 import model_service_pb2 as model_pb
from thinmesh.model.v1 import model_service_pb2_grpc as model_grpc

from thinmesh_core.channel import cancelling
from thinmesh_core.cost import cost
from thinmesh_core.telemetry import Observed
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.forwarding import Forwarding, Hear, Way, listen
from thinmesh_gateway.media.fetcher import NO_FETCHER, Fetcher
from thinmesh_gateway.policies import NO_POLICIES, Policies


class Inference(Forwarding):
    """The router's InferenceService and ModelService, as REST and gRPC alike see them."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        call_seconds: float,
        policies: Policies = NO_POLICIES,
        media: Fetcher = NO_FETCHER,
    ) -> None:
        super().__init__(call_seconds, policies, media)
        self._router = inference_grpc.InferenceServiceStub(channel)
        self._models = model_grpc.ModelServiceStub(channel)

    async def stream(
        self, request: pb.GenerateRequest, call: AuthorizedCall, hear: Hear, seconds: float | None = None
    ) -> AsyncGenerator[pb.GenerateEvent, None]:
        """The events of a generation."""
        with Observed("stream"), call, self.policies.open(call) as treatment:
            request = await self.prepared(request, call, treatment)
            until = time.monotonic() + self.bounded(seconds)
            way = Way(call.trail)
            while True:
                try:
                    left = until - time.monotonic()
                    stream = self._router.StreamGenerate(request, metadata=call.to_metadata(), timeout=left)
                    async with cancelling(stream):
                        while isinstance(event := await stream.read(), pb.GenerateEvent):  # else it is the end
                            if not way.heard:
                                way.heard = True
                                call.trail.estimate = cost(request).input
                                await listen(stream, hear)
                            call.trail.pieces += 1
                            if treatment is None:
                                yield event
                            elif (passed := treatment.event(event)) is not None:
                                yield passed
                    await way.done(stream)
                    if treatment is not None:
                        for event in await treatment.rest():
                            yield event
                    return
                except grpc.aio.AioRpcError as error:
                    way.failed(error)

    async def generate(
        self, request: pb.GenerateRequest, call: AuthorizedCall, hear: Hear, seconds: float | None = None
    ) -> pb.GenerateResponse:
        """A whole generation."""
        return await self.unary("generate", self._router.Generate, request, call, hear, seconds)

    async def embed(
        self, request: pb.EmbedRequest, call: AuthorizedCall, hear: Hear, seconds: float | None = None
    ) -> pb.EmbedResponse:
        """Vectors."""
        return await self.unary("embed", self._router.Embed, request, call, hear, seconds)

    async def rerank(
        self, request: pb.RerankRequest, call: AuthorizedCall, hear: Hear, seconds: float | None = None
    ) -> pb.RerankResponse:
        """An order."""
        return await self.unary("rerank", self._router.Rerank, request, call, hear, seconds)

    async def count_tokens(
        self, request: pb.CountTokensRequest, call: AuthorizedCall, hear: Hear, seconds: float | None = None
    ) -> pb.CountTokensResponse:
        """A count."""
        return await self.unary("count_tokens", self._router.CountTokens, request, call, hear, seconds)

    async def list_models(self, request: model_pb.ListModelsRequest, call: AuthorizedCall) -> model_pb.ListModelsResponse:
        """The models that may be asked for by any of their names."""
        answer = await self.send(self._models.ListModels, request, call)
        usable = [one for one in answer.models if any(name in call.models for name in (one.id, *one.aliases))]
        return model_pb.ListModelsResponse(models=usable)

    async def get_model(self, request: model_pb.GetModelRequest, call: AuthorizedCall) -> model_pb.GetModelResponse:
        """One model."""
        call.check(request.id)
        return await self.send(self._models.GetModel, request, call)
