"""InferenceService at the router: resolve, admit, forward; another backend is tried only before the first event."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeVar

import grpc
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc

from thinmesh_core import capabilities
from thinmesh_core.call import from_metadata
from thinmesh_core.capabilities import Request, choices, required
from thinmesh_core.channel import cancelling
from thinmesh_core.errors import MeshError
from thinmesh_core.rules import StreamRules
from thinmesh_core.status import from_rpc_error
from thinmesh_router.admission import Admission, Place
from thinmesh_router.attempts import Attempts
from thinmesh_router.config import RouterConfig
from thinmesh_router.watchdog import watched

Context = grpc.aio.ServicerContext[Any, Any]
A = TypeVar("A")


class InferenceService(inference_grpc.InferenceServiceServicer):
    """Forwards each call to a backend, unchanged, with its deadline and identity."""

    def __init__(self, admission: Admission, config: RouterConfig) -> None:
        self.config = config
        self._admission = admission

    async def StreamGenerate(self, request: pb.GenerateRequest, context: Context) -> AsyncGenerator[pb.GenerateEvent, None]:
        """The backend's events, as they come."""
        attempts = self._attempts(request, context)
        while True:
            with await attempts.admitted() as place:
                try:
                    rules = StreamRules(choices(request))
                    stub = place.backend.inference
                    stream = stub.StreamGenerate(request, metadata=attempts.metadata(place), timeout=self._timeout(context))
                    async with cancelling(stream), aclosing(watched(stream, self.config.watchdog, rules.check)) as events:
                        async for event in events:
                            attempts.committed = True
                            yield event
                    rules.end()
                    return
                except grpc.aio.AioRpcError as error:
                    attempts.failed(place, from_rpc_error(error))
                except MeshError as error:
                    attempts.failed(place, error)

    async def Generate(self, request: pb.GenerateRequest, context: Context) -> pb.GenerateResponse:
        """The backend's whole answer."""
        return await self._unary(request, context, lambda place: place.backend.inference.Generate)

    async def Embed(self, request: pb.EmbedRequest, context: Context) -> pb.EmbedResponse:
        """The backend's vectors."""
        return await self._unary(request, context, lambda place: place.backend.inference.Embed)

    async def Rerank(self, request: pb.RerankRequest, context: Context) -> pb.RerankResponse:
        """The backend's order."""
        return await self._unary(request, context, lambda place: place.backend.inference.Rerank)

    async def CountTokens(self, request: pb.CountTokensRequest, context: Context) -> pb.CountTokensResponse:
        """The backend's count."""
        return await self._unary(request, context, lambda place: place.backend.inference.CountTokens)

    async def _unary(self, request: Request, context: Context, method: Callable[[Place], Callable[..., Awaitable[A]]]) -> A:
        attempts = self._attempts(request, context)
        while True:
            with await attempts.admitted() as place:
                try:
                    call = method(place)
                    return await call(request, metadata=attempts.metadata(place), timeout=self._timeout(context))
                except grpc.aio.AioRpcError as error:
                    attempts.failed(place, from_rpc_error(error))

    def _attempts(self, request: Request, context: Context) -> Attempts:
        model = capabilities.model(request)
        if isinstance(request, pb.GenerateRequest) and request.HasField("engine_options_json"):
            self._admission.table.resolve(model).check_options(request.engine_options_json)
        return Attempts(self._admission, model, required(request), from_metadata(context.invocation_metadata()))

    def _timeout(self, context: Context) -> float:
        remaining: float | None = context.time_remaining()
        return self.config.call_seconds if remaining is None else remaining
