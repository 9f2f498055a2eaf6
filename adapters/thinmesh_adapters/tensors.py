"""The tensor half of the host: serves an adapter that declares tensors as inference.GRPCInferenceService."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import AbstractContextManager, aclosing
from functools import partial
from typing import Any

import grpc
from thinmesh.inference.v1 import capability_pb2 as cap
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc as tensor_grpc

from thinmesh_adapters.contract import Adapter, Model
from thinmesh_adapters.engine_span import EngineSpan
from thinmesh_core.call import Call, from_metadata
from thinmesh_core.capabilities import Request
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.tensor_stream import multiplexed

Context = grpc.aio.ServicerContext[Any, Any]
Admitted = Callable[[Request, Call], AbstractContextManager[None]]
Served = Callable[[str], Model]


class TensorService(tensor_grpc.GRPCInferenceServiceServicer):
    """Admits each request as the host does, under the engine's name for the model; answers bear the caller's name."""

    def __init__(self, kind: str, adapter: Adapter[Any], admitted: Admitted, served: Served) -> None:
        self._kind = kind
        self._adapter = adapter
        self._admitted = admitted
        self._served = served

    async def ServerLive(self, request: pb.ServerLiveRequest, context: Context) -> pb.ServerLiveResponse:
        """It lives, since it answers."""
        return pb.ServerLiveResponse(live=True)

    async def ModelReady(self, request: pb.ModelReadyRequest, context: Context) -> pb.ModelReadyResponse:
        """Whether the engine serves it with tensors."""
        return pb.ModelReadyResponse(ready=cap.CAPABILITY_TENSORS in self._served(_asked(request.name, context)).capabilities)

    async def ModelMetadata(self, request: pb.ModelMetadataRequest, context: Context) -> pb.ModelMetadataResponse:
        """Names, types and shapes of its tensors."""
        answer = await self._adapter.model_metadata(self._model(request.name, context), request.version)
        answer.name = request.name
        return answer

    async def ModelConfig(self, request: pb.ModelConfigRequest, context: Context) -> pb.ModelConfigResponse:
        """The engine's configuration of it."""
        return await self._adapter.model_config(self._model(request.name, context), request.version)

    async def ModelStatistics(self, request: pb.ModelStatisticsRequest, context: Context) -> pb.ModelStatisticsResponse:
        """What the engine counted."""
        answer = await self._adapter.model_statistics(self._model(request.name, context), request.version)
        for one in answer.model_stats:
            one.name = request.name
        return answer

    async def ModelInfer(self, request: pb.ModelInferRequest, context: Context) -> pb.ModelInferResponse:
        """The adapter's answer."""
        call = from_metadata(context.invocation_metadata(), context.time_remaining())
        with EngineSpan(self._kind, request, call) as span, self._admitted(request, call):
            answer = await self._adapter.infer(self._for_engine(request, call), span.call)
        answer.model_name = request.model_name
        return answer

    async def ModelStreamInfer(
        self, request_iterator: AsyncIterable[pb.ModelInferRequest], context: Context
    ) -> AsyncGenerator[pb.ModelStreamInferResponse, None]:
        """The adapter's answers to each request."""
        async with aclosing(multiplexed(request_iterator, partial(self._stream, context))) as responses:
            async for response in responses:
                yield response

    async def _stream(
        self, context: Context, request: pb.ModelInferRequest
    ) -> AsyncGenerator[pb.ModelStreamInferResponse, None]:
        call = from_metadata(context.invocation_metadata(), context.time_remaining())
        with EngineSpan(self._kind, request, call) as span, self._admitted(request, call):
            async with aclosing(self._adapter.stream_infer(self._for_engine(request, call), span.call)) as responses:
                async for response in responses:
                    response.infer_response.model_name = request.model_name
                    yield response

    def _model(self, asked: str, context: Context) -> str:
        """The engine's name of a model that has tensors."""
        model = self._served(_asked(asked, context))
        if cap.CAPABILITY_TENSORS not in model.capabilities:
            raise MeshError(Reason.CAPABILITY_MISSING, f"The model {asked!r} does not support: tensors.")
        return model.name

    def _for_engine(self, request: pb.ModelInferRequest, call: Call) -> pb.ModelInferRequest:
        """The request under the engine's name for the model; a copy, since messages are read-only after sending."""
        name = self._served(call.model or request.model_name).name
        if name == request.model_name:
            return request
        renamed = pb.ModelInferRequest()
        renamed.CopyFrom(request)
        renamed.model_name = name
        return renamed


def _asked(asked: str, context: Context) -> str:
    return from_metadata(context.invocation_metadata()).model or asked
