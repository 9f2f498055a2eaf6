"""InferenceService at the router: resolve, admit, forward; another backend is tried only before the first event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeVar

import grpc
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc

from thinmesh_core.call import Call, from_metadata
from thinmesh_core.capabilities import Request, choices, required
from thinmesh_core.channel import cancelling
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.rules import StreamRules
from thinmesh_core.status import from_rpc_error
from thinmesh_router.admission import Admission, Place
from thinmesh_router.config import RouterConfig
from thinmesh_router.watchdog import Watchdog

Context = grpc.aio.ServicerContext[Any, Any]
A = TypeVar("A")


class InferenceService(inference_grpc.InferenceServiceServicer):
    """Forwards each call to a backend, unchanged, with its deadline and identity."""

    def __init__(self, admission: Admission, config: RouterConfig) -> None:
        self.config = config
        self._admission = admission

    async def StreamGenerate(self, request: pb.GenerateRequest, context: Context) -> AsyncGenerator[pb.GenerateEvent, None]:
        """The backend's events, as they come."""
        attempts = _Attempts(self._admission, request, context)
        while True:
            with await attempts.admitted() as place:
                try:
                    stub = place.backend.inference
                    stream = stub.StreamGenerate(request, metadata=attempts.metadata(place), timeout=self._timeout(context))
                    async with cancelling(stream), aclosing(self._watched(stream, request)) as events:
                        async for event in events:
                            attempts.committed = True
                            yield event
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
        attempts = _Attempts(self._admission, request, context)
        while True:
            with await attempts.admitted() as place:
                try:
                    call = method(place)
                    return await call(request, metadata=attempts.metadata(place), timeout=self._timeout(context))
                except grpc.aio.AioRpcError as error:
                    attempts.failed(place, from_rpc_error(error))

    async def _watched(self, stream: Any, request: pb.GenerateRequest) -> AsyncGenerator[pb.GenerateEvent, None]:
        """The stream's events while it keeps to the rules and is never silent for too long.

        Only the wait for the backend is timed: a slow reader is nobody's fault.
        """
        rules = StreamRules(choices(request))
        watchdog = Watchdog(stream, self.config.watchdog.first_event_seconds)
        try:
            while True:
                watchdog.waits()
                event = await stream.read()
                watchdog.heard()
                if event is grpc.aio.EOF:
                    rules.end()
                    return
                if rules.fresh:
                    watchdog.expect(self.config.watchdog.idle_seconds)
                rules.check(event)
                yield event
        except (grpc.aio.AioRpcError, asyncio.CancelledError):
            if watchdog.expired:
                raise MeshError(Reason.ENGINE_UNAVAILABLE, "The model's engine fell silent.") from None
            raise
        finally:
            watchdog.close()

    def _timeout(self, context: Context) -> float:
        remaining: float | None = context.time_remaining()
        return self.config.call_seconds if remaining is None else remaining


class _Attempts:
    """One call's tries: no backend twice, none after the first event, and what the last one said if there is no other."""

    def __init__(self, admission: Admission, request: Request, context: Context) -> None:
        self.committed = False
        self._model = request.model
        if isinstance(request, pb.GenerateRequest) and request.HasField("engine_options_json"):
            admission.table.resolve(request.model).check_options(request.engine_options_json)
        self._admission = admission
        self._needs = required(request)
        self._call: Call = from_metadata(context.invocation_metadata())
        self._tried: set[str] = set()
        self._last: MeshError | None = None

    async def admitted(self) -> Any:
        """The ticket of the next try."""
        try:
            return await self._admission.admit(self._model, self._needs, self._tried)
        except MeshError as error:
            raise self._last or error from None

    def metadata(self, place: Place) -> Any:
        """What goes with the request to this backend."""
        return self._call.forwarded(place.model).to_metadata()

    def failed(self, place: Place, error: MeshError) -> None:
        """Returns where another backend may try; raises what the caller is told otherwise."""
        if error.reason is Reason.BACKEND_FULL:
            error = MeshError(Reason.OVERLOADED, error.message, retry_after=error.retry_after)
        if self.committed or not error.row.retryable:
            raise error from None
        self._tried.add(place.backend.name)
        self._last = error
