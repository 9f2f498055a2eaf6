"""Tensors at the gateway: authenticated requests of either surface on their way to the router."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from importlib.metadata import version

import grpc
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc as tensor_grpc

from thinmesh_core.channel import cancelling
from thinmesh_core.telemetry import Observed
from thinmesh_core.tensor_stream import failed, once
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.forwarding import Forwarding, Hear, Way, listen
from thinmesh_gateway.media.fetcher import NO_FETCHER
from thinmesh_gateway.policies import NO_POLICIES, Policies

NAME = "thinmesh"
VERSION = version("thinmesh")
EXTENSIONS = ("binary_tensor_data", "classification", "model_configuration", "schedule_policy", "statistics")
"""Of Triton's protocol extensions, those that pass through the mesh."""


class Tensors(Forwarding):
    """The router's inference.GRPCInferenceService, as REST and gRPC alike see it."""

    def __init__(self, channel: grpc.aio.Channel, call_seconds: float, policies: Policies = NO_POLICIES) -> None:
        super().__init__(call_seconds, policies, NO_FETCHER)
        self._router = tensor_grpc.GRPCInferenceServiceStub(channel)

    async def infer(
        self, request: pb.ModelInferRequest, call: AuthorizedCall, hear: Hear, seconds: float | None = None
    ) -> pb.ModelInferResponse:
        """One answer."""
        return await self.unary("infer", self._router.ModelInfer, request, call, hear, seconds)

    async def stream(
        self, request: pb.ModelInferRequest, call: AuthorizedCall, hear: Hear, seconds: float | None = None
    ) -> AsyncGenerator[pb.ModelStreamInferResponse, None]:
        """The answers to one request of a stream."""
        with Observed("stream_infer"), call, self.policies.open(call) as treatment:
            request = await self.prepared(request, call, treatment)
            until = time.monotonic() + self.bounded(seconds)
            way = Way(call.trail)
            while True:
                try:
                    left = until - time.monotonic()
                    stream = self._router.ModelStreamInfer(once(request), metadata=call.to_metadata(), timeout=left)
                    async with cancelling(stream) as responses:
                        async for response in responses:
                            if not way.heard:
                                way.heard = True
                                await listen(stream, hear)
                            error = failed(response)
                            if error is not None:
                                raise error
                            yield response
                    await way.done(stream)
                    return
                except grpc.aio.AioRpcError as broken:
                    way.failed(broken)

    async def server_ready(self, call: AuthorizedCall) -> pb.ServerReadyResponse:
        """Whether any model with tensors takes calls."""
        return await self.send(self._router.ServerReady, pb.ServerReadyRequest(), call)

    async def ready(self, request: pb.ModelReadyRequest, call: AuthorizedCall) -> pb.ModelReadyResponse:
        """Whether a model takes calls."""
        call.check(request.name)
        return await self.send(self._router.ModelReady, request, call)

    async def metadata(self, request: pb.ModelMetadataRequest, call: AuthorizedCall) -> pb.ModelMetadataResponse:
        """Names, types and shapes of a model's tensors."""
        call.check(request.name)
        return await self.send(self._router.ModelMetadata, request, call)

    async def config(self, request: pb.ModelConfigRequest, call: AuthorizedCall) -> pb.ModelConfigResponse:
        """The engine's configuration of a model."""
        call.check(request.name)
        return await self.send(self._router.ModelConfig, request, call)

    async def statistics(self, request: pb.ModelStatisticsRequest, call: AuthorizedCall) -> pb.ModelStatisticsResponse:
        """What the engine counted for a model."""
        call.check(request.name)
        return await self.send(self._router.ModelStatistics, request, call)
