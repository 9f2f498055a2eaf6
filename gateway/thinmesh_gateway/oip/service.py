"""inference.GRPCInferenceService for whoever has a key: an unchanged tritonclient works, with the key in its headers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing

from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc as tensor_grpc

from thinmesh_core.tensor_stream import multiplexed
from thinmesh_gateway.reception import Context, Reception, tell
from thinmesh_gateway.tensors import EXTENSIONS, NAME, VERSION, Tensors


class TensorService(tensor_grpc.GRPCInferenceServiceServicer):
    """What concerns inference is forwarded. Repository, shared memory, trace and log are UNIMPLEMENTED: an operator's."""

    def __init__(self, reception: Reception, tensors: Tensors) -> None:
        self._reception = reception
        self._tensors = tensors

    async def ServerLive(self, request: pb.ServerLiveRequest, context: Context) -> pb.ServerLiveResponse:
        """It lives, since it answers."""
        with self._reception.admit(context):
            return pb.ServerLiveResponse(live=True)

    async def ServerReady(self, request: pb.ServerReadyRequest, context: Context) -> pb.ServerReadyResponse:
        """Whether any model with tensors takes calls."""
        with self._reception.admit(context) as call:
            return await self._tensors.server_ready(call)

    async def ServerMetadata(self, request: pb.ServerMetadataRequest, context: Context) -> pb.ServerMetadataResponse:
        """The mesh's name and version."""
        with self._reception.admit(context):
            return pb.ServerMetadataResponse(name=NAME, version=VERSION, extensions=EXTENSIONS)

    async def ModelReady(self, request: pb.ModelReadyRequest, context: Context) -> pb.ModelReadyResponse:
        """Whether a model takes calls."""
        with self._reception.admit(context) as call:
            return await self._tensors.ready(request, call)

    async def ModelMetadata(self, request: pb.ModelMetadataRequest, context: Context) -> pb.ModelMetadataResponse:
        """Names, types and shapes of a model's tensors."""
        with self._reception.admit(context) as call:
            return await self._tensors.metadata(request, call)

    async def ModelConfig(self, request: pb.ModelConfigRequest, context: Context) -> pb.ModelConfigResponse:
        """The engine's configuration of a model."""
        with self._reception.admit(context) as call:
            return await self._tensors.config(request, call)

    async def ModelStatistics(self, request: pb.ModelStatisticsRequest, context: Context) -> pb.ModelStatisticsResponse:
        """What the engine counted for a model."""
        with self._reception.admit(context) as call:
            return await self._tensors.statistics(request, call)

    async def ModelInfer(self, request: pb.ModelInferRequest, context: Context) -> pb.ModelInferResponse:
        """One answer."""
        return await self._reception.unary(self._tensors.infer, request, context, pb.ModelInferResponse)

    async def ModelStreamInfer(
        self, request_iterator: AsyncIterable[pb.ModelInferRequest], context: Context
    ) -> AsyncGenerator[pb.ModelStreamInferResponse, None]:
        """The answers to each request, which counts as a call of its own; of what they tell the first's is sent."""
        told: dict[str, str] = {}

        def answer(request: pb.ModelInferRequest) -> AsyncGenerator[pb.ModelStreamInferResponse, None]:
            return self._tensors.stream(request, call.each(), told.update, context.time_remaining())

        begun = False
        with self._reception.streaming(context) as call:
            async with aclosing(multiplexed(request_iterator, answer)) as responses:
                async for response in responses:
                    if told and not begun:
                        await tell(context, told)
                    begun = True
                    yield response
