"""The tensor service at the router: every request admitted by itself, also those that share a stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from functools import partial
from typing import Any

import grpc
from thinmesh.inference.v1 import capability_pb2 as cap
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc as tensor_grpc

from thinmesh_core.call import Call, from_metadata
from thinmesh_core.channel import cancelling
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.tensor_stream import failed, multiplexed, once
from thinmesh_router.admission import Admission
from thinmesh_router.attempt import Attempt
from thinmesh_router.hedge import answered
from thinmesh_router.placement import Place, Wanted
from thinmesh_router.reception import received
from thinmesh_router.watchdog import Watchdog

Context = grpc.aio.ServicerContext[Any, Any]

NEEDS = frozenset({cap.CAPABILITY_TENSORS})
LOOK_SECONDS = 5.0
"""What a question about a model may take."""


class TensorService(tensor_grpc.GRPCInferenceServiceServicer):
    """Forwards tensors to backends unchanged; what is asked about a model is answered by one that serves it."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._placement = admission.placement

    async def ServerLive(self, request: pb.ServerLiveRequest, context: Context) -> pb.ServerLiveResponse:
        """It lives, since it answers."""
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(self, request: pb.ServerReadyRequest, context: Context) -> pb.ServerReadyResponse:
        """Whether any model with tensors takes calls."""
        return pb.ServerReadyResponse(ready=any(self._placement.able(model, NEEDS) for model in self._placement.table.routes))

    async def ModelReady(self, request: pb.ModelReadyRequest, context: Context) -> pb.ModelReadyResponse:
        """Whether a backend takes calls for it."""
        return pb.ModelReadyResponse(ready=bool(self._placement.able(request.name, NEEDS)))

    async def ModelMetadata(self, request: pb.ModelMetadataRequest, context: Context) -> pb.ModelMetadataResponse:
        """Names, types and shapes of its tensors."""
        place, call = self._look(request.name, context)
        return await place.backend.tensors.ModelMetadata(request, metadata=call.to_metadata(), timeout=LOOK_SECONDS)

    async def ModelConfig(self, request: pb.ModelConfigRequest, context: Context) -> pb.ModelConfigResponse:
        """Its configuration at the engine."""
        place, call = self._look(request.name, context)
        return await place.backend.tensors.ModelConfig(request, metadata=call.to_metadata(), timeout=LOOK_SECONDS)

    async def ModelStatistics(self, request: pb.ModelStatisticsRequest, context: Context) -> pb.ModelStatisticsResponse:
        """What one of its engines counted."""
        if not request.name:
            raise MeshError(Reason.INVALID_REQUEST, "Name the model whose statistics are asked for.", param="name")
        place, call = self._look(request.name, context)
        return await place.backend.tensors.ModelStatistics(request, metadata=call.to_metadata(), timeout=LOOK_SECONDS)

    async def ModelInfer(self, request: pb.ModelInferRequest, context: Context) -> pb.ModelInferResponse:
        """The backend's answer."""

        async def ask(attempt: Attempt) -> pb.ModelInferResponse:
            call = attempt.backend.tensors.ModelInfer
            answer = await call(request, metadata=attempt.metadata, timeout=attempt.seconds)
            attempt.heard()
            return answer

        with await received(self._admission, request, context, streaming=False) as ticket:
            answer = await answered(ticket, ask)
            ticket.answered(None)
            await ticket.tell(context)
            return answer

    async def ModelStreamInfer(
        self, request_iterator: AsyncIterable[pb.ModelInferRequest], context: Context
    ) -> AsyncGenerator[pb.ModelStreamInferResponse, None]:
        """The backends' answers as they come; each request goes where it finds room. The first to be answered is told of."""
        told: list[tuple[str, str]] = []
        begun = False
        async with aclosing(multiplexed(request_iterator, partial(self._answer, context, told))) as responses:
            async for response in responses:
                if told and not begun:
                    await context.send_initial_metadata(tuple(told))
                begun = True
                yield response

    async def _answer(
        self, context: Context, told: list[tuple[str, str]], request: pb.ModelInferRequest
    ) -> AsyncGenerator[pb.ModelStreamInferResponse, None]:
        with await received(self._admission, request, context, streaming=False) as ticket:
            while True:
                with await ticket.attempt() as attempt:
                    stub = attempt.backend.tensors
                    stream = stub.ModelStreamInfer(once(request), metadata=attempt.metadata, timeout=attempt.seconds)
                    async with cancelling(stream):
                        with Watchdog(stream, self._admission.config.watchdog) as watchdog:
                            watchdog.waits()
                            while isinstance(response := await stream.read(), pb.ModelStreamInferResponse):
                                watchdog.heard()
                                _check(response)
                                if not ticket.committed:
                                    attempt.heard()
                                    if not told:
                                        told += ticket.told()
                                yield response
                                watchdog.waits()
                    return

    def _look(self, model: str, context: Context) -> tuple[Place, Call]:
        """A backend to ask about a model, and the call as it sees it."""
        able = self._placement.able(model, NEEDS)
        if not able:
            raise self._placement.refusal(Wanted(model, NEEDS, set()))
        return able[0], from_metadata(context.invocation_metadata()).forwarded(able[0].model)


def _check(response: pb.ModelStreamInferResponse) -> None:
    error = failed(response)
    if error is not None:
        raise error
